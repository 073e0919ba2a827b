//! Text of strangers on a terminal.

use std::fmt::Write as _;

use serde::Serialize;

use super::width::room;

/// Shows what would steer a terminal, turn the direction of text, or be taken for a command by a CI system that reads
/// the output, as an escape, so that a file cannot forge lines of a plan.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, sign) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        let commands = (before.is_whitespace() && rest.starts_with("::")) || is_command(rest);
        if is_hostile(sign) || commands {
            write!(out, "{}", escaped(sign)).ok();
        } else {
            out.push(sign);
        }
        before = sign;
    }
    out
}

/// A document for programs: the same after parsing, but nothing in it steers a terminal or a CI system that shows it.
pub fn json_text(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(document)?;
    let mut out = String::with_capacity(text.len());
    for (at, sign) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        // Signs like these stand in texts only; line breaks do not, they are the document's own.
        if (is_hostile(sign) && sign != '\n') || is_command(rest) {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").ok();
            }
        } else {
            out.push(sign);
        }
    }
    Ok(out)
}

/// `##[error]`, `##vso[…]`.
fn is_command(rest: &str) -> bool {
    rest.strip_prefix("##").is_some_and(|rest| {
        rest.trim_start_matches(|sign: char| sign.is_ascii_alphanumeric() || sign == '#')
            .starts_with('[')
    })
}

fn escaped(sign: char) -> String {
    if sign.is_control() {
        sign.escape_default().to_string()
    } else {
        sign.escape_unicode().to_string()
    }
}

fn is_hostile(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Breaks `text` at spaces into lines of at most `width` signs; longer words stay whole, because a broken id cannot be
/// copied, and so does a command between backticks that fits into a line.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    wrapped_after(text, width, width)
}

/// The same where the first line has another room than those below it.
fn wrapped_after(text: &str, first: usize, width: usize) -> Vec<String> {
    let mut items = Vec::new();
    for word in words(text) {
        if shown_width(&word) > width {
            items.extend(word.split(' ').map(ToOwned::to_owned));
        } else {
            items.push(word);
        }
    }
    fill(&items, " ", first, width)
}

/// How many signs a terminal shows of it: what sets a colour takes no room.
fn shown_width(text: &str) -> usize {
    let mut parts = text.split("\u{1b}[");
    let plain = parts.next().unwrap_or_default().chars().count();
    let after = parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
    plain + after.map(|part| part.chars().count()).sum::<usize>()
}

fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for part in text.split(' ') {
        match words.last_mut().filter(|_| is_open) {
            Some(word) => {
                word.push(' ');
                word.push_str(part);
            }
            None => words.push(part.to_owned()),
        }
        is_open ^= part.matches('`').count() % 2 == 1;
    }
    // A backtick alone is no more than a sign.
    if is_open {
        return text.split(' ').map(ToOwned::to_owned).collect();
    }
    words
}

/// The lines of `text` in a window of this width, if it has one, all but the first behind `indent`; what stands before the first is as wide.
pub fn hanging(text: &str, indent: &str, width: u16) -> String {
    let room = room(width).saturating_sub(indent.chars().count());
    let lines: Vec<String> = text.lines().flat_map(|line| wrapped(line, room)).collect();
    lines.join(&format!("\n{indent}"))
}

/// The lines of `text`, the first behind `before` and all others behind `indent`, each of at most `width` signs with that.
pub fn folded(text: &str, before: &str, indent: &str, width: u16) -> String {
    let width = room(width);
    let room = width.saturating_sub(shown_width(indent));
    let mut first = width.saturating_sub(shown_width(before));
    let mut all = Vec::new();
    for line in text.lines() {
        all.extend(wrapped_after(line, first, room));
        first = room;
    }
    format!("{before}{}", all.join(&format!("\n{indent}")))
}

/// Puts `items` into lines of at most `width` signs without breaking any.
pub fn wrapped_items(items: &[String], between: &str, width: usize) -> Vec<String> {
    fill(items, between, width, width)
}

fn fill(items: &[String], between: &str, first: usize, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        let room = if lines.len() == 1 { first } else { width };
        match lines.last_mut() {
            Some(line) if shown_width(line) + between.len() + shown_width(item) <= room => {
                line.push_str(between);
                line.push_str(item);
            }
            Some(_) | None => lines.push(item.clone()),
        }
    }
    lines
}
