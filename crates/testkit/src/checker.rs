//! The invariant checker.
