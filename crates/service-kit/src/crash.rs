//! Crash points: the named moments at which tests end the process, as a power cut would.

use std::fmt::Display;

/// Ends the process here, at the `n`th pass, if `SHOP_CRASH_AT=name:n` says so. Debug builds only: a release build
/// compiles this to nothing, so give a name with parts as `format_args!`, which is written out only if a point is armed.
#[inline]
pub fn crash_point(name: &(impl Display + ?Sized)) {
    #[cfg(debug_assertions)]
    armed::pass(&name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod armed {
    use std::fmt::Display;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The armed point and the pass at which it strikes, read once: `SHOP_CRASH_AT=name:n`.
    fn armed() -> Option<&'static (String, u64)> {
        static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
        ARMED
            .get_or_init(|| {
                let text = std::env::var("SHOP_CRASH_AT").ok()?;
                let (name, pass) = text.rsplit_once(':')?;
                Some((name.to_owned(), pass.parse().ok()?))
            })
            .as_ref()
    }

    pub(super) fn pass(name: &dyn Display) {
        static PASSES: AtomicU64 = AtomicU64::new(0);
        if let Some((armed, at)) = armed()
            && *armed == name.to_string()
            && PASSES.fetch_add(1, Ordering::SeqCst) + 1 == *at
        {
            // No destructor, no flush, no drain: what is not on disk now is gone.
            std::process::abort();
        }
    }
}
