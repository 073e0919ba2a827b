//! The spellings a secret turns up in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

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
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

/// `text` with `%41` turned back into `A`; as it is where that gives no text.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let code = (byte == b'%')
            .then(|| Some((digit(ahead.next()?)?, digit(ahead.next()?)?)))
            .flatten();
        match code {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_error| text.to_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
