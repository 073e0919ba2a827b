//! Who vouches for a delivery. Every forge signs in its own way; the first header that is there decides, and none makes up
//! for another.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key, Tag};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

/// How far the clock of whoever signs a time may be from ours.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// The body's HMAC-SHA256 in hexadecimal, with or without `sha256=` before it.
const HEX: [&str; 5] = [
    "x-hub-signature-256",
    "x-forgejo-signature",
    "x-gitea-signature",
    "x-gogs-signature",
    "x-signature-256",
];
/// Standard Webhooks: what is signed is `id.time.body`.
const STANDARD_SIGNATURE: &str = "webhook-signature";
const STANDARD_ID: &str = "webhook-id";
const STANDARD_TIME: &str = "webhook-timestamp";
/// The secret itself.
const TOKEN: &str = "x-gitlab-token";
/// What a key of Standard Webhooks begins with; the rest is base64.
const KEY_PREFIX: &str = "whsec_";

/// Where forges write what tells a delivery from others. Some are not signed, so the signature counts as one, too.
const DELIVERY: [&str; 7] = [
    STANDARD_ID,
    "x-github-delivery",
    "x-forgejo-delivery",
    "x-gitea-delivery",
    "x-gitlab-event-uuid",
    "idempotency-key",
    "x-delivery",
];

/// Why a delivery is not taken for that of a forge. Who sent it is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Objection {
    /// No header of ours.
    #[error("it is not signed")]
    Unsigned,
    /// Not with one of the secrets, or something else was signed.
    #[error("its signature is not that of a known secret")]
    Wrong,
    /// Signed long ago, or by a clock that is wrong.
    #[error("the time it was signed is more than five minutes from now")]
    Stale,
}

/// How a delivery claims to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Claim {
    Hex(String),
    Standard { prefix: String, signatures: String },
    Token(String),
}

/// A body that is read piece by piece: it is never held as a whole.
pub(super) struct Check {
    claim: Claim,
    ids: Vec<String>,
    secrets: Vec<SecretString>,
    bodies: Vec<Context>,
}

impl Check {
    /// Of what the headers claim.
    pub(super) fn begin(
        headers: &HeaderMap,
        secrets: Vec<SecretString>,
        now: Timestamp,
    ) -> Result<Self, Objection> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
        let claim = if let Some(signatures) = text(STANDARD_SIGNATURE) {
            let (Some(id), Some(time)) = (text(STANDARD_ID), text(STANDARD_TIME)) else {
                return Err(Objection::Unsigned);
            };
            check_time(time, now)?;
            Claim::Standard {
                prefix: format!("{id}.{time}."),
                signatures: signatures.to_owned(),
            }
        } else if let Some(given) = HEX.into_iter().find_map(text) {
            let given = given.strip_prefix("sha256=").unwrap_or(given);
            Claim::Hex(given.to_ascii_lowercase())
        } else if let Some(token) = text(TOKEN) {
            Claim::Token(token.to_owned())
        } else {
            return Err(Objection::Unsigned);
        };
        let ids = DELIVERY.into_iter().filter_map(text).map(str::to_owned);
        let bodies = secrets.iter().map(|secret| claim.context(secret)).collect();
        Ok(Self {
            ids: ids.collect(),
            claim,
            secrets,
            bodies,
        })
    }

    /// More of the body.
    pub(super) fn update(&mut self, piece: &[u8]) {
        for body in &mut self.bodies {
            body.update(piece);
        }
    }

    /// What tells this delivery from others, if a secret vouches for it.
    pub(super) fn end(self) -> Result<Vec<String>, Objection> {
        let tags = self.bodies.into_iter().map(Context::sign);
        let mut each = self.secrets.iter().zip(tags);
        let vouched = each.find(|(secret, tag)| self.claim.holds(secret, tag));
        let (_, tag) = vouched.ok_or(Objection::Wrong)?;
        let mut marks = self.ids;
        marks.push(hex(&tag));
        Ok(marks)
    }
}

