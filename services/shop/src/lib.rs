//! The whole shop in one process: the five services, each on its own port, with embedded stores and an embedded broker in one
//! data folder.
//!
//! [`Platform`] is the only place where the services meet. Each is the ordinary service, built by its own library; what they
//! say to each other goes over HTTP and over the broker, as it does between processes.

mod announcement;
pub mod cli;
mod data_folder;
mod first_start;
mod platform;
mod run_file;
mod service;
mod settings;

pub use self::data_folder::{DataFolder, DataFolderError};
pub use self::first_start::{FirstStartError, prepare};
pub use self::platform::{Platform, StartError};
pub use self::service::Service;
pub use self::settings::{PlacementError, Settings};
