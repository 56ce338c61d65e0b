//! Random moments that can be had again.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The generator for a test that acts at random: seeded by `SEED` if set, else anew, and printed either way.
#[must_use]
#[expect(clippy::print_stderr, reason = "a failing test must show its seed")]
pub fn generator(test: &str) -> StdRng {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random::<u64>);
    eprintln!("{test}: run again with SEED={seed}");
    StdRng::seed_from_u64(seed)
}
