//! Certificates made on the spot, and a certified provider that speaks https and asks clients for theirs.

use std::path::PathBuf;

use grantflow_reqwest::ReqwestTransport;
use grantflow_ureq::UreqTransport;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::provider::Provider;

/// A certificate and its key, as files.
#[derive(Debug)]
pub struct Identity {
    chain: PathBuf,
    key: PathBuf,
    certificate: String,
    der: Vec<u8>,
}

impl Identity {
    fn of(dir: &TempDir, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        let place = |what| dir.path().join(format!("{name}-{what}.pem"));
        std::fs::write(place("chain"), certificate.pem()).expect("the directory is ours");
        std::fs::write(place("key"), key.serialize_pem()).expect("the directory is ours");
        Self {
            chain: place("chain"),
            key: place("key"),
            certificate: certificate.pem(),
            der: certificate.der().to_vec(),
        }
    }

    /// The certificate and its key in PEM.
    ///
    /// # Panics
    ///
    /// If the files are gone.
    #[must_use]
    pub fn pem(&self) -> (String, String) {
        let key = std::fs::read_to_string(&self.key).expect("the directory is ours");
        (self.certificate.clone(), key)
    }

    /// The files with its chain and its key.
    ///
    /// # Panics
    ///
    /// If temporary directories have odd names here.
    #[must_use]
    pub fn files(&self) -> [&str; 2] {
        [&self.chain, &self.key].map(|file| file.to_str().expect("temporary directories have plain names"))
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// A provider that speaks https, clients with certificates, and the one authority of them all.
#[derive(Debug)]
pub struct TlsProvider {
    provider: Provider,
    authority: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
    /// The certificate of the client `mtls`.
    pub ours: Identity,
    /// That of the client `self-signed`.
    pub self_signed: Identity,
    /// One of the same authority for nobody whom the provider knows.
    pub strange: Identity,
}

impl TlsProvider {
    /// Starts one with more [options](Provider::start); `None`, after saying so, where it is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    #[track_caller]
    #[must_use]
    pub fn start(mut options: Value) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of the suites");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("ring signs");
        let signed = |name: &str, host: &str, usage: Option<ExtendedKeyUsagePurpose>| {
            let key = key();
            let certificate = params_of(host, usage).signed_by(&key, &authority);
            Identity::of(&dir, name, &certificate.expect("ring signs"), &key)
        };
        let client = Some(ExtendedKeyUsagePurpose::ClientAuth);
        let server = signed("server", "127.0.0.1", None);
        let ours = signed("ours", "client.example", client.clone());
        let strange = signed("strange", "strange.example", client.clone());
        let own = key();
        let certificate = params_of("self.example", client).self_signed(&own);
        let self_signed = Identity::of(&dir, "self-signed", &certificate.expect("ring signs"), &own);
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).expect("the directory is ours");
        options["tls"] = json!({
            "certificate": server.certificate,
            "key": server.pem().1,
            "client_ca": authority.pem(),
            "self_signed": self_signed.certificate,
        });
        let provider = Provider::start(&options)?;
        Some(Self {
            provider,
            authority,
            dir,
            ours,
            self_signed,
            strange,
        })
    }

    /// Its name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// The certificate of the authority as a file.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A browser that trusts it, before which `user` sits.
    ///
    /// # Panics
    ///
    /// Never: the authority has a certificate.
    #[must_use]
    pub fn browser_of(&self, user: &str) -> Browser {
        Browser::of(user).who_trusts(&self.authority.pem())
    }

    /// A blocking transport that trusts it, and shows this certificate.
    ///
    /// # Panics
    ///
    /// If the files are gone.
    #[must_use]
    pub fn ureq(&self, shows: Option<&Identity>) -> UreqTransport {
        let builder = UreqTransport::builder().ca_file(self.ca_file()).no_proxy();
        let builder = match shows {
            Some(identity) => builder.client_certificate(&identity.chain, &identity.key),
            None => builder,
        };
        builder.build().expect("the files are there")
    }

    /// What makes an async transport, and a client for the middleware.
    pub fn reqwest(&self, shows: Option<&Identity>) -> grantflow_reqwest::Builder {
        let builder = ReqwestTransport::builder().ca_file(self.ca_file()).no_proxy();
        match shows {
            Some(identity) => builder.client_certificate(&identity.chain, &identity.key),
            None => builder,
        }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}

fn params_of(host: &str, usage: Option<ExtendedKeyUsagePurpose>) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name of the suites");
    params.extended_key_usages.extend(usage);
    params
}
