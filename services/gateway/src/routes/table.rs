//! Finding the route of a request: a tree of segments, built once.

use std::collections::HashMap;

use http::HeaderValue;

use super::Route;
use super::methods::{MethodName, Methods};

/// All routes.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    root: Node,
}

/// What a request's path and method lead to.
#[derive(Debug)]
pub enum Found<'a> {
    /// A route, and its number in the table.
    Route(&'a Route, usize),
    /// The path has other methods only.
    OtherMethods {
        /// They.
        methods: Methods,
        /// As the value of `Allow`.
        allow: Option<&'a HeaderValue>,
    },
    /// No route has this path.
    Nothing,
}

/// What may follow after some segments. A text is narrower than any one segment, and that is narrower than all the rest.
#[derive(Debug, Default)]
struct Node {
    texts: HashMap<Box<str>, Node>,
    any: Option<Box<Node>>,
    rest: Option<Place>,
    here: Option<Place>,
}

/// Where one path pattern leads, by method.
#[derive(Debug, Default)]
struct Place {
    routes: [Option<usize>; MethodName::ALL.len()],
    methods: Methods,
    allow: Option<HeaderValue>,
}

impl RouteTable {
    /// A table of these routes and of where each pattern leads by method. Patterns are valid.
    pub(super) fn new<'a>(
        routes: Vec<Route>,
        patterns: impl IntoIterator<Item = (&'a str, &'a [(MethodName, usize)])>,
    ) -> Self {
        let mut root = Node::default();
        for (pattern, methods) in patterns {
            root.add(pattern, Place::of(methods));
        }
        Self { routes, root }
    }

    /// The route of a request. The path is plain, as `path::is_plain` says it; one that ends with a slash has no route.
    #[must_use]
    pub fn find(&self, method: Option<MethodName>, path: &str) -> Found<'_> {
        let place = path
            .strip_prefix('/')
            .filter(|path| !path.ends_with('/'))
            .and_then(|path| self.root.find(Some(path)));
        let Some(place) = place else {
            return Found::Nothing;
        };
        let number = method.and_then(|method| *place.routes.get(method as usize)?);
        match number.and_then(|number| Some((self.routes.get(number)?, number))) {
            Some((route, number)) => Found::Route(route, number),
            None => Found::OtherMethods {
                methods: place.methods,
                allow: place.allow.as_ref(),
            },
        }
    }

    /// The routes, in the order of their numbers.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

impl Node {
    fn add(&mut self, pattern: &str, place: Place) {
        let mut node = self;
        for segment in pattern.trim_start_matches('/').split('/') {
            if segment.starts_with("{*") {
                node.rest = Some(place);
                return;
            }
            node = if segment.starts_with('{') {
                node.any.get_or_insert_default()
            } else {
                node.texts.entry(segment.into()).or_default()
            };
        }
        node.here = Some(place);
    }

    /// The narrowest place for what is left of a path. `/x/{*rest}` covers `/x` too: otherwise a wider route would let
    /// through what this one guards. Each node is looked at once at most, so no path makes this slow.
    fn find(&self, left: Option<&str>) -> Option<&Place> {
        let Some(left) = left else {
            return self.here.as_ref().or(self.rest.as_ref());
        };
        let (segment, after) = match left.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (left, None),
        };
        self.texts
            .get(segment)
            .and_then(|node| node.find(after))
            .or_else(|| self.any.as_ref()?.find(after))
            .or(self.rest.as_ref())
    }
}

impl Place {
    fn of(methods: &[(MethodName, usize)]) -> Self {
        let mut place = Self {
            methods: methods.iter().map(|(method, _)| *method).collect(),
            ..Self::default()
        };
        for (method, number) in methods {
            if let Some(route) = place.routes.get_mut(*method as usize) {
                *route = Some(*number);
            }
        }
        place.allow = HeaderValue::try_from(place.methods.allow()).ok();
        place
    }
}
