//! Hashing and comparing passwords: Argon2id, a bounded number at a time, and a bounded number that waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::sync::Semaphore;

use crate::domain::{NewPassword, PasswordHash};
use crate::settings::PasswordSettings;

const SALT: usize = 16;
const OUTPUT: usize = 32;
/// Blocks (KiB) reserved for each hash at least; only those it needs are touched. From 32 MiB on glibc maps and unmaps memory
/// for each allocation. Below it learns to keep what was freed, in each of the threads that hash: tens of megabytes for
/// good, where this leaves about one.
const RESERVED: usize = 33 * 1024;
/// When to come back if the queue is full.
pub const COME_BACK: Duration = Duration::from_secs(2);

/// Why a password was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More wait already than may.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The parameters or a stored hash cannot be used.
    #[error("Argon2 refuses its input: {0}")]
    Argon2(argon2::Error),
    /// A stored hash is not a PHC string, or a new one cannot be written.
    #[error("a password hash is malformed: {0}")]
    Format(argon2::password_hash::phc::Error),
    /// The operating system gives no random bits.
    #[error("there are no random bits")]
    Random(#[source] rand::rngs::SysError),
    /// The thread that hashed is gone.
    #[error("hashing ended abnormally")]
    Aborted,
}

impl From<argon2::Error> for HashError {
    fn from(error: argon2::Error) -> Self {
        Self::Argon2(error)
    }
}

impl From<argon2::password_hash::phc::Error> for HashError {
    fn from(error: argon2::password_hash::phc::Error) -> Self {
        Self::Format(error)
    }
}

/// Whether a password is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// The same password hashed anew, if the stored hash is not what hashes are now.
        renewed: Option<PasswordHash>,
    },
    /// It is not, or there was nothing to compare it with.
    Wrong,
}

/// The place where passwords are hashed. Clones share it.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    params: Params,
    /// What unknown accounts are compared with: as dear as any hash of today, and right for no password.
    dummy: PasswordHash,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Passwords {
    /// With these limits.
    pub fn new(settings: PasswordSettings) -> Result<Self, HashError> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, Some(OUTPUT))?;
        // Nobody knows a password with this output, and making it up costs nothing at start.
        let dummy = phc(&params, &random::<SALT>()?, &random::<OUTPUT>()?)?;
        let concurrency = settings.concurrency.get();
        Ok(Self(Arc::new(Inner {
            params,
            dummy,
            running: Arc::new(Semaphore::new(concurrency)),
            admitted: Arc::new(Semaphore::new(concurrency.saturating_add(settings.queue))),
        })))
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError> {
        self.run(move |params| hash(params, &password)).await
    }

    /// Compares a password with the hash of an account. Without an account the work is the same, and the verdict `Wrong`.
    pub async fn verify(
        &self,
        password: NewPassword,
        stored: Option<PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.0.dummy.clone());
        self.run(move |params| {
            let (right, current) = compare(params, &password, &stored)?;
            if !(right && known) {
                return Ok(Verdict::Wrong);
            }
            let renewed = (!current).then(|| hash(params, &password)).transpose()?;
            Ok(Verdict::Right { renewed })
        })
        .await
    }

    /// Runs work on a thread that may block. The places are given back by the work itself: a client that goes away while it
    /// is hashed for must not make room for the next one.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Params) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let inner = Arc::clone(&self.0);
        let admitted = Arc::clone(&inner.admitted)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy)?;
        let waiting = Waiting::begin();
        let running = Arc::clone(&inner.running)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Aborted)?;
        drop(waiting);
        let hashed = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let result = work(&inner.params);
            metrics::histogram!("shop_password_hash_seconds")
                .record(started.elapsed().as_secs_f64());
            drop((running, admitted));
            result
        });
        hashed.await.map_err(|_| HashError::Aborted)?
    }
}

/// Counts one password that waits, also if whoever waits gives up.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        metrics::gauge!("shop_password_queue").increment(1);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::gauge!("shop_password_queue").decrement(1);
    }
}

fn random<const N: usize>() -> Result<[u8; N], HashError> {
    let mut bits = [0; N];
    SysRng
        .try_fill_bytes(&mut bits)
        .map_err(HashError::Random)?;
    Ok(bits)
}

fn hash(params: &Params, password: &NewPassword) -> Result<PasswordHash, HashError> {
    let salt = random::<SALT>()?;
    let output = argon2id(params, password, &salt)?;
    phc(params, &salt, &output)
}

/// Whether the password is the one of the hash, and whether the hash has the parameters of today.
fn compare(
    params: &Params,
    password: &NewPassword,
    stored: &PasswordHash,
) -> Result<(bool, bool), HashError> {
    let stored = Phc::new(&stored.0)?;
    let malformed = || HashError::Argon2(argon2::Error::OutputTooShort);
    let salt = stored.salt.as_ref().ok_or_else(malformed)?;
    let expected = stored.hash.as_ref().ok_or_else(malformed)?;
    let used = Params::try_from(&stored).map_err(|_| malformed())?;
    let output = argon2id(&used, password, salt)?;
    // `Output` compares in constant time.
    let right = Output::new(&output)? == *expected;
    let current = stored.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && (used.m_cost(), used.t_cost(), used.p_cost())
            == (params.m_cost(), params.t_cost(), params.p_cost());
    Ok((right, current))
}

fn argon2id(
    params: &Params,
    password: &NewPassword,
    salt: &[u8],
) -> Result<[u8; OUTPUT], HashError> {
    let mut memory = Vec::with_capacity(params.block_count().max(RESERVED));
    memory.resize(params.block_count(), Block::default());
    let mut output = [0; OUTPUT];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            &mut output,
            &mut memory[..],
        )?;
    Ok(output)
}

fn phc(params: &Params, salt: &[u8], output: &[u8]) -> Result<PasswordHash, HashError> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|_| argon2::Error::OutputTooShort)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(output)?),
    };
    Ok(PasswordHash(phc.to_string()))
}

#[cfg(test)]
mod tests;
