//! Until when a certificate is accepted. It is read out of the certificate itself, past what comes before that in it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The tags of the values that are told apart.
const VERSION: u8 = 0xa0;
const SHORT_TIME: u8 = 0x17;
const LONG_TIME: u8 = 0x18;

/// Of the first certificate in a file of them; none where that cannot be told.
pub(super) fn end(pem: &str) -> Option<Timestamp> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (whole, _) = Value::first(&certificate)?;
    let (signed, _) = Value::first(whole.content)?;
    let (first, rest) = Value::first(signed.content)?;
    // The first ones had no version, and begin with the serial number.
    let rest = match first.tag {
        VERSION => Value::first(rest)?.1,
        _ => rest,
    };
    let (_algorithm, rest) = Value::first(rest)?;
    let (_issuer, rest) = Value::first(rest)?;
    let (validity, _) = Value::first(rest)?;
    let (_from, rest) = Value::first(validity.content)?;
    let (until, _) = Value::first(rest)?;
    time(&until)
}

fn time(value: &Value<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(value.content).ok()?;
    let text = match value.tag {
        // Two digits of the year, up to 2049.
        SHORT_TIME if text < "50" => format!("20{text}"),
        SHORT_TIME => format!("19{text}"),
        LONG_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    // The last second of the year 9999 means that there is no end.
    let time = TimeZone::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX);
    Some(time)
}

/// A value as DER writes it.
struct Value<'b> {
    tag: u8,
    content: &'b [u8],
}

impl<'b> Value<'b> {
    /// The first of several, and the others.
    fn first(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&length, rest) = rest.split_first()?;
        let (length, rest) = if length < 0x80 {
            (usize::from(length), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let more = |length: usize, digit: &u8| {
                let length = length.checked_mul(256)?;
                length.checked_add(usize::from(*digit))
            };
            (digits.iter().try_fold(0, more)?, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        Some((Self { tag, content }, rest))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_says_itself_when_it_ends() {
        let key = KeyPair::generate().unwrap();
        for (year, end_of) in [
            (2031, "2031-02-03T00:00:00Z"),
            (2049, "2049-02-03T00:00:00Z"),
            (2051, "2051-02-03T00:00:00Z"),
        ] {
            let mut params = CertificateParams::new(["east".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 2, 3);
            let pem = params.self_signed(&key).unwrap().pem();
            assert_eq!(end(&pem), Some(end_of.parse().unwrap()));
        }
        let forever = Value {
            tag: LONG_TIME,
            content: b"99991231235959Z",
        };
        assert_eq!(time(&forever), Some(Timestamp::MAX));
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x03\x02\x01",
            b"\x30\x84\xff\xff\xff\xff\x00",
            b"\x30\x89\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00",
        ] {
            assert!(Value::first(bytes).is_none(), "{bytes:?}");
        }
        for pem in [
            "",
            "half a certif",
            "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n",
        ] {
            assert_eq!(end(pem), None);
        }
    }
}
