//! Profiles that `valgrind --tool=callgrind` writes. Their format: <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::HashSet;

use anyhow::{Context, Result};

/// The functions of the C library by which memory is got; Rust's default allocator is made of them.
const ALLOCATORS: [&str; 6] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
];

/// What a process did from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Instructions executed outside the kernel.
    pub instructions: u64,
    /// Calls that get or resize memory.
    pub allocations: u64,
}

/// Reads a profile.
pub fn parse(text: &str) -> Result<Profile> {
    let mut allocators = HashSet::new();
    let mut callee_allocates = false;
    let (mut instructions, mut allocations) = (None, 0);
    for line in text.lines() {
        if let Some(total) = line.strip_prefix("totals: ") {
            instructions = Some(total.trim().parse()?);
        } else if let Some(name) = line.strip_prefix("fn=") {
            learn(name, &mut allocators);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            let id = learn(name, &mut allocators);
            callee_allocates = allocators.contains(id);
        } else if let Some(call) = line.strip_prefix("calls=")
            && std::mem::take(&mut callee_allocates)
        {
            let times = call.split_whitespace().next().unwrap_or_default();
            allocations += times.parse::<u64>().context("odd number of calls")?;
        }
    }
    Ok(Profile {
        instructions: instructions.context("the profile has no totals")?,
        allocations,
    })
}

/// The id of a function. A name is written out only where its id comes first: `(12) malloc`, later `(12)`.
fn learn<'a>(name: &'a str, allocators: &mut HashSet<&'a str>) -> &'a str {
    let (id, name) = name.split_once(' ').unwrap_or((name, ""));
    // Recursions are told apart as malloc'2, versions of a symbol as malloc@@GLIBC_2.2.5.
    let plain = name.split(['\'', '@']).next().unwrap_or_default();
    if ALLOCATORS.contains(&plain) {
        allocators.insert(id);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_the_totals_and_allocations_the_calls_of_the_allocator() {
        let profile = "\
version: 1
events: Ir

fn=(1) main
12 100
cfn=(2) malloc
calls=3 0
12 30
cfn=(3) free
calls=3 0
12 30

fn=(4) malloc'2
1 5

fn=(5) other
cfn=(2)
calls=2 40
12 20
cfn=(6) realloc@@GLIBC_2.2.5
calls=1 0
12 20

totals: 205
";
        let expected = Profile {
            instructions: 205,
            allocations: 6,
        };
        assert_eq!(parse(profile).unwrap(), expected);
    }

    #[test]
    fn a_profile_that_broke_off_is_refused() {
        let error = parse("version: 1\nfn=(1) main\n12 100\n").unwrap_err();
        assert_eq!(error.to_string(), "the profile has no totals");
    }
}
