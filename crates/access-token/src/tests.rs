use std::sync::Arc;
use std::time::Duration;

use contracts::{ManualClock, Role, SessionId, Timestamp, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Claims, SigningKeys, TOKEN_TYPE, Verifier, VerifierSettings, VerifyError};

const NOW: i64 = 1_795_464_373_000;

struct World {
    clock: Arc<ManualClock>,
    pem: String,
    keys: SigningKeys,
    folder: tempfile::TempDir,
    verifier: Verifier,
}

fn world() -> World {
    let world = world_without_keys();
    world.publish(&world.keys);
    world
}

fn world_without_keys() -> World {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_millis(NOW)));
    let pem = SigningKeys::generate_pem().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = VerifierSettings {
        jwks: folder.path().join("jwks.json").display().to_string(),
        ..VerifierSettings::default()
    };
    World {
        keys: SigningKeys::from_pem(&pem, None).unwrap(),
        verifier: Verifier::from_settings(&settings, clock.clone()).unwrap(),
        pem,
        clock,
        folder,
    }
}

impl World {
    fn publish(&self, keys: &SigningKeys) {
        let json = serde_json::to_vec(&keys.jwks()).unwrap();
        std::fs::write(self.folder.path().join("jwks.json"), json).unwrap();
    }

    fn token(&self, change: impl FnOnce(&mut Claims)) -> String {
        self.keys.sign(&claims(change)).unwrap()
    }

    async fn refusal(&self, token: &str) -> VerifyError {
        self.verifier.verify(token).await.unwrap_err()
    }
}

fn claims(change: impl FnOnce(&mut Claims)) -> Claims {
    let now = Timestamp::from_unix_millis(NOW);
    let mut claims = Claims {
        iss: "https://shop.local".to_owned(),
        aud: "shop".to_owned(),
        sub: UserId::at(now),
        sid: SessionId::at(now),
        jti: "1".to_owned(),
        roles: vec![Role::Customer],
        iat: now.unix_seconds(),
        exp: now.unix_seconds() + 600,
    };
    change(&mut claims);
    claims
}

#[tokio::test]
async fn a_signed_token_names_its_caller_until_it_expires_also_from_the_cache() {
    let world = world();
    let token = world.token(|_| {});
    let caller = world.verifier.verify(&token).await.unwrap();
    assert_eq!(caller.roles.as_slice(), [Role::Customer]);
    assert!(caller.require(Role::Catalog).is_err());
    assert_eq!(world.verifier.verify(&token).await.unwrap(), caller);
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(world.refusal(&token).await, VerifyError::Expired);
}

#[tokio::test]
async fn an_administrator_may_do_everything() {
    let world = world();
    let token = world.token(|claims| claims.roles = vec![Role::Admin]);
    let caller = world.verifier.verify(&token).await.unwrap();
    for role in Role::ALL {
        assert!(caller.require(role).is_ok(), "{role}");
    }
}

#[tokio::test]
async fn tokens_for_others_from_others_and_old_ones_are_refused() {
    let world = world();
    for (token, refusal) in [
        (
            world.token(|claims| claims.aud = "bank".to_owned()),
            VerifyError::Invalid,
        ),
        (
            world.token(|claims| claims.iss = "https://evil.example".to_owned()),
            VerifyError::Invalid,
        ),
        (
            world.token(|claims| claims.exp = NOW / 1000),
            VerifyError::Expired,
        ),
    ] {
        assert_eq!(world.refusal(&token).await, refusal);
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let world = world();
    let good = world.token(|_| {});
    let parts: Vec<&str> = good.split('.').collect();
    let with_header = |header: &str| format!("{}.{}.{}", base64url(header), parts[1], parts[2]);

    let mut tampered = good.clone().into_bytes();
    let last = tampered.len() - 10;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    let kid = world.keys.jwks().keys[0].common.key_id.clone().unwrap();
    let stranger = SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), None).unwrap();

    // HS256 with the public key as the secret: what verifiers fall for that believe the token's own algorithm.
    let public = serde_json::to_vec(&world.keys.jwks().keys[0]).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(kid.clone());
    let confused = encode(&header, &claims(|_| {}), &EncodingKey::from_secret(&public)).unwrap();

    // A good signature over another type of token.
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.clone());
    let key = EncodingKey::from_ed_pem(world.pem.as_bytes()).unwrap();
    let other_type = encode(&header, &claims(|_| {}), &key).unwrap();

    for (what, token) in [
        (
            "alg none",
            format!(
                "{}.{}.",
                base64url(&format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#)),
                parts[1]
            ),
        ),
        (
            "alg none with a signature",
            with_header(&format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#)),
        ),
        ("HS256 with the public key", confused),
        ("another typ", other_type),
        ("a changed signature", String::from_utf8(tampered).unwrap()),
        ("an unknown key", stranger.sign(&claims(|_| {})).unwrap()),
        ("nothing", String::new()),
        ("too long", "a".repeat(10_000)),
    ] {
        assert_eq!(world.refusal(&token).await, VerifyError::Invalid, "{what}");
    }
}

#[tokio::test]
async fn before_the_first_key_set_nobody_is_called_a_forger() {
    let world = world_without_keys();
    let token = world.token(|_| {});
    assert_eq!(world.refusal(&token).await, VerifyError::KeysUnavailable);
    world.publish(&world.keys);
    world.clock.advance(Duration::from_secs(1));
    world.verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn the_signer_verifies_with_its_own_keys() {
    let world = world_without_keys();
    let settings = VerifierSettings::default();
    let verifier = Verifier::of_signer(&settings, &world.keys, world.clock.clone());
    verifier.verify(&world.token(|_| {})).await.unwrap();
    let stranger = SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), None).unwrap();
    let forged = stranger.sign(&claims(|_| {})).unwrap();
    assert_eq!(verifier.verify(&forged).await, Err(VerifyError::Invalid));
}

