//! Reading routes and refusing wrong ones, each with its place in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry::{Mode, RateRule, RouteEntry, RouteFile};
use super::methods::{MethodName, Methods};
use super::table::RouteTable;
use super::{RESERVED, Route, path};
use crate::settings::{LimitSettings, Settings};

/// The routes of the binary.
const DEFAULT: &str = include_str!("default.yaml");
/// How the routes of the binary are called in errors.
const DEFAULT_NAME: &str = "the routes of the binary";
/// Why routes were refused.
#[derive(Debug, thiserror::Error)]
pub enum RoutesError {
    /// The file cannot be read.
    #[error("cannot read the routes file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not YAML.
    #[error("{file} is not YAML")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: serde_yaml::Error,
    },
    /// An entry is wrong.
    #[error("{file}: {place}: {message}")]
    Entry {
        /// The file.
        file: String,
        /// Where in it, such as `routes[3].upstream`.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// The routes that the settings ask for.
pub(crate) fn load(settings: &Settings) -> Result<RouteTable, RoutesError> {
    let names: BTreeSet<&str> = settings.upstreams.keys().map(String::as_str).collect();
    let mut routes = Routes::default();
    let file = settings.routes_file.as_deref().map(read).transpose()?;
    if !matches!(&file, Some((_, file)) if file.mode == Mode::Replace) {
        let defaults = parse(DEFAULT_NAME, DEFAULT)?;
        routes.add(DEFAULT_NAME, defaults.routes, &names, settings.limits)?;
    }
    if let Some((name, file)) = file {
        routes.add(&name, file.routes, &names, settings.limits)?;
    }
    let patterns = &routes.by_pattern;
    let patterns = patterns
        .iter()
        .map(|(pattern, methods)| (pattern.as_str(), methods.as_slice()));
    Ok(RouteTable::new(routes.routes, patterns))
}

fn read(path: &Path) -> Result<(String, RouteFile), RoutesError> {
    let text = std::fs::read_to_string(path).map_err(|source| RoutesError::Read {
        path: path.to_owned(),
        source,
    })?;
    let name = path.display().to_string();
    let file = parse(&name, &text)?;
    Ok((name, file))
}

fn parse(file: &str, text: &str) -> Result<RouteFile, RoutesError> {
    let yaml = |source| RoutesError::Yaml {
        file: file.to_owned(),
        source,
    };
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(yaml)?;
    // By way of JSON, because YAML writes the variants of an enum as tags, which nobody expects in such a file.
    let value: serde_json::Value = serde_yaml::from_value(value).map_err(yaml)?;
    serde_path_to_error::deserialize(value).map_err(|error| RoutesError::Entry {
        file: file.to_owned(),
        place: error.path().to_string(),
        message: error.into_inner().to_string(),
    })
}

/// The routes read so far.
#[derive(Default)]
struct Routes {
    routes: Vec<Route>,
    by_pattern: BTreeMap<String, Vec<(MethodName, usize)>>,
}

impl Routes {
    /// Adds the routes of one file: what it says about a path and method counts more than what files before it said.
    fn add(
        &mut self,
        file: &str,
        entries: Vec<RouteEntry>,
        upstreams: &BTreeSet<&str>,
        limits: LimitSettings,
    ) -> Result<(), RoutesError> {
        let mut seen = BTreeMap::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let refuse = |(field, message): (&str, String)| RoutesError::Entry {
                file: file.to_owned(),
                place: format!("routes[{index}]{field}"),
                message,
            };
            let pattern = normal(&entry.path).map_err(|message| refuse((".path", message)))?;
            check(&entry, upstreams).map_err(refuse)?;
            let number = self.routes.len();
            let places = self.by_pattern.entry(pattern.clone()).or_default();
            for method in Methods::of_route(&entry.methods).iter() {
                if let Some(other) = seen.insert((pattern.clone(), method.as_str()), index) {
                    let method = method.as_str();
                    let message = format!(
                        "{method} {} is routed by routes[{other}] already",
                        entry.path
                    );
                    return Err(refuse(("", message)));
                }
                places.retain(|(known, _)| *known != method);
                places.push((method, number));
            }
            self.routes.push(route(entry, limits));
        }
        Ok(())
    }
}

