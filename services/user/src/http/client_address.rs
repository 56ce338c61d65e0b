//! Where a request comes from, for the throttles.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use service_kit::http::address::client_address;

use super::Api;

/// The client's address, as far as trusted proxies tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress(pub(super) IpAddr);

impl FromRequestParts<Api> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let address = client_address(&parts.headers, &parts.extensions, api.trusted_hops);
        // Every connection has a peer; if one had none, all of those would share one allowance.
        Ok(Self(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
