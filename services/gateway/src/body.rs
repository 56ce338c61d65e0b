//! Bodies on their way through.

mod download;
mod upload;

pub(crate) use self::download::{Download, Ending};
pub(crate) use self::upload::{Failure, Upload, UploadHandle};
