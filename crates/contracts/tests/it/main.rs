//! What other programs rely on: the committed schemas and golden samples.

#[cfg(test)]
mod samples;
#[cfg(test)]
mod schemas;
