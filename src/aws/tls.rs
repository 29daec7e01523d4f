//! The TLS of connections that are not made by the SDK: ring, and the certificates of the system.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// Adds the certificates of the system. Unreadable ones are skipped; without any certificate, no connection succeeds.
pub fn trust_system(trusted: &mut RootCertStore) {
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
}

/// Returns the TLS configuration that trusts these certificates.
///
/// # Errors
/// Why TLS cannot be set up.
pub fn config(trusted: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set up TLS: {error}"))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(tls)
}
