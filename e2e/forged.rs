//! Tokens that must not pass, made with everything an attacker may know, and some with the shop's own key.

use std::path::Path;

use access_token::TOKEN_TYPE;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// Makes tokens out of an honest one.
pub struct Forger {
    key: EncodingKey,
    strange_key: EncodingKey,
    public_key: Vec<u8>,
    key_id: String,
    honest: String,
    claims: Value,
}

impl Forger {
    /// Knows the shop's keys, and one token that it gave out.
    pub fn new(data: &Path, honest: &str) -> Self {
        let pem = std::fs::read(data.join("signing-key.pem")).unwrap();
        let strange = access_token::SigningKeys::generate_pem().unwrap();
        let jwks: Value =
            serde_json::from_slice(&std::fs::read(data.join("jwks.json")).unwrap()).unwrap();
        let payload = honest.split('.').nth(1).unwrap();
        Self {
            key: EncodingKey::from_ed_pem(&pem).unwrap(),
            strange_key: EncodingKey::from_ed_pem(strange.as_bytes()).unwrap(),
            public_key: BASE64_URL_SAFE_NO_PAD
                .decode(jwks["keys"][0]["x"].as_str().unwrap())
                .unwrap(),
            key_id: jwks["keys"][0]["kid"].as_str().unwrap().to_owned(),
            honest: honest.to_owned(),
            claims: serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap())
                .unwrap(),
        }
    }

    /// The token all others are made of.
    pub fn honest(&self) -> String {
        self.honest.clone()
    }

    /// What is wrong, the token, and the code of its refusal.
    pub fn tokens(&self) -> Vec<(&'static str, String, &'static str)> {
        let with = |name: &str, value: Value| {
            let mut claims = self.claims.clone();
            claims[name] = value;
            claims
        };
        let admin = with("roles", json!(["admin"]));
        let own = |claims: &Value| encode(&self.header(TOKEN_TYPE), claims, &self.key).unwrap();
        let mut hs256 = Header::new(Algorithm::HS256);
        (hs256.typ, hs256.kid) = (Some(TOKEN_TYPE.to_owned()), Some(self.key_id.clone()));
        let by_public_key = EncodingKey::from_secret(&self.public_key);
        let mut parts = self.honest.split('.');
        let (head, _, signature) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
        let invalid = "token_invalid";
        vec![
            (
                "an expired token",
                own(&with("exp", json!(1))),
                "token_expired",
            ),
            (
                "another audience",
                own(&with("aud", json!("another"))),
                invalid,
            ),
            (
                "another issuer",
                own(&with("iss", json!("https://another"))),
                invalid,
            ),
            ("no account", own(&with("sub", json!("nobody"))), invalid),
            (
                "another type",
                encode(&self.header("JWT"), &admin, &self.key).unwrap(),
                invalid,
            ),
            (
                "another key",
                encode(&self.header(TOKEN_TYPE), &admin, &self.strange_key).unwrap(),
                invalid,
            ),
            (
                "HS256 with the public key",
                encode(&hs256, &admin, &by_public_key).unwrap(),
                invalid,
            ),
            (
                "alg none",
                format!(
                    "{}.{}.",
                    part(&json!({"alg": "none", "typ": TOKEN_TYPE, "kid": self.key_id})),
                    part(&admin)
                ),
                invalid,
            ),
            (
                "another payload",
                format!("{head}.{}.{signature}", part(&admin)),
                invalid,
            ),
            (
                "no signature",
                format!("{head}.{}.", part(&self.claims)),
                invalid,
            ),
            ("not a token", "x".to_owned(), invalid),
            ("a very long token", "x".repeat(5_000), invalid),
        ]
    }

    fn header(&self, kind: &str) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        (header.typ, header.kid) = (Some(kind.to_owned()), Some(self.key_id.clone()));
        header
    }
}

fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}
