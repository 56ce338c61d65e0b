//! Tests of the whole shop as a process, through its gateway. See `docs/decisions/0002-tests-of-the-whole-shop.md`.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod crash_points;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod race;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod start;
