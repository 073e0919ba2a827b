//! Whether a place that takes events is who it says: the certificates in a file of the operator's.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::path::Path;

use rustls::CertificateError::{BadSignature, UnknownIssuer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::SinkError;

/// The certificates in the file that `setting` names. None at all is an error: trusting nobody looks like being cheated.
pub(super) fn authorities(
    setting: &str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    let text = || format!("{setting} {} cannot be used", path.display());
    let pem = std::fs::read(path).map_err(|error| SinkError::from(text(), error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| SinkError::from(text(), error))?;
    if found.is_empty() {
        return Err(SinkError::new(format!(
            "{}: there is no certificate in it",
            text()
        )));
    }
    Ok(found)
}

/// A client that believes these beside the system's.
pub(super) fn trusting(
    setting: &str,
    path: &Path,
    authorities: Vec<CertificateDer<'static>>,
) -> Result<ClientConfig, SinkError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for authority in authorities {
        let text = || format!("{setting} {} cannot be used", path.display());
        roots
            .add(authority)
            .map_err(|error| SinkError::from(text(), error))?;
    }
    Ok(ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// What to do, where a certificate was not believed because nobody known signed it; else nothing: TLS itself says what is
/// wrong with a certificate that is too old or for another name.
pub(super) fn advice(setting: &str, error: &(dyn Error + 'static)) -> String {
    let unknown = successors(Some(error), |&error| error.source()).any(|cause| {
        matches!(
            refusal(cause),
            Some(rustls::Error::InvalidCertificate(
                UnknownIssuer | BadSignature
            ))
        )
    });
    if unknown {
        return format!("; name who signed its certificate in {setting}");
    }
    String::new()
}

/// An error of TLS; it travels in those of input and output, also in several, which do not call it their source.
fn refusal<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let within = || refusal(cause.downcast_ref::<io::Error>()?.get_ref()?);
    cause.downcast_ref().or_else(within)
}
