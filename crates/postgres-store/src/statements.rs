//! Statements by name.

/// Declares a service's statements as constants, and for tests the list of them all (`ALL`), so that every one can be prepared
/// and explained against the migrated schema. A statement that nobody uses is dead code, and the compiler says so.
///
/// A statement is one or more literals or constants' literals that are put together.
///
/// ```text
/// postgres_store::statements! {
///     /// Takes the next number of an account's stream.
///     NEXT = "UPDATE contacts SET …";
/// }
/// ```
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $($part:expr),+;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = concat!($($part),+);)+

        /// Every statement with its name.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