impl Claim {
    fn context(&self, secret: &SecretString) -> Context {
        let secret = secret.expose_secret();
        match self {
            Self::Hex(_) | Self::Token(_) => {
                Context::with_key(&Key::new(HMAC_SHA256, secret.as_bytes()))
            }
            Self::Standard { prefix, .. } => {
                let key = secret.strip_prefix(KEY_PREFIX);
                let key = key.and_then(|text| STANDARD.decode(text).ok());
                let key = key.unwrap_or_else(|| secret.as_bytes().to_vec());
                let mut context = Context::with_key(&Key::new(HMAC_SHA256, &key));
                context.update(prefix.as_bytes());
                context
            }
        }
    }

    fn holds(&self, secret: &SecretString, tag: &Tag) -> bool {
        match self {
            Self::Hex(given) => is_same(given, &hex(tag)),
            Self::Token(given) => is_same(given, secret.expose_secret()),
            // More than one while its key is being changed.
            Self::Standard { signatures, .. } => {
                let expected = STANDARD.encode(tag.as_ref());
                let mut given = signatures.split(' ');
                given.any(|one| {
                    one.strip_prefix("v1,")
                        .is_some_and(|one| is_same(one, &expected))
                })
            }
        }
    }
}

/// In a time that says nothing about where they differ.
fn is_same(given: &str, expected: &str) -> bool {
    verify_slices_are_equal(given.as_bytes(), expected.as_bytes()).is_ok()
}

fn check_time(text: &str, now: Timestamp) -> Result<(), Objection> {
    let seconds = text.parse().map_err(|_| Objection::Stale)?;
    let signed = Timestamp::from_second(seconds).map_err(|_| Objection::Stale)?;
    let skew = now.duration_since(signed).abs();
    let most = SignedDuration::try_from(SKEW).map_err(|_| Objection::Stale)?;
    if skew <= most {
        Ok(())
    } else {
        Err(Objection::Stale)
    }
}

