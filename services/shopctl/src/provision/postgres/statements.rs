//! Statements that change something. Names in them are quoted, and were checked before.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

/// Names the lock that provisioning holds.
pub(super) const LOCK: &str = "SELECT pg_advisory_lock(6010305)";

/// A database of the right name is somebody else's.
#[derive(Debug, thiserror::Error)]
#[error(
    "it belongs to {found}, and is left as it is; if it is this service's, connect to it as super-user and run: REASSIGN OWNED \
     BY {found} TO {wanted}"
)]
pub(super) struct ForeignDatabase {
    found: String,
    wanted: String,
}

impl ForeignDatabase {
    pub(super) fn new(found: &str, wanted: &str) -> Self {
        Self {
            found: name(found),
            wanted: name(wanted),
        }
    }
}

pub(super) async fn execute(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
}

/// A name as SQL has it.
pub(super) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn create_group(group: &str) -> String {
    format!("CREATE ROLE {} NOLOGIN", name(group))
}

pub(super) fn create_login(login: &str, verifier: &str) -> String {
    format!(
        "CREATE ROLE {} LOGIN PASSWORD {}",
        name(login),
        text(verifier)
    )
}

pub(super) fn let_in(login: &str) -> String {
    format!("ALTER ROLE {} LOGIN", name(login))
}

pub(super) fn lock_out(login: &str) -> String {
    format!("ALTER ROLE {} NOLOGIN", name(login))
}

/// Ends the connections of a role, and waits until they are gone.
pub(super) fn hang_up(login: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = {}",
        text(login)
    )
}

pub(super) fn take_powers(login: &str, powers: &[String]) -> String {
    let powers: Vec<_> = powers.iter().map(|power| format!("NO{power}")).collect();
    format!("ALTER ROLE {} {}", name(login), powers.join(" "))
}

pub(super) fn show_out(database: &str, guests: &[String]) -> String {
    let guests: Vec<_> = guests.iter().map(|guest| name(guest)).collect();
    let (database, guests) = (name(database), guests.join(", "));
    format!("REVOKE ALL ON DATABASE {database} FROM {guests}")
}

pub(super) fn set_password(login: &str, verifier: &str) -> String {
    format!("ALTER ROLE {} PASSWORD {}", name(login), text(verifier))
}

pub(super) fn join(group: &str, member: &str) -> String {
    format!("GRANT {} TO {}", name(group), name(member))
}

pub(super) fn join_administrator(group: &str) -> String {
    format!("GRANT {} TO CURRENT_USER", name(group))
}

pub(super) fn leave(group: &str, member: &str) -> String {
    format!("REVOKE {} FROM {}", name(group), name(member))
}

pub(super) fn create_database(database: &str, owner: &str) -> String {
    format!(
        "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'",
        name(database),
        name(owner)
    )
}

pub(super) fn close_database(database: &str) -> String {
    format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", name(database))
}

pub(super) fn grant_connect(database: &str, worker: &str) -> String {
    format!(
        "GRANT CONNECT ON DATABASE {} TO {}",
        name(database),
        name(worker)
    )
}

pub(super) fn act_as(login: &str, database: &str, role: Option<&str>) -> String {
    let (login, database) = (name(login), name(database));
    match role {
        Some(role) => format!(
            "ALTER ROLE {login} IN DATABASE {database} SET role = {}",
            text(role)
        ),
        None => format!("ALTER ROLE {login} IN DATABASE {database} RESET role"),
    }
}

pub(super) fn grant_to_come(owner: &str, worker: &str) -> String {
    let (owner, worker) = (name(owner), name(worker));
    format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {worker};
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {worker}"
    )
}

pub(super) fn grant_there(owner: &str, worker: &str) -> String {
    let (owner, worker) = (name(owner), name(worker));
    format!(
        "SET ROLE {owner};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {worker};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {worker};
         RESET ROLE"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_and_no_text_ends_early() {
        assert_eq!(
            join("a\"; DROP ROLE b", "c"),
            "GRANT \"a\"\"; DROP ROLE b\" TO \"c\""
        );
        assert_eq!(
            set_password("order", "it's"),
            "ALTER ROLE \"order\" PASSWORD 'it''s'"
        );
    }
}
