//! What cannot be carried out, and what to do.

/// Why a spec cannot be carried out. Words are never changed: people and alerts go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Fields that contradict each other, or a value that makes no sense. The schema refuses most of it when it is written.
    SpecInvalid,
    /// A quantity that is none.
    InvalidQuantity,
    /// Services of this version are not what this operator can run.
    VersionNotSupported,
    /// Something that this version does not have.
    NotImplemented,
    /// A Secret is not there.
    SecretMissing,
    /// A Secret lacks a key.
    SecretKeyMissing,
    /// What a Secret holds is not what it should be.
    SecretInvalid,
    /// The cluster lacks an API.
    ApiMissing,
}

impl Reason {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SpecInvalid => "SpecInvalid",
            Self::InvalidQuantity => "InvalidQuantity",
            Self::VersionNotSupported => "VersionNotSupported",
            Self::NotImplemented => "NotImplemented",
            Self::SecretMissing => "SecretMissing",
            Self::SecretKeyMissing => "SecretKeyMissing",
            Self::SecretInvalid => "SecretInvalid",
            Self::ApiMissing => "ApiMissing",
        }
    }
}

/// One thing that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Why, in a word.
    pub reason: Reason,
    /// Which field, what is wrong with it, and what to do.
    pub message: String,
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Invalid>);

impl Findings {
    /// Adds one.
    pub(super) fn add(&mut self, reason: Reason, message: impl Into<String>) {
        self.0.push(Invalid {
            reason,
            message: message.into(),
        });
    }

    /// Adds one unless it holds.
    pub(super) fn expect(&mut self, holds: bool, reason: Reason, message: impl FnOnce() -> String) {
        if !holds {
            self.add(reason, message());
        }
    }

    /// All, if there are any: what was parsed beside them is worth nothing.
    pub(super) fn judge<T>(self, parsed: T) -> Result<T, Vec<Invalid>> {
        if self.0.is_empty() {
            Ok(parsed)
        } else {
            Err(self.0)
        }
    }
}
