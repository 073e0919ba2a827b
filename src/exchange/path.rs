//! Dotted keys, in the syntax Helm's `--set` has for keys.

/// Helm gives up beyond this.
const DEEPEST: usize = 30;

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Reads a dotted key: `.` separates, `\` takes the next character as it is, `[n]` indexes a list.
pub(super) fn read_path(text: &str) -> Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut letters = text.chars().peekable();
    let mut key = String::new();
    let mut after_index = false;
    loop {
        match letters.next() {
            Some('\\') => match letters.next() {
                Some(letter) if !after_index => key.push(letter),
                Some(_) => return Err("a dot is missing after the index"),
                None => return Err("it ends in a backslash"),
            },
            Some('[') => {
                if !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                } else if !after_index {
                    return Err("an index without a key before it");
                }
                let mut digits = String::new();
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                let closed = letters.next() == Some(']');
                match digits.parse() {
                    Ok(index) if closed => steps.push(Step::Index(index)),
                    _ => return Err("an index is written [0], [1], …"),
                }
                after_index = true;
            }
            Some('.') => {
                if !after_index {
                    if key.is_empty() {
                        return Err("a part of it is empty");
                    }
                    steps.push(Step::Key(std::mem::take(&mut key)));
                }
                if letters.peek().is_none() {
                    return Err("it ends in a dot");
                }
                after_index = false;
            }
            Some(_) if after_index => return Err("a dot is missing after the index"),
            Some(letter) => key.push(letter),
            None => break,
        }
    }
    if !after_index {
        if key.is_empty() {
            return Err("a part of it is empty");
        }
        steps.push(Step::Key(key));
    }
    if steps.len() > DEEPEST {
        return Err("more than 30 parts");
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(steps: &[Step]) -> String {
        let part = |step: &Step| match step {
            Step::Key(key) => format!("<{key}>"),
            Step::Index(index) => format!("#{index}"),
        };
        steps.iter().map(part).collect()
    }

    #[test]
    fn paths_read_as_helm_reads_them() {
        for (text, steps) in [
            ("a", "<a>"),
            ("a.b.c", "<a><b><c>"),
            (
                r"podTemplate.spread.kubernetes\.io/hostname",
                "<podTemplate><spread><kubernetes.io/hostname>",
            ),
            ("a[0].b", "<a>#0<b>"),
            ("a[1][2]", "<a>#1#2"),
            (r"a\[0\].b", "<a[0]><b>"),
            (r"a\\b", r"<a\b>"),
            (r"a\,b\=c", "<a,b=c>"),
        ] {
            assert_eq!(written(&read_path(text).unwrap()), steps, "{text}");
        }
    }

    #[test]
    fn paths_without_meaning_are_refused() {
        for text in [
            "",
            ".a",
            "a.",
            "a..b",
            "a[",
            "a[x]",
            "a[0]b",
            "[0]",
            r"a\",
            "a[99999999999999999999999]",
        ] {
            assert!(read_path(text).is_err(), "{text}");
        }
        assert!(read_path(&"a.".repeat(40)).is_err());
    }
}
