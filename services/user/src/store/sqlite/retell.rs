//! Telling all accounts again, to consumers that joined later or lost what they knew.

use contracts::UserId;
use rusqlite::{Connection, params};
use service_kit::Context;
use sqlite_store::StoreError;

use super::rows::{ACCOUNT, read_account};
use super::tell;
use crate::store::Retold;

/// A batch, in the order of ids.
pub(super) const BATCH: &str = "WHERE a.id > ?1 ORDER BY a.id LIMIT ?2";

pub(super) fn retell(
    conn: &Connection,
    after: Option<UserId>,
    limit: u32,
    context: &Context,
) -> Result<Option<Retold>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = format!("SELECT {ACCOUNT} FROM account a {BATCH}");
    let batch = conn
        .prepare_cached(&sql)?
        .query_map(params![after, limit], read_account)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for account in &batch {
        for payload in account.retold() {
            tell(conn, account.id, account.version, payload, context)?;
        }
    }
    Ok(Retold::of(&batch))
}
