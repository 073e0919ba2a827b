//! Text of strangers on a terminal.

use std::fmt::Write as _;

/// Shows what would steer a terminal or turn the direction of text as an escape, so that a file cannot forge lines of
/// a plan.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        if is_hostile(sign) {
            write!(out, "{}", sign.escape_default()).ok();
        } else {
            out.push(sign);
        }
    }
    out
}

fn is_hostile(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Breaks `text` at spaces into lines of at most `width` signs; longer words stay whole, because a broken id or command
/// cannot be copied.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
