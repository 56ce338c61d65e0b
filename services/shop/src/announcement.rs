//! What the shop says when it runs.

use std::fmt::Write as _;

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
        if settings.notification.smtp.host.is_empty() {
            let maildir = settings.notification.maildir.display();
            writeln!(
                text,
                "  mails          written to {maildir} (no SMTP server is set)"
            )?;
        } else {
            writeln!(
                text,
                "  mails          sent by {}",
                settings.notification.smtp.host
            )?;
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
