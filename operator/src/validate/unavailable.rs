//! What a spec can ask for and this version does not have: it is refused, for nobody should believe that it is there.

use super::{Parsing, Reason};
use crate::resource::{BackupSpec, PaymentProvider};

/// Refuses what this version does not have.
pub(super) fn refuse(parsing: &mut Parsing<'_>) {
    let spec = parsing.spec;
    let mut refuse = |asked: bool, message: &str| {
        parsing
            .findings
            .expect(!asked, Reason::NotImplemented, || message.to_owned());
    };
    refuse(
        spec.notifications.sms.is_some(),
        "notifications.sms: this version sends no short messages: remove it",
    );
    refuse(
        spec.payments.provider != PaymentProvider::Manual || spec.payments.secret_ref.is_some(),
        "payments: this version takes no payments, an order goes on without: write provider: Manual and no secretRef",
    );
    refuse(
        spec.backup != BackupSpec::default(),
        "backup: this version makes no copies: remove it, and use the tools of the databases or snapshots of their disks",
    );
}
