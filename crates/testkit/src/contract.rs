//! One list of promises, kept by several implementations.

use std::any::Any;

/// What keeps an implementation's files or database for as long as a test runs, and removes them when it is dropped.
pub type Guard = Box<dyn Any + Send + Sync>;

/// Makes a test of each function of a contract for one implementation. `fixture` is an asynchronous function that makes what
/// the functions are given: something new and empty, of the implementation.
///
/// `module::function` is found in `crate::contract`, `crate::module::function` where it says. A contract wraps its list once:
///
/// ```text
/// macro_rules! whole_contract {
///     ($fixture:path) => {
///         testkit::contract_tests! {
///             $fixture =>
///             accounts::an_account_is_stored_and_told_once,
///         }
///     };
/// }
/// pub(crate) use whole_contract;
/// ```
#[expect(
    clippy::crate_in_macro_def,
    reason = "a contract is in the crate of its tests, not here"
)]
#[macro_export]
macro_rules! contract_tests {
    ($fixture:path => $(crate::$module:ident::$test:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            crate::$module::$test($fixture().await).await;
        })+
    };
    ($fixture:path => $($module:ident::$test:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            crate::contract::$module::$test($fixture().await).await;
        })+
    };
}
