//! What the shop says when it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::data_folder::DataFolder;
use crate::first_start::ADMIN_PASSWORD;
use crate::platform::Platform;
use crate::service::Service;
use crate::settings::Settings;

/// Where everything is, and what to try next.
pub(crate) fn text(
    folder: &DataFolder,
    settings: &Settings,
    platform: &Platform,
    own_admin: bool,
    demo: bool,
) -> Result<String, std::fmt::Error> {
    let addresses = platform.addresses();
    let mut text = String::from("\nThe shop runs.\n\n");
    let gateway = addresses
        .get("gateway")
        .map(|address| format!("http://{address}"));
    if let Some(gateway) = &gateway {
        writeln!(
            text,
            "  gateway        {gateway}   (every endpoint: {gateway}/docs)"
        )?;
    }
    for (service, address) in addresses
        .iter()
        .filter(|(service, _)| **service != "gateway")
    {
        writeln!(text, "  {service:<14} http://{address}")?;
    }
    left_out(&mut text, settings, &addresses)?;
    writeln!(text, "  data folder    {}", folder.path().display())?;
    if own_admin && addresses.contains_key("user") {
        let password = folder.join(ADMIN_PASSWORD);
        let email = &settings.user.bootstrap_admin.email;
        writeln!(
            text,
            "  administrator  {email}, first password in {}",
            password.display()
        )?;
    }
    if addresses.contains_key("notification") {
        // A URL that is none was refused when the service was built.
        let smtp = settings.notification.smtp.with_url();
        let server = smtp.map(|smtp| smtp.host).unwrap_or_default();
        if server.is_empty() {
            let maildir = settings.notification.maildir.display();
            writeln!(
                text,
                "  mails          written to {maildir} (no SMTP server is set)"
            )?;
        } else {
            writeln!(text, "  mails          sent by {server}")?;
        }
    }
    if let Some(gateway) = &gateway {
        text.push_str("\nTry next:\n");
        let product = addresses.contains_key("product");
        if demo && product {
            writeln!(text, "  curl -s '{gateway}/api/v1/products?limit=3'")?;
        } else if product {
            text.push_str("  start it with --demo for a catalog of 50 products\n");
        }
        writeln!(text, "  curl -s {gateway}/healthz")?;
        if addresses.len() == Service::ALL.len() {
            text.push_str(
                "  make demo      (a customer's and an administrator's walk through the shop)\n",
            );
        }
    }
    text.push_str("\nCtrl-C stops it; nothing that was acknowledged is lost, however it ends.\n");
    Ok(text)
}

/// The services that `--only` leaves out, and where the gateway looks for them: another shop may well be there.
fn left_out(
    text: &mut String,
    settings: &Settings,
    addresses: &BTreeMap<&'static str, SocketAddr>,
) -> std::fmt::Result {
    for service in Service::ALL {
        let name = service.name();
        if addresses.contains_key(name) {
            continue;
        }
        match settings.gateway.upstreams.get(name) {
            Some(upstream) if addresses.contains_key("gateway") => writeln!(
                text,
                "  {name:<14} not started here; the gateway looks for it at {}",
                upstream.url
            )?,
            _ => writeln!(text, "  {name:<14} not started here")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_are_left_out_are_named_with_the_place_where_they_are_expected() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut text = String::new();
        let started = BTreeMap::from([
            ("gateway", address),
            ("product", address),
            ("order", address),
        ]);
        left_out(&mut text, &Settings::default(), &started).unwrap();
        assert_eq!(
            text,
            "  user           not started here; the gateway looks for it at http://127.0.0.1:3001\n  \
             notification   not started here; the gateway looks for it at http://127.0.0.1:3004\n"
        );
    }
}
