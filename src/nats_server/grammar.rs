//! The part of a server's configuration language that can be read in one way only. Who reads it otherwise than the server
//! does overlooks a directive, and the server opens a file of this host. What is not certain is not understood, and then
//! nothing of it reaches the program; charts write far less than what is understood. Pure.

/// What a configuration consists of; the texts of all pieces make the whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Blanks, comments and separators.
    Plain(&'t str),
    /// A key, and the name it says.
    Key(&'t str, &'t str),
    /// The directive up to the file's name, and that name.
    Include(&'t str, &'t str),
    /// A value, and what stands between its quotes.
    Value(&'t str, &'t str),
    /// A value that is kept under a name, and the name.
    Variable(&'t str, &'t str),
    /// `{`
    Map(&'t str),
    /// `[`
    List(&'t str),
    /// `}` or `]`
    End(&'t str),
}

/// The pieces of `text`, or the line that the server may read otherwise.
pub(super) fn read(text: &str) -> Result<Vec<Piece<'_>>, usize> {
    let line = |rest: &str| 1 + text.matches('\n').count() - rest.matches('\n').count();
    // A carriage return ends a comment there, a NUL the whole text.
    let unusual = |sign: char| sign.is_control() && !['\n', '\t'].contains(&sign);
    if let Some(at) = text.find(unusual) {
        return Err(line(text.get(at..).unwrap_or_default()));
    }
    let mut reader = Reader {
        rest: text,
        within: Vec::new(),
        expects: Expects::Anything,
        pieces: Vec::new(),
    };
    while let Some(sign) = reader.rest.chars().next() {
        if reader.step(sign).is_none() {
            return Err(line(reader.rest));
        }
    }
    match reader.expects {
        Expects::Value { .. } | Expects::Item => Err(line("")),
        _ if !reader.within.is_empty() => Err(line("")),
        Expects::Anything | Expects::Key | Expects::End | Expects::Nothing => Ok(reader.pieces),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nest {
    Map,
    List,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// Nothing was read so far: braces around the whole may come.
    Anything,
    /// A key, or the end of the map.
    Key,
    /// A value, after a separator if there was none yet.
    Value { separated: bool },
    /// An item, or the end of the list.
    Item,
    /// A separator, or an end.
    End,
    /// The braces around the whole are closed.
    Nothing,
}

struct Reader<'t> {
    rest: &'t str,
    within: Vec<Nest>,
    expects: Expects,
    pieces: Vec<Piece<'t>>,
}

impl<'t> Reader<'t> {
    /// Reads one piece; none where it is not understood.
    fn step(&mut self, sign: char) -> Option<()> {
        let in_list = self.within.last() == Some(&Nest::List);
        match (self.expects, sign) {
            (Expects::End, '\n' | ',') => self.next(),
            (Expects::End, ';') if !in_list => self.next(),
            (_, ' ' | '\t' | '\n') => self.plain(1),
            (Expects::Value { separated: false }, ':' | '=') => {
                self.expects = Expects::Value { separated: true };
                self.plain(1)
            }
            (Expects::Value { .. }, sign) => self.value(sign),
            (_, '#') => self.comment(),
            (_, '/') if self.rest.starts_with("//") => self.comment(),
            (Expects::Anything, '{') => self.enter(Nest::Map),
            (Expects::Key | Expects::End, '}') if self.within.last() == Some(&Nest::Map) => {
                self.leave()
            }
            (Expects::Item | Expects::End, ']') if in_list => self.leave(),
            (Expects::Item, sign) => self.value(sign),
            (Expects::Anything | Expects::Key, sign) => self.key(sign),
            (Expects::End | Expects::Nothing, _) => None,
        }
    }

    fn take(&mut self, length: usize) -> Option<&'t str> {
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    fn plain(&mut self, length: usize) -> Option<()> {
        let text = self.take(length)?;
        self.pieces.push(Piece::Plain(text));
        Some(())
    }

    fn comment(&mut self) -> Option<()> {
        self.plain(self.rest.find('\n').unwrap_or(self.rest.len()))
    }

    fn next(&mut self) -> Option<()> {
        self.expects = match self.within.last() {
            Some(Nest::List) => Expects::Item,
            Some(Nest::Map) | None => Expects::Key,
        };
        self.plain(1)
    }

    fn enter(&mut self, nest: Nest) -> Option<()> {
        let text = self.take(1)?;
        let (piece, expects) = match nest {
            Nest::Map => (Piece::Map(text), Expects::Key),
            Nest::List => (Piece::List(text), Expects::Item),
        };
        // Braces around the whole are no value of anything.
        if self.expects == Expects::Anything {
            self.pieces.push(Piece::Plain(text));
        } else {
            self.pieces.push(piece);
        }
        self.within.push(nest);
        self.expects = expects;
        Some(())
    }

    fn leave(&mut self) -> Option<()> {
        let text = self.take(1)?;
        self.within.pop()?;
        let whole = self.within.is_empty() && self.is_braced();
        self.pieces.push(if whole {
            Piece::Plain(text)
        } else {
            Piece::End(text)
        });
        self.expects = if whole {
            Expects::Nothing
        } else {
            Expects::End
        };
        Some(())
    }

    /// Whether the first thing that counts is the brace around the whole.
    fn is_braced(&self) -> bool {
        let mut all = self.pieces.iter();
        all.any(|piece| matches!(piece, Piece::Plain("{")))
    }

    fn key(&mut self, sign: char) -> Option<()> {
        if ['"', '\''].contains(&sign) {
            let length = quoted(self.rest, sign)?;
            let text = self.take(length)?;
            let name = text.get(1..length.checked_sub(1)?)?;
            // A backslash is one there, and what it stands before ends the key. Some letters are others once they are
            // folded, as the server folds every key.
            if name.contains(['\\', '\n']) || name.chars().any(becomes_ascii) {
                return None;
            }
            self.pieces.push(Piece::Key(text, name));
            self.expects = Expects::Value { separated: false };
            return Some(());
        }
        let length = word(self.rest, "_-.$*>");
        let after = self.rest.get(length..)?.chars().next()?;
        if length == 0 || !" \t\n:=".contains(after) {
            return None;
        }
        let name = self.rest.get(..length)?;
        if name.eq_ignore_ascii_case("include") && !":=".contains(after) {
            return self.include(length);
        }
        let text = self.take(length)?;
        self.pieces.push(Piece::Key(text, name));
        self.expects = Expects::Value { separated: false };
        Some(())
    }

    fn include(&mut self, directive: usize) -> Option<()> {
        let rest = self.rest.get(directive..)?;
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = rest.get(blanks..)?;
        let sign = rest.chars().next()?;
        let length = if ['"', '\''].contains(&sign) {
            let length = quoted(rest, sign)?;
            let name = rest.get(..length)?;
            (!name.contains(['\\', '\n'])).then_some(length)?
        } else {
            let length = word(rest, "_-./");
            let after = rest.get(length..)?.chars().next();
            let ends = after.is_none_or(|after| " \t\n;}".contains(after));
            (length > 0 && ends).then_some(length)?
        };
        let name = rest.get(..length)?.trim_matches(['"', '\'']);
        let text = self.take(directive + blanks + length)?;
        self.pieces.push(Piece::Include(text, name));
        self.expects = Expects::End;
        Some(())
    }

    fn value(&mut self, sign: char) -> Option<()> {
        match sign {
            '{' => return self.enter(Nest::Map),
            '[' => return self.enter(Nest::List),
            '"' | '\'' => {
                let length = quoted(self.rest, sign)?;
                let text = self.take(length)?;
                let inner = text.get(1..length.checked_sub(1)?)?;
                self.pieces.push(Piece::Value(text, inner));
            }
            _ => {
                // What begins like a number ends at other signs there than a text does.
                let number = sign.is_ascii_digit() || sign == '-';
                let others = if number {
                    "_-.:+"
                } else {
                    "_-.:+/$@*>%=&?!~^|"
                };
                let length = word(self.rest, others);
                let after = self.rest.get(length..)?.chars().next();
                let ends = if number { " \t\n,;}" } else { " \t\n,;}]" };
                if length == 0 || after.is_some_and(|after| !ends.contains(after)) {
                    return None;
                }
                let text = self.take(length)?;
                self.pieces.push(match text.strip_prefix('$') {
                    Some(name) if !is_hash(name) => {
                        let named = word(name, "_") == name.len() && !name.is_empty();
                        Piece::Variable(text, named.then_some(name)?)
                    }
                    _ => Piece::Value(text, text),
                });
            }
        }
        self.expects = Expects::End;
        Some(())
    }
}

/// How long the word at the beginning is: letters and digits of ASCII, and `others`.
fn word(text: &str, others: &str) -> usize {
    let end = |sign: char| !sign.is_ascii_alphanumeric() && !others.contains(sign);
    text.find(end).unwrap_or(text.len())
}

/// How long the quoted text at the beginning is, with its quotes.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            sign if sign == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether a letter is one of ASCII in the other case: the Turkish i without and with a dot, the Kelvin sign, the long s.
fn becomes_ascii(letter: char) -> bool {
    let mut cases = letter.to_lowercase().chain(letter.to_uppercase());
    !letter.is_ascii() && cases.any(|letter| letter.is_ascii())
}

/// A bcrypt hash is a text, not a variable.
fn is_hash(name: &str) -> bool {
    name.starts_with("2a$")
}