#[tokio::test]
async fn after_a_rotation_the_previous_key_is_honoured_and_the_new_one_found() {
    let world = world();
    let old_token = world.token(|_| {});
    world.verifier.verify(&world.token(|_| {})).await.unwrap();
    let next =
        SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), Some(&world.pem)).unwrap();
    world.publish(&next);
    let new_token = next.sign(&claims(|_| {})).unwrap();
    assert_eq!(
        world.refusal(&new_token).await,
        VerifyError::Invalid,
        "read at most once a minute"
    );
    world.clock.advance(Duration::from_mins(1));
    world.verifier.verify(&new_token).await.unwrap();
    world.verifier.verify(&old_token).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_announced_is_known_before_it_signs() {
    let mut world = world_without_keys();
    let next = SigningKeys::generate_pem().unwrap();
    world.keys = SigningKeys::from_pem(&world.pem, None)
        .and_then(|keys| keys.and_next(&next))
        .unwrap();
    world.publish(&world.keys);
    world.verifier.verify(&world.token(|_| {})).await.unwrap();
    let signing = SigningKeys::from_pem(&next, Some(&world.pem)).unwrap();
    let new_token = signing.sign(&claims(|_| {})).unwrap();
    world.verifier.verify(&new_token).await.unwrap();
}

#[test]
fn what_is_derived_depends_on_key_purpose_and_input_only() {
    let world = world_without_keys();
    let bits = world.keys.derive("a", b"bc");
    let again = SigningKeys::from_pem(&world.pem, None).unwrap();
    assert_eq!(again.derive("a", b"bc"), bits);
    let other = SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), Some(&world.pem));
    for different in [
        other.unwrap().derive("a", b"bc"),
        again.derive("ab", b"c"),
        again.derive("a", b"bd"),
    ] {
        assert_ne!(different, bits);
    }
}

/// The next request for the key set.
async fn asked(listener: &TcpListener) -> (TcpStream, std::net::SocketAddr) {
    let asked = tokio::time::timeout(Duration::from_secs(10), listener.accept());
    asked.await.expect("the key set is asked for").unwrap()
}

/// Answers one request for the key set.
async fn answer(listener: &TcpListener, keys: &SigningKeys) {
    let (mut stream, _) = asked(listener).await;
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).await.unwrap() > 0);
    let body = serde_json::to_string(&keys.jwks()).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_look_at_the_keys_that_was_broken_off_or_failed_is_repeated_soon() {
    let world = world();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = VerifierSettings {
        jwks: format!("http://{}/", listener.local_addr().unwrap()),
        ..VerifierSettings::default()
    };
    let verifier = Verifier::from_settings(&settings, world.clock.clone()).unwrap();
    let old_token = world.token(|_| {});
    let (result, ()) = tokio::join!(verifier.verify(&old_token), answer(&listener, &world.keys));
    result.unwrap();
    let next = SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), None).unwrap();
    let new_token = next.sign(&claims(|_| {})).unwrap();
    world.clock.advance(Duration::from_mins(1));
    // Whoever asked hangs up while the key set is on its way.
    tokio::select! {
        result = verifier.verify(&new_token) => panic!("nobody answered: {result:?}"),
        _ = asked(&listener) => {}
    }
    assert_eq!(verifier.verify(&new_token).await, Err(VerifyError::Invalid));
    world.clock.advance(Duration::from_secs(1));
    // The user service breaks off.
    let breaks_off = async { drop(asked(&listener).await) };
    let (refused, ()) = tokio::join!(verifier.verify(&new_token), breaks_off);
    assert_eq!(refused, Err(VerifyError::Invalid));
    world.clock.advance(Duration::from_secs(1));
    let (result, ()) = tokio::join!(verifier.verify(&new_token), answer(&listener, &next));
    result.unwrap();
}

fn base64url(text: &str) -> String {
    // Only used for headers, whose characters need no padding rules beyond the alphabet.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            out.push(char::from(
                ALPHABET[((bits >> (18 - 6 * position)) & 63) as usize],
            ));
        }
    }
    out
}

proptest! {
    #[test]
    fn no_text_makes_the_verifier_panic(text in ".{0,200}", dotted in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
        let world = world();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for token in [text, dotted] {
            prop_assert_eq!(runtime.block_on(world.verifier.verify(&token)), Err(VerifyError::Invalid));
        }
    }
}
