//! Where a server is, as a URI says it, without who signs in.

/// Where a server is. Made of a URI that is secret; nothing of this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Such as `postgres`.
    pub scheme: String,
    /// Its hosts with their ports: those of the scheme where the URI says none. At least one.
    pub hosts: Vec<(String, u16)>,
    /// What stands after the slash: a database or virtual host, as it is written; empty for none.
    pub path: String,
    /// What stands after the question mark, as it is written, without parts that name a user or password; empty for none.
    pub options: String,
}

/// Why a text is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has no scheme.
    #[error("it does not begin with a scheme such as postgres://")]
    NoScheme,
    /// The scheme is not known.
    #[error(
        "its scheme is none of mongodb, mongodb+srv, postgres, postgresql, amqp, amqps, http, https, smtp and smtps"
    )]
    UnknownScheme,
    /// A host is missing.
    #[error("it names no host")]
    NoHost,
    /// A port is no number from 1 to 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
}

impl Address {
    /// The address that a URI tells. Several hosts are separated by commas, as MongoDB and PostgreSQL have it.
    pub fn of_uri(uri: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = uri
            .trim_end()
            .split_once("://")
            .ok_or(AddressError::NoScheme)?;
        let default_port = port_of(scheme).ok_or(AddressError::UnknownScheme)?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A password may hold an `@` that somebody forgot to encode: hosts never do.
        let hosts = authority
            .rsplit_once('@')
            .map_or(authority, |(_, hosts)| hosts);
        let hosts = hosts.split(',').map(|host| host_of(host, default_port));
        Ok(Self {
            scheme: scheme.to_owned(),
            hosts: hosts.collect::<Result<_, _>>()?,
            path: path.to_owned(),
            options: without_users(options),
        })
    }

    /// Its ports, each once.
    #[must_use]
    pub fn ports(&self) -> std::collections::BTreeSet<u16> {
        self.hosts.iter().map(|(_, port)| *port).collect()
    }
}

fn port_of(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "mongodb" | "mongodb+srv" => 27017,
        "postgres" | "postgresql" => 5432,
        "amqp" => 5672,
        "amqps" => 5671,
        "http" => 80,
        "https" => 443,
        "smtp" => 587,
        "smtps" => 465,
        _ => return None,
    })
}

fn host_of(text: &str, default_port: u16) -> Result<(String, u16), AddressError> {
    // The colons of an IPv6 address stand in brackets.
    let after_brackets = text.rfind(']').map_or(0, |end| end.saturating_add(1));
    let colon = text.get(after_brackets..).and_then(|rest| rest.rfind(':'));
    let (host, port) = match colon {
        Some(colon) => {
            let (host, port) = text.split_at(after_brackets.saturating_add(colon));
            let port = port
                .trim_start_matches(':')
                .parse()
                .ok()
                .filter(|port| *port != 0);
            (host, port.ok_or(AddressError::Port)?)
        }
        None => (text, default_port),
    };
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    Ok((host.to_owned(), port))
}

fn without_users(options: &str) -> String {
    let harmless = |option: &&str| {
        let name = option
            .split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        !name.is_empty() && !name.contains("user") && !name.contains("password")
    };
    options
        .split('&')
        .filter(harmless)
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_tells_where_the_server_is_and_nothing_of_who_signs_in() {
        assert_eq!(
            Address::of_uri(
                "mongodb://root:p@ss@a:1,[2001:db8::1],c/shop?replicaSet=rs0&password=x&tls=true\n"
            ),
            Ok(Address {
                scheme: "mongodb".to_owned(),
                hosts: vec![
                    ("a".to_owned(), 1),
                    ("[2001:db8::1]".to_owned(), 27017),
                    ("c".to_owned(), 27017),
                ],
                path: "shop".to_owned(),
                options: "replicaSet=rs0&tls=true".to_owned(),
            })
        );
        assert_eq!(
            Address::of_uri("amqps://[::1]:5"),
            Ok(Address {
                scheme: "amqps".to_owned(),
                hosts: vec![("[::1]".to_owned(), 5)],
                path: String::new(),
                options: String::new(),
            })
        );
    }

    #[test]
    fn what_is_no_uri_is_refused_with_what_is_wrong() {
        for (uri, error) in [
            ("", AddressError::NoScheme),
            ("db:5432", AddressError::NoScheme),
            ("mysql://db", AddressError::UnknownScheme),
            ("postgres://", AddressError::NoHost),
            ("postgres://user@/db", AddressError::NoHost),
            ("postgres://a,,b/db", AddressError::NoHost),
            ("postgres://db:0", AddressError::Port),
            ("postgres://db:65536", AddressError::Port),
            ("postgres://db:", AddressError::Port),
        ] {
            assert_eq!(Address::of_uri(uri), Err(error), "{uri}");
        }
    }
}
