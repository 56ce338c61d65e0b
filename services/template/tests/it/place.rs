//! What the platform gives the service: a database, a user of the broker with the rights of the manifest, keys of tokens.

use std::sync::Arc;
use std::time::Duration;

use access_token::{Claims, SigningKeys, VerifierSettings};
use contracts::{Clock as _, Event, Role, SessionId, SystemClock, UserId};
use messaging::rabbitmq::RabbitBroker;
use messaging::rabbitmq::admin::Admin;
use messaging::rabbitmq::permissions::{extra_topic_permissions, permissions};
use messaging::{Broker as _, BrokerSettings, Message};
use service_kit::settings::Secret;
use service_kit::{Lifecycle, LifecycleSettings};
use tempfile::TempDir;
use testkit::isolated::{PostgresDatabase, Vhost, postgres_database, vhost};
use testkit::wait;

use crate::manifest;

const PASSWORD: &str = "throw-away";

pub struct Place {
    /// What its pods are told.
    pub variables: Vec<(String, String)>,
    keys: SigningKeys,
    /// The others, who tell events.
    others: Arc<RabbitBroker>,
    admin: Admin,
    user: String,
    _vhost: Vhost,
    _database: PostgresDatabase,
    _folder: TempDir,
}

impl Place {
    /// As `shopctl provision` makes it.
    pub async fn new() -> Self {
        let extra = manifest::extra();
        let name = extra["name"].as_str().unwrap();
        let (database, vhost) = (postgres_database().await.unwrap(), vhost().await.unwrap());
        let life = Lifecycle::new("administrator", LifecycleSettings::default());
        let others =
            RabbitBroker::connect(&BrokerSettings::at(vhost.url()), "administrator", &life);
        let others = others.unwrap();
        // Only the exchange of all events: queues are their services' own.
        others.declare(&[]).await.unwrap();

        let admin = Admin::new(vhost.api_url(), "", &Secret::default()).unwrap();
        // Users are not of one virtual host, so its name tells it.
        let user = format!("{name}_{}", vhost.name());
        let topics = extra_topic_permissions(
            &manifest::texts(&extra["tells"]),
            &manifest::texts(&extra["hears"]),
        );
        admin
            .make_user(&user, &Secret::from(PASSWORD))
            .await
            .unwrap();
        let queues = permissions(name);
        let granted = admin.grant(vhost.name(), &user, &queues, &topics);
        granted.await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let keys = SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), None).unwrap();
        let jwks = folder.path().join("jwks.json");
        std::fs::write(&jwks, serde_json::to_vec(&keys.jwks()).unwrap()).unwrap();
        let mut broker: reqwest::Url = vhost.url().parse().unwrap();
        broker.set_username(&user).unwrap();
        broker.set_password(Some(PASSWORD)).unwrap();
        let variables = manifest::variables(&[
            ("POSTGRES_URL", database.url().to_owned()),
            ("BROKER_URL", broker.to_string()),
            ("JWKS_URL", jwks.display().to_string()),
        ]);
        Self {
            variables,
            keys,
            others,
            admin,
            user,
            _vhost: vhost,
            _database: database,
            _folder: folder,
        }
    }

    /// An access token of this account.
    pub fn token(&self, account: UserId, roles: &[Role]) -> String {
        let (now, verifier) = (SystemClock.now(), VerifierSettings::default());
        let claims = Claims {
            iss: verifier.issuer,
            aud: verifier.audience,
            sub: account,
            sid: SessionId::at(now),
            jti: "test".to_owned(),
            roles: roles.to_vec(),
            iat: now.unix_seconds(),
            exp: now.plus(Duration::from_mins(10)).unix_seconds(),
        };
        self.keys.sign(&claims).unwrap()
    }

    /// Tells an event until a queue has it: who tells events does not wait for this service, so its queue may come later.
    pub async fn tell(&self, event: &Event) {
        let message = Message::from_event(event, None).unwrap();
        wait::until("a queue to hear it", || async {
            let confirms = self.others.publish(vec![message.clone()]).await?;
            Ok(confirms.reached.contains(&message.id).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Takes away what is not of one virtual host.
    pub async fn remove(self) {
        self.others.close().await;
        self.admin.delete_user(&self.user).await.unwrap();
    }
}
