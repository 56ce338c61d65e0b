//! What is only compared is kept as a number: a text of its own for each of a thousand platforms' children is most of an operator's
//! memory.

use sha2::{Digest, Sha256};

/// Stands for a uid: as good as the uid itself to tell whether two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uid([u8; 16]);

impl Uid {
    /// The first half of its SHA-256.
    #[must_use]
    pub fn of(uid: &str) -> Self {
        let digest = Sha256::digest(uid.as_bytes());
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

/// A hash of [`crate::child::hash_of`], as it is written on children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(u64);

impl Hash {
    /// None for what is no such hash, which nothing was built as.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        u64::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let written = crate::child::hash_of(&serde_json::json!({"a": 1}));
        assert_eq!(Hash::parse(&written).unwrap().to_string(), written);
        assert_eq!(Hash::parse("damaged"), None);
    }

    #[test]
    fn equal_uids_and_only_these_have_equal_fingerprints() {
        assert_eq!(Uid::of("a"), Uid::of("a"));
        assert_ne!(Uid::of("a"), Uid::of("b"));
    }
}
