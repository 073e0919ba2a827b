//! Secrets that can be recognised wherever they stand, by what they look like.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex_automata::meta::Regex;

use super::name::{environment_reference, is_public_key, variable_name};
use super::spelling::percent_decoded;

/// What may be percent-encoded.
static UNBROKEN: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[^\s"'<>,;&]+"#));

/// Threads that look at once, as a rule.
const CALLERS: usize = 4;
/// Shorter texts without any of the telling signs hold nothing.
const SHORTEST: usize = 16;

/// Blocks of PEM and of nkeys, also cut off ones; seeds; tokens; hashes of passwords; tokens of well-known services.
static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"(?s:-{3,}\s?BEGIN (?:[A-Z0-9 ]*PRIVATE KEY[A-Z ]*|NATS [A-Z ]+|[A-Z]+ NKEY SEED)\s?-{3,}.*?(?:-{3,}\s?END [A-Z0-9 ]*-{3,}|\z))",
        r"S[UAONCX][A-Z2-7]{54,}",
        r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?",
        r"\$(?:2[abxy]?\$\d\d|argon2[a-z]*|scrypt|pbkdf2[a-z0-9-]*|apr1|[1567y])\$[./A-Za-z0-9$=,+-]{8,}",
        r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{12,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{12,}|xox[abeprs]-[A-Za-z0-9_-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|[rs]k_(?:live|test)_[A-Za-z0-9_]{10,}|AIza[A-Za-z0-9_-]{30,}|npm_[A-Za-z0-9_]{30,}|hv[bs]\.[A-Za-z0-9_-]{20,}|dop_v1_[A-Za-z0-9_]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|pypi-[A-Za-z0-9_-]{16,}|ya29\.[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9_-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{20,})",
        r"https://hooks\.slack\.com/services/[A-Za-z0-9_/]+",
    ];
    pattern(&parts.join("|"))
});

/// What a value that is a secret stands after.
const KEY: &str = r"(?:password|passwd|passphrase|pass|pwd|token|secret|seed|creds|credentials?|jwt|nkey|(?:api|private|encryption|access|signing)[_-]?key)";
const QUOTED: &str = r#""(?:[^"\\]|\\.)*"|'[^']*'"#;

/// `password: x`, `token="x"`, `?token=x`; the value is in one of the groups. Only in an address does `&` end it.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    let text = format!(
        r#"(?i)[?&][a-z0-9_.-]*{KEY}=([^\s,;&#}}\])"'\\]+)|{KEY}\\?["']?(?:[ \t]*[:=][ \t]*(?:[|>][+-]?[ \t]*\n[ \t]*([^\n]+)|({QUOTED})|\\"([^"\\]*)|(<<[^\n]*?>>)|([^\s,;}}\])"'\\]+))|[ \t]+({QUOTED}))"#
    );
    pattern(&text)
});

/// A part of a server's configuration as it stands; a blank is as good as a colon there.
static RAW: LazyLock<Regex> = LazyLock::new(|| pattern(r"<<[^\n]*"));
static SPACED: LazyLock<Regex> = LazyLock::new(|| {
    let text = format!(r#"(?i){KEY}["']?[ \t]+([^\s,;:={{}}\[\]"'>]+)"#);
    pattern(&text)
});

/// Credentials of a request.
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?-u:\b)(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})"));

/// `user:word@host` without a scheme.
static LOGIN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'`=,(\[])([A-Za-z0-9][A-Za-z0-9._+-]*):([^\s:@/"'`<>,()]+)@([A-Za-z0-9\[][^\s"'`<>,]*)"#,
    )
});

/// What may be base64 or a key.
static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9+/_-]{20,}={0,2}"));

/// Where secrets stand in `text`, in order, without overlaps.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let telling = |sign: char| "-:=@%$\"' ".contains(sign);
    if text.len() < SHORTEST && !text.contains(telling) {
        return Vec::new();
    }
    let mut found = plain(text);
    for (range, word) in matches(&WORD, text) {
        if is_random(word) || hides_secret(word) {
            found.push(range);
        }
    }
    if text.contains('%') {
        for (range, word) in matches(&UNBROKEN, text) {
            let decoded = percent_decoded(word);
            let hides = decoded != word && !plain(&decoded).is_empty();
            if hides && plain(word).is_empty() {
                found.push(range);
            }
        }
    }
    merged(found)
}