fn hex(tag: &Tag) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in tag.as_ref() {
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(
        secret: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Result<Vec<String>, Objection> {
        marks_at(1_614_265_330, secret, headers, body)
    }

    fn marks_at(
        now: i64,
        secret: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Result<Vec<String>, Objection> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = Timestamp::from_second(now).unwrap();
        let secrets = secret.lines().map(SecretString::from).collect();
        let mut check = Check::begin(&map, secrets, now)?;
        // In pieces, as it comes.
        for piece in body.as_bytes().chunks(3) {
            check.update(piece);
        }
        check.end()
    }

    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &str = "Hello, World!";
    /// GitHub's own example.
    const TAG: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_own_example_is_vouched_for() {
        let signature = format!("sha256={TAG}");
        let headers = [
            ("x-hub-signature-256", signature.as_str()),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ];
        let marks = marks(SECRET, &headers, BODY).unwrap();
        assert_eq!(marks, ["72d3162e-cc78-11e3-81ab-4c9367dc0958", TAG]);
    }

    #[rstest::rstest]
    #[case("x-forgejo-signature")]
    #[case("x-gitea-signature")]
    #[case("x-gogs-signature")]
    #[case("x-signature-256")]
    fn others_write_it_bare(#[case] header: &'static str) {
        assert_eq!(marks(SECRET, &[(header, TAG)], BODY).unwrap(), [TAG]);
        let capitals = TAG.to_uppercase();
        assert!(marks(SECRET, &[(header, &capitals)], BODY).is_ok());
    }

    #[test]
    fn the_example_of_rfc_4231_is_vouched_for() {
        let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let headers = [("x-gitea-signature", tag)];
        assert!(marks("Jefe", &headers, "what do ya want for nothing?").is_ok());
    }

    #[test]
    fn gitlabs_token_is_the_secret_itself() {
        let headers = [
            ("x-gitlab-token", SECRET),
            ("x-gitlab-event-uuid", "13792a34"),
        ];
        let marks = marks(SECRET, &headers, BODY).unwrap();
        assert_eq!(marks, ["13792a34", TAG]);
        let wrong = [("x-gitlab-token", "It's a Secret to Everybodx")];
        assert_eq!(
            super::tests::marks(SECRET, &wrong, BODY),
            Err(Objection::Wrong)
        );
        let short = [("x-gitlab-token", "")];
        assert_eq!(
            super::tests::marks(SECRET, &short, BODY),
            Err(Objection::Wrong)
        );
    }

    /// The example of the libraries of Standard Webhooks, which GitLab follows.
    const STANDARD: [(&str, &str); 3] = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        (
            "webhook-signature",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];
    const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const STANDARD_BODY: &str = r#"{"test": 2432232314}"#;

    #[test]
    fn standard_webhooks_sign_id_and_time_as_well() {
        let signed = marks(STANDARD_SECRET, &STANDARD, STANDARD_BODY).unwrap();
        assert_eq!(signed[0], STANDARD[0].1);
        let signature = format!("v1,AAAA v1a,BBBB {}", STANDARD[2].1);
        let several = [STANDARD[0], STANDARD[1], (STANDARD[2].0, &signature)];
        assert!(marks(STANDARD_SECRET, &several, STANDARD_BODY).is_ok());
        let other_id = [("webhook-id", "msg_other"), STANDARD[1], STANDARD[2]];
        let wrong = marks(STANDARD_SECRET, &other_id, STANDARD_BODY);
        assert_eq!(wrong, Err(Objection::Wrong));
        let bare = [STANDARD[0], STANDARD[2]];
        let unsigned = marks(STANDARD_SECRET, &bare, STANDARD_BODY);
        assert_eq!(unsigned, Err(Objection::Unsigned));
    }

    #[rstest::rstest]
    #[case(1_614_265_330 + 300, true)]
    #[case(1_614_265_330 + 301, false)]
    #[case(1_614_265_330 - 301, false)]
    fn what_was_signed_long_ago_is_refused(#[case] now: i64, #[case] taken: bool) {
        let marks = marks_at(now, STANDARD_SECRET, &STANDARD, STANDARD_BODY);
        assert_eq!(marks.err(), (!taken).then_some(Objection::Stale));
    }

    #[rstest::rstest]
    #[case(&[], BODY, Objection::Unsigned)]
    #[case(&[("authorization", SECRET)], BODY, Objection::Unsigned)]
    #[case(&[("x-hub-signature", "sha1=8c1e3f7b1cbd1e1d3c3a6f5a0a0d7fd0d7b8e9aa")], BODY, Objection::Unsigned)]
    #[case(&[("x-hub-signature-256", "")], BODY, Objection::Wrong)]
    #[case(&[("x-hub-signature-256", "sha256=")], BODY, Objection::Wrong)]
    #[case(&[("x-hub-signature-256", "sha256=757107ea")], BODY, Objection::Wrong)]
    #[case(&[("x-gitea-signature", TAG)], "Hello, World?", Objection::Wrong)]
    #[case(&[("x-gitea-signature", TAG)], "", Objection::Wrong)]
    // The first decides: a good one beside it does not make up for it.
    #[case(&[("x-hub-signature-256", "sha256=00"), ("x-gitlab-token", SECRET)], BODY, Objection::Wrong)]
    fn nothing_else_is_vouched_for(
        #[case] headers: &[(&'static str, &str)],
        #[case] body: &str,
        #[case] expected: Objection,
    ) {
        assert_eq!(marks(SECRET, headers, body), Err(expected));
    }

    #[test]
    fn while_a_secret_is_changed_both_count() {
        let headers = [("x-gitea-signature", TAG)];
        let both = format!("a new one that is long enough\n{SECRET}");
        assert!(marks(&both, &headers, BODY).is_ok());
        assert_eq!(marks("another", &headers, BODY), Err(Objection::Wrong));
        assert_eq!(
            marks("", &headers, BODY),
            Err(Objection::Wrong),
            "no secret"
        );
    }
}
