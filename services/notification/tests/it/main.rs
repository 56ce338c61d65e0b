//! The notification service from outside.
