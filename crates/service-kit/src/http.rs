//! HTTP conventions: the same for every endpoint of every service (`docs/api.md`).

pub mod address;
pub mod etag;
mod headers;
pub mod idempotency;
mod json;
mod layers;
pub mod page;
mod path;
mod prefer;
mod problem;
mod query;
pub mod request_id;
mod unique;

pub use self::headers::{refuse_duplicates, single_header};
pub use self::json::Json;
pub use self::layers::{MAX_BODY, standard_layers};
pub use self::path::Path;
pub use self::prefer::PreferWait;
pub use self::problem::{FieldError, Problem, ProblemBody};
pub use self::query::Query;
pub use self::request_id::RequestId;
