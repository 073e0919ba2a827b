//! The spellings a secret turns up in.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// All but what RFC 3986 2.3 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Shorter lines of a longer secret are words of a language more often than parts of a key.
const SHORTEST_LINE: usize = 12;
/// Shorter texts have no stable part within the base64 of a longer one.
const SHORTEST_WITHIN: usize = 8;

/// Every spelling of `secret` that is looked for.
pub(super) fn spellings(secret: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |text: &str| {
        found.insert(text.to_owned());
        let quoted = Value::from(text).to_string();
        found.insert(quoted.trim_matches('"').to_owned());
        found.insert(percent_encoded(text));
        for ending in ["", "\n"] {
            let bytes = format!("{text}{ending}");
            for alphabet in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                found.insert(alphabet.encode(&bytes));
            }
        }
        if text.len() >= SHORTEST_WITHIN {
            for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                found.extend((0..3).map(|offset| within(text, offset, alphabet)));
            }
        }
    };
    add(secret);
    let trimmed = secret.trim();
    if trimmed != secret {
        add(trimmed);
    }
    for line in secret.lines().map(str::trim) {
        if line != secret && line.len() >= SHORTEST_LINE {
            add(line);
        }
    }
    found
}

/// What base64 makes of `text` after `offset` bytes of something else, whatever surrounds it.
fn within(text: &str, offset: usize, alphabet: &impl base64::Engine) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(text.as_bytes());
    let whole = bytes.len().is_multiple_of(3);
    let code = alphabet.encode(bytes);
    let end = code.len() - usize::from(!whole);
    let start = [0, 2, 3].get(offset).copied().unwrap_or_default();
    code.get(start..end).unwrap_or_default().to_owned()
}

fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// `text` with `%41` turned back into `A`; as it is where that gives no text.
pub(super) fn percent_decoded(text: &str) -> String {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_or_else(|_error| text.to_owned(), Cow::into_owned)
}
