//! Where the programs are that `hack/ensure-servers.sh` installs.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// As `hack/ensure-servers.sh` has it.
const MONGOD: &str = "mongod-6.0.5/mongod";

/// The folder with PostgreSQL's programs, of the newest version that is installed.
pub(crate) fn postgres() -> Result<PathBuf> {
    newest("/usr/lib/postgresql", "", "bin/initdb")?
        .parent()
        .map(PathBuf::from)
        .context("a path without a folder")
}

/// The script that starts RabbitMQ in the foreground, as whoever calls it.
pub(crate) fn rabbitmq() -> Result<PathBuf> {
    newest(
        "/usr/lib/rabbitmq/lib",
        "rabbitmq_server-",
        "sbin/rabbitmq-server",
    )
}

/// The MongoDB server.
pub(crate) fn mongod() -> Result<PathBuf> {
    let mongod = tools()?.join(MONGOD);
    if !mongod.is_file() {
        bail!("{} is not there: {ADVICE}", mongod.display());
    }
    Ok(mongod)
}

/// The shared cache of what the scripts in `hack/` download and build.
pub(crate) fn tools() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("shop-platform/tools"))
}

const ADVICE: &str = "run `make test` or hack/ensure-servers.sh, which install it";

/// `program` in the folder below `root` that is called `prefix` and the highest version.
fn newest(root: &str, prefix: &str, program: &str) -> Result<PathBuf> {
    let folders = std::fs::read_dir(root).into_iter().flatten().flatten();
    folders
        .filter_map(|folder| {
            let name = folder.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?;
            let parts: Option<Vec<u32>> =
                version.split('.').map(|part| part.parse().ok()).collect();
            let program = folder.path().join(program);
            program.is_file().then_some((parts?, program))
        })
        .max()
        .map(|(_, program)| program)
        .with_context(|| format!("{root}/{prefix}*/{program} is not there: {ADVICE}"))
}
