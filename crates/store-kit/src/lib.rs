//! What all stores have in common, whatever engine keeps the data: how they fail, which schema they have, what they
//! remember of a repeated request, how a process holds one, and how it has many commands done together.

mod error;
mod handle;
mod kept_reply;
mod schema;
mod together;
mod url;

pub use error::{OpenError, StoreError};
pub use handle::StoreHandle;
pub use kept_reply::KeptReply;
pub use schema::{Applied, Migration, Schema};
pub use together::{Limits, Together};
pub use url::{StoreKind, UnsupportedUrl};
