//! sqlite-store
