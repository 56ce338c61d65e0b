//! The mail server in one URL: `smtp://user:password@host:587` with STARTTLS, `smtps://…` with TLS from the first byte, and
//! `smtp://host:25?tls=none` without.

use super::{SettingError, SmtpSettings, TlsMode};

impl SmtpSettings {
    /// With what the URL says in place of host, port, `tls`, user and password; without a URL as they are.
    pub fn with_url(&self) -> Result<Self, SettingError> {
        if self.url.is_empty() {
            return Ok(self.clone());
        }
        // What is wrong with it is told without a word of it: it holds a password.
        let url = Url::of(self.url.expose().trim_end()).ok_or_else(|| {
            let message = "write it as smtp://user:password@host:587, smtps://user:password@host:465 or \
                           smtp://host:25?tls=none; what is special in a URL as %40";
            SettingError::new("smtp.url", message)
        })?;
        Ok(Self {
            host: url.host,
            port: url.port,
            tls: url.tls,
            username: url.username,
            password: url.password.as_str().into(),
            ..self.clone()
        })
    }
}

struct Url {
    tls: TlsMode,
    username: String,
    password: String,
    host: String,
    port: u16,
}

impl Url {
    fn of(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (tls, usual_port) = match (scheme, options) {
            ("smtp", "" | "tls=starttls") => (TlsMode::StartTls, 587),
            ("smtp", "tls=none") => (TlsMode::None, 25),
            ("smtps", "") => (TlsMode::Tls, 465),
            _ => return None,
        };
        let (user, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (username, password) = user.split_once(':').unwrap_or((user, ""));
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (server, usual_port),
        };
        let host = host.trim_matches(['[', ']']);
        let is_host = !host.is_empty() && !host.contains(['/', '@', '#']);
        (is_host && port != 0).then_some(())?;
        Some(Self {
            tls,
            username: decoded(username)?,
            password: decoded(password)?,
            host: host.to_owned(),
            port,
        })
    }
}

/// A text in which `%40` stands for `@` and so on (RFC 3986, section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hexadecimal.then_some(())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> SmtpSettings {
        SmtpSettings {
            url: url.into(),
            host: "elsewhere".to_owned(),
            ..SmtpSettings::default()
        }
    }

    #[test]
    fn a_url_says_where_the_server_is_and_who_signs_in() {
        let told = |url: &str| {
            let told = settings(url).with_url().unwrap();
            (
                told.host,
                told.port,
                told.tls,
                told.username,
                told.password.expose().to_owned(),
            )
        };
        let of = |host: &str, port, tls, user: &str, password: &str| {
            (
                host.to_owned(),
                port,
                tls,
                user.to_owned(),
                password.to_owned(),
            )
        };
        for (url, expected) in [
            ("", of("elsewhere", 587, TlsMode::StartTls, "", "")),
            (
                "smtp://mail.example",
                of("mail.example", 587, TlsMode::StartTls, "", ""),
            ),
            (
                "smtps://mail.example/\n",
                of("mail.example", 465, TlsMode::Tls, "", ""),
            ),
            (
                "smtp://relay:2525?tls=none",
                of("relay", 2525, TlsMode::None, "", ""),
            ),
            (
                "smtp://relay?tls=none",
                of("relay", 25, TlsMode::None, "", ""),
            ),
            (
                "smtp://shop%40mail.example:p%C3%A4ss%3A@mail.example:588?tls=starttls",
                of(
                    "mail.example",
                    588,
                    TlsMode::StartTls,
                    "shop@mail.example",
                    "päss:",
                ),
            ),
            (
                "smtps://[2001:db8::1]:466",
                of("2001:db8::1", 466, TlsMode::Tls, "", ""),
            ),
            (
                "smtps://[2001:db8::1]",
                of("2001:db8::1", 465, TlsMode::Tls, "", ""),
            ),
        ] {
            assert_eq!(told(url), expected, "{url}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_without_a_word_of_it() {
        for url in [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://u:secret@",
            "smtp://u:secret@mail.example:0",
            "smtp://u:secret@mail.example:port",
            "smtp://u:secret@mail.example/path",
            "smtp://u:secret@mail.example?tls=maybe",
            "smtps://u:secret@mail.example?tls=none",
            "smtp://u:secret%4@mail.example",
            "smtp://u:secret%+4@mail.example",
        ] {
            let error = settings(url).with_url().unwrap_err().to_string();
            assert!(
                error.starts_with("setting `smtp.url`: write it as smtp://"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
