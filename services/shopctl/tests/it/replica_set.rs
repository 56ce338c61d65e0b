//! `provision` on a MongoDB that is not ready for it, from the command line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::servers::{Mongo, MongoOptions};

use crate::command::{Run, program, run};

/// Runs `provision` with the two services on MongoDB, whose passwords are in files.
fn provision(mongo: &Mongo, secrets: &Path, flags: &[&str]) -> Run {
    provision_at(&mongo.url(), secrets, flags)
}

fn provision_at(url: &str, secrets: &Path, flags: &[&str]) -> Run {
    run(command_at(url, secrets, flags))
}

fn command_at(url: &str, secrets: &Path, flags: &[&str]) -> Command {
    let mut command = program(&[&["provision"], flags].concat());
    command.env("SHOP__MONGODB__URL", url);
    for service in ["user", "product"] {
        let file = secrets.join(service);
        std::fs::write(&file, format!("{service}-1\n")).unwrap();
        let variable = format!("SHOP__SERVICES__{}__PASSWORD_FILE", service.to_uppercase());
        command.env(variable, file);
    }
    command
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

/// As the pods of a cluster start: only the first one has the administrator, and the others have nothing.
#[tokio::test]
async fn an_administrator_initiates_a_set_whose_other_members_know_nobody_once_all_answer() {
    let secrets = tempfile::tempdir().unwrap();
    let options = MongoOptions {
        members: 3,
        authentication: true,
        not_initiated: true,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let asked = "--initiate-replica-set";
    mongo.member(2).unwrap().stop().await.unwrap();
    let early = provision(&mongo, secrets.path(), &[asked]);
    assert_eq!(early.code, 1);
    assert!(early.err.contains("is initiated: "), "{}", early.err);

    let mut command = command_at(&mongo.url(), secrets.path(), &[asked, "--wait", "120"]);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut waiting = command.spawn().unwrap();
    let mut told = BufReader::new(waiting.stderr.take().unwrap());
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    assert!(
        first.starts_with("mongodb: failed replica set at "),
        "{first}"
    );
    mongo.member(2).unwrap().launch().await.unwrap();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(waiting.wait().unwrap().success(), "{rest}");
    assert!(
        rest.starts_with("mongodb: changed replica set at "),
        "told once: {rest}"
    );
    mongo.remove().await.unwrap();
}

/// As the first process of a container, it would be killed half a minute later.
#[test]
fn one_that_waits_for_a_server_ends_at_a_signal() {
    let secrets = tempfile::tempdir().unwrap();
    let nobody = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=100";
    let mut command = command_at(nobody, secrets.path(), &["--wait", "120"]);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut waiting = command.spawn().unwrap();
    let mut told = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.starts_with("mongodb: failed"), "{line}");
    let sent = Command::new("kill").arg(waiting.id().to_string()).status();
    assert!(sent.unwrap().success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(
        rest.lines().last(),
        Some(
            "shopctl: ended by a signal: what was done stays done, and the same command does the rest"
        )
    );
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
}

#[tokio::test]
async fn members_that_the_url_names_later_are_added_as_they_answer() {
    let secrets = tempfile::tempdir().unwrap();
    let options = MongoOptions {
        members: 3,
        not_initiated: true,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let asked = "--initiate-replica-set";
    let whole = mongo.url();
    let alone = format!(
        "mongodb://127.0.0.1:{}/?replicaSet=rs0",
        mongo.port(0).unwrap()
    );
    let first = provision_at(&alone, secrets.path(), &[asked]);
    assert_eq!(first.code, 0, "{}", first.err);

    mongo.member(2).unwrap().stop().await.unwrap();
    let partly = provision_at(&whole, secrets.path(), &[asked]);
    assert_eq!(partly.code, 1);
    let host = |member| format!("127.0.0.1:{}", mongo.port(member).unwrap());
    let belongs = |member| format!("{} belongs to the replica set", host(member));
    assert!(states(&partly).contains(&("changed".to_owned(), belongs(1))));
    assert!(states(&partly).contains(&("failed".to_owned(), belongs(2))));
    mongo.member(2).unwrap().launch().await.unwrap();
    let all = provision_at(&whole, secrets.path(), &[asked, "--wait", "60"]);
    assert_eq!(all.code, 0, "{}", all.err);
    for member in [1, 2] {
        mongo.member(member).unwrap().until_ready().await.unwrap();
    }
    let again = provision_at(&whole, secrets.path(), &[asked, "--output", "table"]);
    let last = again.out.lines().last().unwrap();
    assert_eq!(last, "everything is as it should be; nothing was changed");

    // One member that is away keeps nobody from the rest.
    mongo.member(1).unwrap().stop().await.unwrap();
    let without = provision_at(&whole, secrets.path(), &[asked]);
    assert_eq!(without.code, 0, "{}", without.err);
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