fn plain(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = WHOLE.find_iter(text).map(|found| found.range()).collect();
    found.extend(passwords_of_urls(text));
    if text.contains('@') {
        found.extend(passwords_of_logins(text));
    }
    for groups in ASSIGNED.captures_iter(text) {
        let value = groups.iter().skip(1).flatten().next();
        found.extend(value.and_then(|value| assigned(text, value.range())));
    }
    for raw in RAW.find_iter(text).map(|found| found.range()) {
        let within = text.get(raw.clone()).unwrap_or_default();
        for groups in SPACED.captures_iter(within) {
            let value = groups.get_group(1).map(|span| span.range());
            let value = value.and_then(|value| assigned(within, value));
            found.extend(value.map(|value| raw.start + value.start..raw.start + value.end));
        }
    }
    for groups in HEADER.captures_iter(text) {
        let mixed = |word: &str| {
            word.bytes()
                .any(|byte| byte.is_ascii_digit() || byte == b'=')
                || (word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()))
        };
        let word = groups.get_group(1).map(|span| span.range());
        let is_mixed = |range: &Range<usize>| text.get(range.clone()).is_some_and(mixed);
        found.extend(word.filter(is_mixed));
    }
    found
}

/// The part of an assigned value that is secret; none for references and for what only looks like one.
fn assigned(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = text.get(range.clone())?;
    let quoted = value.len() >= 2 && value.starts_with(['"', '\'']);
    let range = if quoted {
        range.start + 1..range.end - 1
    } else {
        range
    };
    let inner = text.get(range.clone())?.trim();
    let open = inner.is_empty()
        || inner == "<<"
        || environment_reference(inner).is_some()
        || is_expanded(inner)
        || inner.starts_with(['{', '[', '(', '…', '`', '*', '&'])
        || ["true", "false", "null", "~", "|", ">"].contains(&inner)
        || is_public_key(inner);
    (!open).then_some(range)
}

/// `$NAME`, or the beginning of `${…}` and `$(…)`.
fn is_expanded(text: &str) -> bool {
    variable_name(text).is_some() || text.starts_with("${") || text.starts_with("$(")
}

/// `word` of `nats://user:word@host`, all of `nats://word@host`.
fn passwords_of_urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, sign) in text.match_indices("://") {
        let start = at + sign.len();
        let rest = text.get(start..).unwrap_or_default();
        let rest = rest.split("://").next().unwrap_or_default();
        let rest = rest
            .split(|sign: char| sign.is_whitespace() || "\"'<>`".contains(sign))
            .next()
            .unwrap_or_default();
        let Some(end) = rest.rfind('@') else { continue };
        let user = rest.get(..end).unwrap_or_default();
        if let Some((host, _)) = user.split_once(['/', '?', '#']) {
            // `host:4222/a@b` has none; `user:wo/rd@host` has.
            let port = host.split_once(':').map(|(_, port)| port);
            if port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit())) {
                continue;
            }
        }
        let secret = match user.split_once(':') {
            Some((name, word)) if !word.is_empty() && !name.contains('@') => {
                start + name.len() + 1..start + end
            }
            Some(_) | None => start..start + end,
        };
        let word = text.get(secret.clone()).unwrap_or_default();
        if !word.is_empty() && !is_expanded(word) && !word.starts_with('(') {
            found.push(secret);
        }
    }
    found
}

/// `word` of `user:word@host`; `image:tag@sha256:…` has none.
fn passwords_of_logins(text: &str) -> Vec<Range<usize>> {
    let logins = LOGIN.captures_iter(text).filter_map(|groups| {
        let group = |number| groups.get_group(number).map(|span| span.range());
        let (user, word, host) = (group(1)?, group(2)?, text.get(group(3)?)?);
        let is_open = text.get(user)? == "mailto"
            || is_expanded(text.get(word.clone())?)
            || ["sha256:", "sha512:"]
                .iter()
                .any(|sum| host.starts_with(sum));
        (!is_open).then_some(word)
    });
    logins.collect()
}

/// Long, unbroken and well mixed: more likely a key than a name.
fn is_random(word: &str) -> bool {
    let count = |is: fn(&u8) -> bool| word.bytes().filter(is).count();
    word.len() >= 32
        && count(u8::is_ascii_uppercase) >= 4
        && count(u8::is_ascii_lowercase) >= 4
        && count(u8::is_ascii_digit) >= 2
}

/// Base64 of something that is recognised.
fn hides_secret(word: &str) -> bool {
    let word = word.trim_end_matches('=');
    [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD]
        .iter()
        .filter_map(|alphabet| alphabet.decode(word).ok())
        .filter_map(|bytes| String::from_utf8(bytes).ok())
        .any(|text| {
            !plain(&text).is_empty() || matches(&WORD, &text).any(|(_, word)| is_random(word))
        })
}

fn matches<'t>(pattern: &'t Regex, text: &'t str) -> impl Iterator<Item = (Range<usize>, &'t str)> {
    pattern
        .find_iter(text)
        .filter_map(|found| Some((found.range(), text.get(found.range())?)))
}

/// A pattern of ours. The number of processors is not asked for, as the default does: an offline plan reads nothing of
/// this host.
fn pattern(text: &str) -> Regex {
    Regex::builder()
        .configure(Regex::config().pool_capacity(CALLERS))
        .build(text)
        .expect("the pattern is ours")
}

/// In order, overlapping ones joined.
pub(super) fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in found {
        match joined.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            Some(_) | None => joined.push(range),
        }
    }
    joined
}
