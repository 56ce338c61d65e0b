//! Sets of HTTP methods.

use http::Method;
use serde::Deserialize;

/// A method that a route may list. `CONNECT` and `TRACE` cannot be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MethodName {
    /// Reads; allows `HEAD` too.
    Get,
    /// Reads the headers only.
    Head,
    /// Acts or creates.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// Asks what is possible.
    Options,
}

impl MethodName {
    /// Every method, in the order of `Allow`.
    pub const ALL: [Self; 7] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
    ];

    /// The method of a request, if it is one that can be routed.
    #[must_use]
    pub fn of(method: &Method) -> Option<Self> {
        Some(match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            Method::OPTIONS => Self::Options,
            _ => return None,
        })
    }

    /// Its text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// A set of methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// The methods that a route answers which lists these: `HEAD` comes with `GET`.
    #[must_use]
    pub fn of_route(listed: &[MethodName]) -> Self {
        let mut methods = listed.iter().copied().collect::<Self>();
        if methods.contains(MethodName::Get) {
            methods.0 |= MethodName::Head.bit();
        }
        methods
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(self, method: MethodName) -> bool {
        self.0 & method.bit() != 0
    }

    /// Its methods, in the order of `Allow`.
    pub fn iter(self) -> impl Iterator<Item = MethodName> {
        MethodName::ALL
            .into_iter()
            .filter(move |method| self.contains(*method))
    }

    /// As the value of `Allow`.
    #[must_use]
    pub fn allow(self) -> String {
        let names: Vec<_> = self.iter().map(MethodName::as_str).collect();
        names.join(", ")
    }
}

impl FromIterator<MethodName> for Methods {
    fn from_iter<I: IntoIterator<Item = MethodName>>(methods: I) -> Self {
        Self(
            methods
                .into_iter()
                .fold(0, |set, method| set | method.bit()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_comes_with_get() {
        let methods = Methods::of_route(&[MethodName::Post, MethodName::Get]);
        assert_eq!(methods.allow(), "GET, HEAD, POST");
        assert!(!methods.contains(MethodName::Delete));
    }
}
