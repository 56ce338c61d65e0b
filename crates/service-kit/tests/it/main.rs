//! The kit as services use it: over real sockets, and in real processes that get real signals.

#[cfg(test)]
mod child;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod process;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tracing_export;
