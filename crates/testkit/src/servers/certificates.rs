//! One certificate authority for the servers of a test.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};

/// Signs a certificate for `localhost` and 127.0.0.1 for each server that is given it.
#[derive(Clone)]
pub struct Authority {
    issuer: Arc<Issuer<'static, KeyPair>>,
    certificate: String,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "the authority of a test");
        let certificate = armour("CERTIFICATE", params.self_signed(&key)?.der());
        Ok(Self {
            issuer: Arc::new(Issuer::new(params, key)),
            certificate,
        })
    }

    /// Its own certificate, which clients are to trust, as PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Writes `ca.pem`, `certificate.pem`, `key.pem`, and `both.pem` (certificate and key) for a server into its folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let key = KeyPair::generate()?;
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "localhost");
        let certificate = armour("CERTIFICATE", params.signed_by(&key, &*self.issuer)?.der());
        let key = armour("PRIVATE KEY", key.serialized_der());
        std::fs::write(folder.join("ca.pem"), &self.certificate)?;
        std::fs::write(folder.join("both.pem"), format!("{certificate}{key}"))?;
        std::fs::write(folder.join("certificate.pem"), certificate)?;
        std::fs::write(folder.join("key.pem"), key)?;
        Ok(())
    }

    /// Writes a new pair of keys for something else than certificates: `NAME.pem` and `NAME-public.pem`.
    pub(crate) fn write_keys(folder: &Path, name: &str) -> Result<()> {
        let key = KeyPair::generate()?;
        let private = armour("PRIVATE KEY", key.serialized_der());
        let public = armour("PUBLIC KEY", &key.subject_public_key_info());
        std::fs::write(folder.join(format!("{name}.pem")), private)?;
        std::fs::write(folder.join(format!("{name}-public.pem")), public)?;
        Ok(())
    }
}

fn armour(tag: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(tag, der))
}
