//! `POST /api/v1/auth/login`.

use axum::extract::State;
use axum::response::Response;
use contracts::{SessionId, Timestamp};
use http::HeaderMap;
use http::header::USER_AGENT;
use serde::Deserialize;
use service_kit::http::{Json, Problem, ProblemBody};
use service_kit::settings::Secret;
use utoipa::ToSchema;

use super::client_address::ClientAddress;
use super::problems::invalid_credentials;
use super::reply::TokenPair;
use super::{Api, reply};
use crate::domain::{Email, NewPassword, RefreshToken, Session};
use crate::passwords::Verdict;
use crate::store::{Identity, SignIn};

/// Sessions an account has at a time; the oldest ends when there is another one.
const MOST_SESSIONS: u32 = 50;
/// Characters kept of what a client calls itself.
const MAX_CLIENT: usize = 200;

/// Who somebody claims to be.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "password": "correct horse battery staple"}))]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    #[schema(format = Email)]
    email: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// Sign in
///
/// Begins a session. The answer to a wrong password, and the time it takes, are the same without an account.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    tag = "sign-in",
    operation_id = "logIn",
    request_body = Login,
    responses(
        (status = 200, body = TokenPair, description = "A pair of tokens"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "`malformed_json`, `duplicate_header`"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_credentials`"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "`payload_too_large`"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "`unsupported_media_type`"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "`invalid_request`"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "`too_many_requests`", headers(("RateLimit" = String), ("RateLimit-Policy" = String), ("Retry-After" = u64))),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "`busy`, `unavailable`", headers(("Retry-After" = u64))),
    )
)]
pub(super) async fn log_in(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, Problem> {
    let admitted = async {
        api.throttle.from_address(address)?;
        let email = Email::try_from(login.email.as_str()).map_err(|_| invalid_credentials())?;
        api.throttle.with_email(email.as_str(), address)?;
        let token = api.tokens.refresh_token()?;
        let identity = begin(&api, email, &login.password, &headers, &token).await?;
        let identity = identity.ok_or_else(invalid_credentials)?;
        reply::tokens(&api, identity, &token, api.present.now())
    };
    let result = admitted.await;
    let outcome = result.as_ref().map_or_else(Problem::code, |_| "signed_in");
    metrics::counter!("shop_sign_ins_total", "outcome" => outcome).increment(1);
    result
}

/// Begins a session, if the password is right.
async fn begin(
    api: &Api,
    email: Email,
    password: &Secret,
    headers: &HeaderMap,
    token: &RefreshToken,
) -> Result<Option<Identity>, Problem> {
    // No account has a password that cannot be chosen.
    let Ok(password) = NewPassword::given(password) else {
        return Ok(None);
    };
    // If the stored hash was replaced meanwhile, another sign-in may have renewed it: that one is looked at too.
    for _ in 0..2 {
        let known = api.store.credentials(email.clone()).await?;
        let stored = known.as_ref().map(|known| known.password_hash.clone());
        let verdict = api.passwords.verify(password.clone(), stored).await?;
        let (Some(known), Verdict::Right { renewed }) = (known, verdict) else {
            return Ok(None);
        };
        let context = api.present.context();
        let session = session(api, headers, context.now);
        let sign_in = SignIn {
            user_id: known.user_id,
            verified: known.password_hash,
            renewed,
            token: token.hash(),
            token_ends_at: context.now.plus(api.tokens.idle()).min(session.ends_at),
            session,
        };
        let begun = api.store.sign_in(sign_in, MOST_SESSIONS, context).await?;
        if begun.is_some() {
            return Ok(begun);
        }
    }
    Ok(None)
}

fn session(api: &Api, headers: &HeaderMap, now: Timestamp) -> Session {
    let client = headers.get(USER_AGENT).and_then(|name| name.to_str().ok());
    Session {
        id: SessionId::at(now),
        client: client.map(|name| name.chars().take(MAX_CLIENT).collect()),
        created_at: now,
        last_used_at: now,
        ends_at: now.plus(api.tokens.session()),
    }
}
