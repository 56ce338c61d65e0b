//! Access tokens: who calls, signed by the user service and verified by everybody else.
//!
//! JSON Web Tokens after RFC 9068, signed with Ed25519 (RFC 8037). A verifier accepts one algorithm and one type, and looks
//! at no key that a token brings along.

mod administrators;
mod caller;
mod claims;
mod keys;
mod scheme;
mod settings;
mod signing;
mod verifier;

pub use administrators::administrators_only;
pub use caller::{Caller, MaybeCaller, Roles};
pub use claims::{Claims, TOKEN_TYPE};
pub use contracts::Role;
pub use scheme::BearerTokens;
pub use settings::VerifierSettings;
pub use signing::{Jwks, KeyError, SigningKeys};
pub use verifier::{Verifier, VerifierSettingsError, VerifyError};

#[cfg(test)]
mod tests;
