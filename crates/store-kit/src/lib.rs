//! What all stores have in common, whatever engine keeps the data: how they fail, which schema they have, what they
//! remember of a repeated request, and how a process holds one.

mod error;
mod handle;
mod kept_reply;
mod schema;
mod url;

pub use error::{OpenError, StoreError};
pub use handle::StoreHandle;
pub use kept_reply::KeptReply;
pub use schema::{Applied, Migration, Schema};
pub use url::{StoreKind, UnsupportedUrl};
