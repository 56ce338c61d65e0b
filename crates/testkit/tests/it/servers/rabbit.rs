//! RabbitMQ.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::servers::{Authority, Rabbit, RabbitOptions};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::A_MOMENT;

fn http() -> reqwest::Client {
    reqwest::Client::builder().build().unwrap()
}

/// The names of the queues in `/`.
async fn queues(server: &Rabbit) -> Vec<String> {
    let url = format!("{}/api/queues/%2f", server.api_url());
    let found: Vec<Value> = http().get(url).send().await.unwrap().json().await.unwrap();
    found
        .iter()
        .map(|queue| queue["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn rabbit_keeps_its_queues_when_it_is_killed_halted_and_stopped() {
    let server = Rabbit::start().await.unwrap();
    let url = format!("{}/api/queues/%2f/mine", server.api_url());
    let quorum = json!({ "durable": true, "arguments": { "x-queue-type": "quorum" } });
    let made = http().put(url).json(&quorum).send().await.unwrap();
    assert_eq!(made.status(), 201);

    server.kill().await.unwrap();
    assert!(
        TcpStream::connect(("127.0.0.1", server.port()))
            .await
            .is_err()
    );
    server.start().await.unwrap();
    assert_eq!(queues(&server).await, ["mine"]);

    server.pause().await.unwrap();
    {
        let mut asked = std::pin::pin!(queues(&server));
        assert!(timeout(A_MOMENT, &mut asked).await.is_err());
        server.resume().await.unwrap();
        assert_eq!(asked.await, ["mine"]);
    }

    server.stop().await.unwrap();
    server.start().await.unwrap();
    assert_eq!(queues(&server).await, ["mine"]);
}

#[tokio::test]
async fn rabbit_speaks_tls_with_a_certificate_of_its_authority() {
    let authority = Authority::new().unwrap();
    let options = RabbitOptions {
        tls: Some(authority.clone()),
        ..Default::default()
    };
    let server = Rabbit::start_with(&options).await.unwrap();
    assert!(handshake(&server, &authority).await.is_ok());
    assert!(
        handshake(&server, &Authority::new().unwrap())
            .await
            .is_err()
    );
}

async fn handshake(server: &Rabbit, trusted: &Authority) -> std::io::Result<()> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.certificate().as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = server
        .tls_url()
        .split_once('@')
        .unwrap()
        .1
        .replace("/%2f", "");
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    Ok(())
}
