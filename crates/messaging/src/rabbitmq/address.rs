//! Where RabbitMQ is, and as whom to connect.

use std::path::Path;

use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use service_kit::settings::TlsSettings;

use crate::connect::ConnectError;
use crate::settings::BrokerSettings;

/// Bytes of a frame at most, where the URL names no number (`?frame_max=`) and nothing larger was met. `lapin` fills two buffers
/// of 32 frames for each connection: with RabbitMQ's own 128 KiB these are 8 MiB, which was most of what a service at rest had in
/// memory. Hardly an event is larger than this, and the body of one that is goes in several frames.
const SMALL_FRAMES: u32 = 16 * 1024;
/// What RabbitMQ takes at the least, from 4.1 on; 0 leaves it to the broker.
const SMALLEST_FRAMES: u32 = 8 * 1024;

/// A broker's address. Its text names host, port and vhost, and never a password.
#[derive(Clone)]
pub(super) struct Address {
    uri: AMQPUri,
    settings: BrokerSettings,
}

impl Address {
    /// Reads the settings; the files they name must be there.
    pub(super) fn new(settings: &BrokerSettings) -> Result<Self, ConnectError> {
        let mut uri: AMQPUri = settings.url.parse().map_err(ConnectError::Url)?;
        let frame_max = uri.query.frame_max.unwrap_or_default();
        if (1..SMALLEST_FRAMES).contains(&frame_max) {
            return Err(ConnectError::Frames {
                asked: frame_max,
                least: SMALLEST_FRAMES,
            });
        }
        if uri.scheme == AMQPScheme::AMQP && settings.tls != TlsSettings::default() {
            return Err(ConnectError::PlainUrl);
        }
        let user = &mut uri.authority.userinfo;
        if !settings.username.is_empty() {
            user.username.clone_from(&settings.username);
        }
        if !settings.password.is_empty() {
            settings.password.expose().clone_into(&mut user.password);
        }
        if uri.vhost.is_empty() {
            // `amqp://host/` is the vhost with the empty name by the letter, which nobody has.
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat = Some(u16::try_from(settings.heartbeat_s).unwrap_or(u16::MAX));
        let address = Self {
            uri,
            settings: settings.clone(),
        };
        address.tls()?;
        Ok(address)
    }

    /// To be connected to: with frames as the URL says, or small ones, and once these were not enough as large as the broker
    /// makes them.
    pub(super) fn uri(&self, are_enough: bool) -> AMQPUri {
        let mut uri = self.uri.clone();
        let frame_max = uri.query.frame_max.unwrap_or(SMALL_FRAMES);
        uri.query.frame_max = are_enough.then_some(frame_max);
        uri
    }

    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }

    pub(super) fn password(&self) -> &str {
        &self.uri.authority.userinfo.password
    }

    pub(super) fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    pub(super) fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// What TLS needs, read anew: certificates are renewed while the service runs.
    pub(super) fn tls(&self) -> Result<OwnedTLSConfig, ConnectError> {
        let settings = &self.settings.tls;
        let cert_chain = read("broker.tls.ca_file", &settings.ca_file)?;
        let certificate = read("broker.tls.certificate_file", &settings.certificate_file)?;
        let key = read("broker.tls.key_file", &settings.key_file)?;
        let identity = match (certificate, key) {
            (Some(pem), Some(key)) => Some(OwnedIdentity::PKCS8 {
                pem: pem.into_bytes(),
                key: key.into_bytes(),
            }),
            (None, None) => None,
            _ => return Err(ConnectError::HalfAnIdentity),
        };
        Ok(OwnedTLSConfig {
            identity,
            cert_chain,
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let authority = &self.uri.authority;
        write!(f, "{}:{}", authority.host, authority.port)
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Option<String>, ConnectError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) => Err(ConnectError::File {
            setting,
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_the_settings_are_stronger_than_those_of_the_url() {
        let settings = BrokerSettings {
            username: "order".to_owned(),
            password: "p@ss/word".into(),
            ..BrokerSettings::at("amqp://guest:guest@rabbit/shop")
        };
        let address = Address::new(&settings).unwrap();
        let user = &address.uri.authority.userinfo;
        assert_eq!(
            (user.username.as_str(), user.password.as_str()),
            ("order", "p@ss/word")
        );
        assert_eq!(
            (address.to_string().as_str(), address.vhost()),
            ("rabbit:5672", "shop")
        );
    }

    #[test]
    fn frames_are_small_or_as_the_url_says_until_that_is_not_enough() {
        for (url, frames) in [
            ("amqp://rabbit/shop", SMALL_FRAMES),
            ("amqp://rabbit/shop?frame_max=65536", 65_536),
            ("amqp://rabbit/shop?frame_max=0", 0),
        ] {
            let address = Address::new(&BrokerSettings::at(url)).unwrap();
            let asked = [true, false].map(|are_enough| address.uri(are_enough).query.frame_max);
            assert_eq!(asked, [Some(frames), None], "{url}");
        }
    }

    #[test]
    fn frames_that_rabbitmq_would_refuse_are_refused_here() {
        let refused = Address::new(&BrokerSettings::at("amqp://rabbit/shop?frame_max=4096"));
        assert_eq!(
            refused.err().unwrap().to_string(),
            "BROKER_URL has frame_max=4096, and RabbitMQ takes no less than 8192; leave it out for the least memory"
        );
    }

    #[test]
    fn no_vhost_is_the_usual_one() {
        for url in ["amqp://rabbit", "amqp://rabbit/", "amqp://rabbit/%2f"] {
            let address = Address::new(&BrokerSettings::at(url)).unwrap();
            assert_eq!(address.vhost(), "/", "{url}");
        }
    }
}
