//! What is remembered of a request with an `Idempotency-Key`.

/// What the first request under a key did. Its representation is not kept: a replay shows the object as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReply {
    /// Tells the same request from another one under the same key.
    pub fingerprint: String,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The object that was made or changed.
    pub object_id: String,
    /// The `Location` that was answered.
    pub location: Option<String>,
}
