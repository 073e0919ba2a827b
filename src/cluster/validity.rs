//! Until when a certificate is accepted.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Of the first certificate in a file of them; none where that cannot be told.
pub(super) fn end(pem: &str) -> Option<Timestamp> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    // The last second of the year 9999 means that there is no end, and is later than any time we count with.
    Some(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_says_itself_when_it_ends() {
        let key = KeyPair::generate().unwrap();
        let ends = |year| {
            let mut params = CertificateParams::new(["east".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 12, 31);
            end(&params.self_signed(&key).unwrap().pem())
        };
        for year in [2031, 2049, 2051] {
            let end_of = format!("{year}-12-31T00:00:00Z");
            assert_eq!(ends(year), Some(end_of.parse().unwrap()));
        }
        assert_eq!(ends(9999), Some(Timestamp::MAX));
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        for pem in [
            "",
            "half a certif",
            "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(end(pem), None);
        }
    }
}
