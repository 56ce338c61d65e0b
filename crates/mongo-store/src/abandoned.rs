//! Transactions that their program will never end.
//!
//! A server that loses a client keeps the client's transaction until it is `transactionLifetimeLimitSeconds` old (60 by default,
//! and it looks only twice in that time), and whoever else writes a document of it meets a write conflict until then. So one
//! process that is killed at the wrong moment would keep a product from being sold for a minute and more. Those who meet such a
//! transaction end it instead: every user may see and kill the sessions of their own.
//!
//! <https://www.mongodb.com/docs/v6.0/core/transactions-production-consideration/>

use std::time::Duration;

use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ReadConcern;
use tokio::time::Instant;

use crate::database::Database;

/// How long a transaction waits for its program before it counts as abandoned. Commands do nothing but read and write, so a
/// living program leaves milliseconds between two operations; one that was frozen for so long carries its command out again.
const ABANDONED_AFTER: Duration = Duration::from_secs(5);
/// How long a command meets others in its way before it looks for abandoned ones.
const SUSPICIOUS: Duration = Duration::from_secs(1);
/// How often the commands of a process look.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

impl Database {
    /// Ends abandoned transactions if a command that began then may have met one.
    pub(crate) async fn end_abandoned(&self, begun: Instant) {
        // A command that gives up sooner begins anew each time.
        let suspicious = SUSPICIOUS.min(self.limits.statement / 2);
        if begun.elapsed() < suspicious || !self.looks_now() {
            return;
        }
        match self.kill_abandoned().await {
            Ok(0) => {}
            Ok(ended) => tracing::warn!(
                ended,
                "ended transactions that their program left open; it was killed or cut off"
            ),
            // A user who may not do this waits until the server does.
            Err(error) => {
                let error = crate::error::said(error);
                tracing::debug!(%error, "cannot look for abandoned transactions");
            }
        }
    }

    fn looks_now(&self) -> bool {
        let Ok(mut looked) = self.looked.try_lock() else {
            return false;
        };
        let due = looked.is_none_or(|at| at.elapsed() >= BETWEEN_LOOKS);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    /// Returns how many sessions were killed. Those of other users are not seen, and those of other programs are left alone.
    async fn kill_abandoned(&self) -> mongodb::error::Result<usize> {
        let patience = i64::try_from(ABANDONED_AFTER.as_micros()).unwrap_or(i64::MAX);
        let admin = self.client.database("admin");
        let found = admin
            .aggregate([
                doc! { "$currentOp": { "allUsers": false, "idleSessions": true } },
                doc! { "$match": {
                    "type": "idleSession",
                    "appName": self.program.as_ref(),
                    "transaction.timeInactiveMicros": { "$gte": patience },
                } },
                doc! { "$project": { "_id": 0, "id": "$lsid.id" } },
            ])
            // What a server is doing has no other.
            .read_concern(ReadConcern::local())
            .await?;
        let sessions: Vec<Document> = found.try_collect().await?;
        if !sessions.is_empty() {
            let ids = sessions.iter().cloned().map(Bson::Document);
            let ids = Bson::Array(ids.collect());
            admin.run_command(doc! { "killSessions": ids }).await?;
        }
        Ok(sessions.len())
    }
}
