//! The REST API: a table of endpoints, one file each.

mod add_address;
mod change_password;
mod client_address;
mod delete_address;
mod end_session;
mod get_address;
mod get_me;
mod get_user;
mod key_set;
mod list_addresses;
mod list_sessions;
mod list_users;
mod log_in;
mod log_out;
mod patch_address;
mod patch_me;
mod present_field;
mod problems;
mod put_address;
mod put_roles;
mod refresh;
mod register;
mod reply;
mod representation;

use std::sync::Arc;

use access_token::{BearerTokens, Verifier};
use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use messaging::Poke;
use service_kit::Present;
use service_kit::http::{Json, standard_layers};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::key_set::KeySetDocument;
use crate::passwords::Passwords;
use crate::store::UserStore;
use crate::throttle::Throttle;
use crate::tokens::Tokens;

/// What the endpoints work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Arc<dyn UserStore>,
    pub(crate) verifier: Verifier,
    pub(crate) key_set: KeySetDocument,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    pub(crate) poke: Poke,
    pub(crate) present: Present,
    pub(crate) trusted_hops: u8,
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

/// All endpoints, and their description at `/openapi.json`.
pub(crate) fn router(api: Api) -> Router {
    let (router, document) = described(routes()).split_for_parts();
    let router = router
        .route("/openapi.json", get(async move || Json(document)))
        .with_state(api);
    standard_layers(router, "user")
}

/// The description of this service's API.
#[must_use]
pub fn openapi() -> OpenApi {
    described(routes()).into_openapi()
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(log_in::log_in))
        .routes(routes!(refresh::refresh))
        .routes(routes!(log_out::log_out))
        .routes(routes!(list_sessions::list_sessions))
        .routes(routes!(end_session::end_session))
        .routes(routes!(key_set::key_set))
        .routes(routes!(get_me::get_me, patch_me::patch_me))
        .routes(routes!(change_password::change_password))
        .routes(routes!(
            add_address::add_address,
            list_addresses::list_addresses
        ))
        .routes(routes!(
            get_address::get_address,
            put_address::put_address,
            patch_address::patch_address,
            delete_address::delete_address
        ))
        .routes(routes!(list_users::list_users))
        .routes(routes!(get_user::get_user))
        .routes(routes!(put_roles::put_roles))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Users", description = "Accounts, sign-in, roles and address books."),
    modifiers(&BearerTokens)
)]
struct Description;

fn described(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(<Description as utoipa::OpenApi>::openapi()).merge(routes)
}
