//! access-token
