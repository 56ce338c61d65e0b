//! What other programs rely on: the committed schemas and golden samples.

mod samples;
mod schemas;
