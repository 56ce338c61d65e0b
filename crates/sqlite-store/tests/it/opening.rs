//! Opening: a store that cannot be trusted is not started on, and the error says what to do.

use std::path::Path;

use rusqlite::Connection;
use sqlite_store::{Database, Migration, OpenError, Schema};

use crate::notes::{Notes, SCHEMA, add, all};

const FIRST: Migration = SCHEMA.migrations[0];

/// As a later release would have it: one more step that old programs can live with.
static EXPANDED: Schema = Schema {
    service: "notes",
    migrations: &[
        FIRST,
        Migration {
            version: 2,
            name: "colours",
            work: "ALTER TABLE note ADD COLUMN colour TEXT",
            min_binary: 1,
        },
    ],
};

/// A later release that old programs cannot live with.
static CONTRACTED: Schema = Schema {
    service: "notes",
    migrations: &[
        FIRST,
        Migration {
            version: 2,
            name: "no padding",
            work: "ALTER TABLE note DROP COLUMN padding",
            min_binary: 2,
        },
    ],
};

static BROKEN: Schema = Schema {
    service: "notes",
    migrations: &[
        FIRST,
        Migration {
            version: 2,
            name: "half a step",
            work: "CREATE TABLE half (x); CREATE TABLE note (x)",
            min_binary: 1,
        },
    ],
};

async fn refused(path: &Path, schema: &'static Schema) -> OpenError {
    Database::open(path, schema).await.unwrap_err()
}

#[tokio::test]
async fn what_is_stored_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let notes = Notes::open().await;
    notes.add("personal").await.unwrap();
    let files = std::fs::read_dir(notes.path().parent().unwrap()).unwrap();
    let modes: Vec<_> = files
        .map(|file| file.unwrap().metadata().unwrap().permissions().mode() & 0o777)
        .collect();
    assert_eq!(modes, [0o600; 3], "the file, its log and the log's index");
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/notes.db");
    let error = refused(&path, &SCHEMA).await;
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot open the store {}; does its folder exist and may this user write to it?",
            path.display()
        )
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let text = "My holiday plans. ".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let error = refused(&path, &SCHEMA).await;
    assert_eq!(
        error.to_string(),
        format!(
            "the store {} is damaged (file is not a database); it was not changed: restore it from a backup",
            path.display()
        )
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_with_a_damaged_page_is_refused_and_left_alone() {
    let notes = Notes::open().await;
    for n in 0..200 {
        add(&notes.db, &format!("note {n}"), 500).await.unwrap();
    }
    notes.db.close().await;
    let mut bytes = std::fs::read(notes.path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xA5);
    std::fs::write(notes.path(), &bytes).unwrap();

    let error = refused(&notes.path(), &SCHEMA).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(notes.path()).unwrap(), bytes);
}

#[tokio::test]
async fn a_truncated_database_is_refused() {
    let notes = Notes::open().await;
    for n in 0..200 {
        add(&notes.db, &format!("note {n}"), 500).await.unwrap();
    }
    notes.db.close().await;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(notes.path())
        .unwrap();
    file.set_len(file.metadata().unwrap().len() / 2 / 4096 * 4096)
        .unwrap();
    let error = refused(&notes.path(), &SCHEMA).await;
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(folder.path(), &SCHEMA).await;
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error:?}");
}

#[tokio::test]
async fn steps_are_applied_once_and_an_old_program_lives_with_steps_that_only_expand() {
    let notes = Notes::open().await;
    notes.add("old").await.unwrap();
    notes.db.close().await;
    for schema in [&EXPANDED, &EXPANDED, &SCHEMA] {
        let db = Database::open(&notes.path(), schema).await.unwrap();
        assert_eq!(all(&db).await, ["old"]);
        db.close().await;
    }
    let steps = applied(&notes.path());
    assert_eq!(
        steps,
        [(1, "notes".to_owned(), 1), (2, "colours".to_owned(), 1)]
    );
}

#[tokio::test]
async fn a_store_that_needs_a_newer_program_is_refused() {
    let notes = Notes::open().await;
    notes.db.close().await;
    let db = Database::open(&notes.path(), &CONTRACTED).await.unwrap();
    db.close().await;
    let error = refused(&notes.path(), &SCHEMA).await;
    assert_eq!(
        error.to_string(),
        format!(
            "the store {} needs a program that knows schema version 2, this one knows 1; start a newer version",
            notes.path().display()
        )
    );
}

#[tokio::test]
async fn nothing_of_a_step_that_fails_stays() {
    let notes = Notes::open().await;
    notes.add("kept").await.unwrap();
    notes.db.close().await;
    let error = refused(&notes.path(), &BROKEN).await;
    assert!(
        matches!(
            error,
            OpenError::Migration {
                name: "half a step",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(applied(&notes.path()), [(1, "notes".to_owned(), 1)]);
    let db = Database::open(&notes.path(), &EXPANDED).await.unwrap();
    assert_eq!(all(&db).await, ["kept"]);
}

fn applied(path: &Path) -> Vec<(u32, String, u32)> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection
        .prepare("SELECT version, name, min_binary FROM schema_migrations ORDER BY version")
        .unwrap();
    select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}
