//! What a client asks of an API server.

use http::Method;
use http::Request;
use kube::client::Body;
use serde_json::Value;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Apply,
    Update,
    Delete,
}

impl Verb {
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// One request, without its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Asked {
    pub(crate) verb: Verb,
    /// In the plural, such as `deployments` or `shopplatforms/status`.
    pub(crate) resource: String,
    /// Empty if it is about all.
    pub(crate) name: String,
}

impl Asked {
    pub(crate) fn of(request: &Request<Body>) -> Self {
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
        let path = match path.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            other => other,
        };
        let path = match path {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            other => other,
        };
        let (resource, name) = match path {
            [resource] => ((*resource).to_owned(), String::new()),
            [resource, name] => ((*resource).to_owned(), (*name).to_owned()),
            [resource, name, rest @ ..] => {
                (format!("{resource}/{}", rest.join("/")), (*name).to_owned())
            }
            [] => (String::new(), String::new()),
        };
        let verb = match *request.method() {
            Method::GET if is_watch(request) => Verb::Watch,
            Method::GET if name.is_empty() => Verb::List,
            Method::GET => Verb::Get,
            Method::POST => Verb::Create,
            Method::DELETE => Verb::Delete,
            Method::PATCH if applies(request) => Verb::Apply,
            _ => Verb::Update,
        };
        Self {
            verb,
            resource,
            name: if verb == Verb::Create {
                name_in(request).unwrap_or(name)
            } else {
                name
            },
        }
    }
}

fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}

fn applies(request: &Request<Body>) -> bool {
    let content = request.headers().get(http::header::CONTENT_TYPE);
    content.is_some_and(|content| content == "application/apply-patch+yaml")
}

/// The name of an object that is to be created.
fn name_in(request: &Request<Body>) -> Option<String> {
    use http_body_util::BodyExt as _;
    let body = futures_util::FutureExt::now_or_never(request.body().try_clone()?.collect())?;
    let object: Value = serde_json::from_slice(&body.ok()?.to_bytes()).ok()?;
    Some(object.pointer("/metadata/name")?.as_str()?.to_owned())
}