fn route(entry: RouteEntry, limits: LimitSettings) -> Route {
    Route {
        pattern: entry.path,
        upstream: entry.upstream,
        access: entry.access,
        timeout: Duration::from_millis(entry.timeout_ms.unwrap_or(limits.timeout_ms)),
        max_body_bytes: entry.max_body_bytes.unwrap_or(limits.max_body_bytes),
        max_header_bytes: entry.max_header_bytes.unwrap_or(limits.max_header_bytes),
        rate_limit: entry.rate_limit,
        streaming: entry.streaming,
    }
}

fn check(entry: &RouteEntry, upstreams: &BTreeSet<&str>) -> Result<(), (&'static str, String)> {
    if entry.methods.is_empty() {
        return Err((".methods", "list at least one method".to_owned()));
    }
    if !upstreams.contains(entry.upstream.as_str()) {
        let known: Vec<_> = upstreams.iter().copied().collect();
        let (name, known) = (&entry.upstream, known.join(", "));
        return Err((
            ".upstream",
            format!("unknown upstream \"{name}\"; known: {known}"),
        ));
    }
    if entry.access.is_empty() {
        return Err((".access", "an empty list lets nobody through".to_owned()));
    }
    let numbers = [
        (".timeout_ms", entry.timeout_ms == Some(0)),
        (".max_body_bytes", entry.max_body_bytes == Some(0)),
        (".max_header_bytes", entry.max_header_bytes == Some(0)),
        (
            ".rate_limit.requests",
            rate(entry, |rule| rule.requests == 0),
        ),
        (
            ".rate_limit.window_s",
            rate(entry, |rule| rule.window_s == 0),
        ),
        (
            ".rate_limit.burst",
            rate(entry, |rule| rule.burst == Some(0)),
        ),
    ];
    match numbers.into_iter().find(|(_, zero)| *zero) {
        Some((field, _)) => Err((field, "must be at least 1".to_owned())),
        None => Ok(()),
    }
}

fn rate(entry: &RouteEntry, wrong: impl Fn(&RateRule) -> bool) -> bool {
    entry.rate_limit.as_ref().is_some_and(wrong)
}

/// The pattern with its parameters numbered, so that two that mean the same are the same.
fn normal(pattern: &str) -> Result<String, String> {
    let Some(rest) = pattern.strip_prefix('/') else {
        return Err(format!("\"{pattern}\" does not begin with a slash"));
    };
    if RESERVED.contains(&pattern) || pattern.starts_with("/docs/") {
        return Err(format!(
            "{pattern} is answered by the gateway itself or never routed"
        ));
    }
    let mut normal = String::with_capacity(pattern.len());
    let last = rest.split('/').count() - 1;
    for (index, segment) in rest.split('/').enumerate() {
        normal.push('/');
        match parameter(segment) {
            Some(name) if name.starts_with('*') && index < last => {
                return Err(format!("{segment} must be the end of the path"));
            }
            Some(name) if name.starts_with('*') => normal.push_str("{*rest}"),
            Some(_) => normal.push_str(&numbered(index)),
            None if !segment.is_empty() && path::is_plain(&format!("/{segment}")) => {
                normal.push_str(segment);
            }
            None => {
                return Err(format!(
                    "\"{segment}\" is not a segment of a path, {{name}} or {{*name}}"
                ));
            }
        }
    }
    Ok(normal)
}

fn parameter(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let word = name.strip_prefix('*').unwrap_or(name);
    let valid = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    valid.then_some(name)
}

fn numbered(index: usize) -> String {
    format!("{{p{index}}}")
}
