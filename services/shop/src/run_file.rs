//! `run.json` in the data folder: which process runs on it, and where it listens. For scripts, which may have let the system
//! choose the ports.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde::Serialize;

use crate::data_folder::DataFolder;
use crate::platform::Platform;

const NAME: &str = "run.json";

#[derive(Serialize)]
struct RunFile {
    pid: u32,
    addresses: BTreeMap<&'static str, SocketAddr>,
    admin_addresses: BTreeMap<&'static str, SocketAddr>,
}

/// Writes the file; everything it names listens.
pub(crate) fn write(folder: &DataFolder, platform: &Platform) -> io::Result<()> {
    let file = RunFile {
        pid: std::process::id(),
        addresses: platform.addresses(),
        admin_addresses: platform.admin_addresses(),
    };
    let mut json = serde_json::to_vec_pretty(&file)?;
    json.push(b'\n');
    folder.write(NAME, &json, false)?;
    Ok(())
}

/// Removes the file at an orderly end. One that a killed process left names a process that is gone.
pub(crate) fn remove(folder: &DataFolder) {
    if let Err(error) = std::fs::remove_file(folder.join(NAME)) {
        tracing::warn!(%error, "run.json could not be removed");
    }
}
