use std::sync::Arc;

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;
use tokio::sync::Notify;

use super::*;

/// An API server that has one version of every Secret, and answers when it is let.
fn api_server(version: &'static str, asked: Arc<Notify>, answer: Arc<Notify>) -> Client {
    let service = tower::service_fn(move |_: Request<Body>| {
        let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
        async move {
            asked.notify_one();
            answer.notified().await;
            let secret = json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"namespace": "shop", "name": "mail", "resourceVersion": version},
                "data": {"url": ""},
            });
            Ok::<_, std::convert::Infallible>(Response::new(Body::from(
                secret.to_string().into_bytes(),
            )))
        }
    });
    Client::new(service, "shop")
}

fn mail(version: &str) -> ObjectMeta {
    ObjectMeta {
        namespace: Some("shop".to_owned()),
        name: Some("mail".to_owned()),
        resource_version: Some(version.to_owned()),
        ..ObjectMeta::default()
    }
}

async fn read(secrets: &Secrets, version: &'static str) {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    answer.notify_one();
    let client = api_server(version, asked, answer);
    secrets.get(&client, "shop", "mail").await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_that_a_change_overtook_is_not_kept() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let client = api_server("1", Arc::clone(&asked), Arc::clone(&answer));
    let secrets = Secrets::default();
    let reading = secrets.get(&client, "shop", "mail");
    let change = async {
        asked.notified().await;
        assert!(
            secrets.changed(&mail("2")),
            "who reads is told to look again"
        );
        answer.notify_one();
    };
    let (content, ()) = tokio::join!(reading, change);
    assert!(content.unwrap().is_some());
    assert!(!secrets.knows(&mail("2")), "it is read anew the next time");
}

#[tokio::test]
async fn a_watch_that_begins_anew_makes_nothing_old_that_is_as_it_was_read() {
    let secrets = Secrets::default();
    read(&secrets, "1").await;
    assert!(!secrets.changed(&mail("1")));
    assert_eq!(secrets.only(&[key_of(&mail("1"))].into()), []);
    assert!(secrets.knows(&mail("1")));
    assert_eq!(
        secrets.only(&HashSet::new()),
        [key_of(&mail("1"))],
        "it is gone"
    );
    assert!(!secrets.knows(&mail("1")));
}
