//! Text of strangers in Markdown.

use crate::report::safe;

/// As a code span: no markup, mention or reference in it is followed.
pub(super) fn code(text: &str) -> String {
    let text = unmarked(&safe(text));
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// As a sentence: every sign that could mean something stands for itself.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in unmarked(&safe(text)).chars() {
        match sign {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Forges look for mentions, references and addresses in what is rendered; a comment parts them.
            '@' | '#' | '!' => {
                out.push('\\');
                out.push(sign);
                out.push_str("<!-- -->");
            }
            ':' => out.push_str(":<!-- -->"),
            sign if "\\`*_{}[]~|$^".contains(sign) => {
                out.push('\\');
                out.push(sign);
            }
            sign => out.push(sign),
        }
    }
    // Only addresses have to be parted; elsewhere a colon is a colon.
    out.replace(":<!-- -->//", "\u{0}")
        .replace(":<!-- -->", ":")
        .replace('\u{0}', ":<!-- -->//")
}

/// As text within an element.
pub(super) fn html(text: &str) -> String {
    unmarked(&safe(text))
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// As a block whose fence nothing in it can close.
pub(super) fn fenced(lines: &[String]) -> String {
    let text = unmarked(&lines.join("\n"));
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}diff\n{text}\n{fence}")
}

/// A name that fits into the hidden marker.
pub(super) fn marker_name(text: &str) -> String {
    text.chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() || "._".contains(sign) {
                sign
            } else {
                '-'
            }
        })
        .collect::<String>()
        .replace("--", "-")
}

/// Nothing but the first line may look like the marker of a comment.
fn unmarked(text: &str) -> String {
    text.replace("<!--", "<! --")
}

fn longest_run(text: &str) -> usize {
    text.split(|sign| sign != '`')
        .map(str::len)
        .max()
        .unwrap_or_default()
}
