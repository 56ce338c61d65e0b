//! Finding the route of a request: a prefix tree, built once.

use std::collections::BTreeMap;

use http::HeaderValue;

use super::Route;
use super::methods::{MethodName, Methods};

/// Where one path pattern leads, by method.
#[derive(Clone, Debug, Default)]
struct Place {
    routes: [Option<usize>; MethodName::ALL.len()],
    methods: Methods,
    allow: Option<HeaderValue>,
}

/// All routes.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    places: matchit::Router<Place>,
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

impl RouteTable {
    /// A table of these routes by normal pattern and method; the patterns are valid and no two are alike.
    pub(super) fn new(
        routes: Vec<Route>,
        by_pattern: &BTreeMap<String, Vec<(MethodName, usize)>>,
    ) -> Result<Self, matchit::InsertError> {
        let mut places = matchit::Router::new();
        for (pattern, methods) in by_pattern {
            let place = Place::of(methods);
            // `/x/{*rest}` covers `/x` too: otherwise a wider route would let through what this one guards.
            let own = pattern
                .rsplit_once("/{*")
                .map(|(prefix, _)| prefix)
                .filter(|prefix| !prefix.is_empty() && !by_pattern.contains_key(*prefix));
            if let Some(prefix) = own {
                places.insert(prefix, place.clone())?;
            }
            places.insert(pattern.as_str(), place)?;
        }
        Ok(Self { routes, places })
    }

    /// The route of a request.
    #[must_use]
    pub fn find(&self, method: Option<MethodName>, path: &str) -> Found<'_> {
        let Ok(found) = self.places.at(path) else {
            return Found::Nothing;
        };
        // A slash at the end makes another path, and a catch-all that took it would take it from a narrower route.
        if path.ends_with('/') {
            return Found::Nothing;
        }
        let place = found.value;
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
