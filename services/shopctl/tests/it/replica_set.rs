//! `provision` on a MongoDB that is not ready for it, from the command line.

use std::path::Path;

use serde_json::Value;
use testkit::servers::{Mongo, MongoOptions};

use crate::command::{Run, program, run};

/// Runs `provision` with the two services on MongoDB, whose passwords are in files.
fn provision(mongo: &Mongo, secrets: &Path, flags: &[&str]) -> Run {
    let mut command = program(&[&["provision"], flags].concat());
    command.env("SHOP__MONGODB__URL", mongo.url());
    for service in ["user", "product"] {
        let file = secrets.join(service);
        std::fs::write(&file, format!("{service}-1\n")).unwrap();
        let variable = format!("SHOP__SERVICES__{}__PASSWORD_FILE", service.to_uppercase());
        command.env(variable, file);
    }
    run(command)
}

fn states(run: &Run) -> Vec<(String, String)> {
    let journal: Value = serde_json::from_str(&run.out).unwrap();
    let steps = journal["steps"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps
        .map(|step| (text(&step["state"]), text(&step["thing"])))
        .collect()
}

#[tokio::test]
async fn a_replica_set_is_initiated_only_when_that_is_asked_for() {
    let secrets = tempfile::tempdir().unwrap();
    let options = MongoOptions {
        members: 3,
        not_initiated: true,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let asked = "--initiate-replica-set";

    let refused = provision(&mongo, secrets.path(), &[]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains(
            "its replica set was never initiated; run `shopctl provision --initiate-replica-set`"
        ),
        "{}",
        refused.err
    );
    let dry = provision(&mongo, secrets.path(), &[asked, "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    assert_eq!(states(&dry).len(), 1);
    assert_eq!(states(&dry)[0].0, "would_change");

    let first = provision(&mongo, secrets.path(), &[asked]);
    assert_eq!(first.code, 0, "{}", first.err);
    let things: Vec<_> = states(&first).into_iter().skip(1).collect();
    let changed = |thing: &str| ("changed".to_owned(), thing.to_owned());
    assert_eq!(
        things,
        [
            changed("role shopMigrate exists in database user"),
            changed("user user exists in database user"),
            changed("role shopMigrate exists in database product"),
            changed("user product exists in database product"),
        ]
    );
    let table = provision(&mongo, secrets.path(), &[asked, "--output", "table"]);
    assert_eq!(table.code, 0, "{}", table.err);
    let last = table.out.lines().last().unwrap();
    assert_eq!(last, "everything is as it should be; nothing was changed");
    mongo.remove().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_no_replica_set_is_refused_with_the_reason() {
    let secrets = tempfile::tempdir().unwrap();
    let options = MongoOptions {
        stand_alone: true,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let refused = provision(&mongo, secrets.path(), &["--initiate-replica-set"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .err
            .contains("it is not a replica set: start mongod with --replSet NAME"),
        "{}",
        refused.err
    );
    mongo.remove().await.unwrap();
}

#[tokio::test]
async fn settings_that_would_leave_something_half_done_are_refused_before_anything_is_done() {
    let mut command = program(&["provision"]);
    command.env(
        "SHOP__MONGODB__URL",
        "mongodb://127.0.0.1:1/?replicaSet=rs0",
    );
    let refused = run(command);
    assert_eq!(refused.code, 2);
    assert_eq!(
        refused.err,
        "shopctl: services.user.password is not set: put it into a file and name that in \
         SHOP__SERVICES__USER__PASSWORD_FILE\n"
    );
    let refused = run(program(&["provision"]));
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.starts_with("shopctl: no server is named"),
        "{}",
        refused.err
    );
}
