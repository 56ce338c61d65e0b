//! Writes `crates/contracts/schemas/`: `make generate`.
//!
//! Refuses to replace a schema by one that would break messages already sent.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match write_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn write_all() -> Result<(), Box<dyn std::error::Error>> {
    // Asked for when it runs: clones share a build folder, and what was compiled may come from another one.
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let package = package.ok_or("cargo says where the schemas are: run `make generate`")?;
    let folder = Path::new(&package).join("schemas");
    for (name, text) in contracts::schema::files()? {
        let path = folder.join(&name);
        if let Ok(released) = std::fs::read_to_string(&path) {
            let breaks = contracts::schema::incompatibilities(
                &serde_json::from_str(&released)?,
                &serde_json::from_str(&text)?,
            );
            if !breaks.is_empty() {
                return Err(format!(
                    "{name} would change incompatibly ({}): keep the field, or add the next version of the type",
                    breaks.join("; ")
                )
                .into());
            }
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}
