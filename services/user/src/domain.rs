//! What an account, a password and a sign-in are: pure, without IO, clock or store.

pub mod account;
pub mod password;
pub mod session;

pub use account::{Account, Email, InvalidEmail, Name};
pub use contracts::{Address, AddressText, Country};
pub use password::{NewPassword, PasswordHash, WeakPassword};
pub use session::{AT_ONCE, RefreshToken, Session, TokenHash};
