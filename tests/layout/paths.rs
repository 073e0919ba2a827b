//! The paths a piece of code names.

/// Code without comments and without its inline test modules; `#[cfg(test)] mod tests;` hides nothing after it.
pub(crate) fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            if !line.trim_start().starts_with("//") {
                code.push_str(line);
            }
            // An empty line for a comment keeps the numbers right.
            code.push('\n');
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        code.push('\n');
        for hidden in lines.by_ref() {
            code.push('\n');
            let is_shallow = hidden.len() - hidden.trim_start().len() == indent;
            if is_shallow && (hidden.ends_with(';') || hidden.trim_end().ends_with('}')) {
                break;
            }
        }
    }
    code
}

/// Each path with its line; `use a::{b, c}` names `a::b` and `a::c`.
pub(crate) fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut prefixes: Vec<String> = Vec::new();
    let mut path = String::new();
    let mut line = 1;
    for letter in code.chars().chain(['\n']) {
        // The dash keeps words of a text whole: `kube-system` is no crate.
        if letter.is_alphanumeric() || "_:-".contains(letter) {
            path.push(letter);
            continue;
        }
        let prefix = prefixes.last().map_or("", String::as_str);
        let whole = format!("{prefix}{path}");
        path.clear();
        if letter == '{' {
            let is_group = whole.ends_with("::");
            prefixes.push(if is_group { whole } else { String::new() });
        } else if !whole.trim_matches(':').is_empty() {
            found.push((line, whole.trim_matches(':').to_owned()));
        }
        if letter == '}' {
            prefixes.pop();
        }
        line += usize::from(letter == '\n');
    }
    found
}
