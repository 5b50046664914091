//! The words of a Nix text.

/// A word of a Nix text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a path of names, a number, a path of a file.
    Word(String),
    /// A text; `None` where a part of it is computed.
    Text(Option<String>),
    /// A sign.
    Sign(char),
}

/// The words of a text. What is no Nix gives some words, too: nothing is evaluated, so nothing
/// depends on it.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader {
        rest: text.chars().collect(),
        at: 0,
    };
    let mut tokens = Vec::new();
    while let Some(c) = reader.peek(0) {
        if c.is_whitespace() {
            reader.at += 1;
        } else if c == '#' {
            reader.until(|reader| reader.peek(0) == Some('\n'));
        } else if c == '/' && reader.peek(1) == Some('*') {
            reader.until(|reader| reader.peek(0) == Some('*') && reader.peek(1) == Some('/'));
            reader.at += 2;
        } else if c == '"' {
            reader.at += 1;
            tokens.push(Token::Text(reader.quoted()));
        } else if c == '\'' && reader.peek(1) == Some('\'') {
            reader.at += 2;
            tokens.push(Token::Text(reader.indented()));
        } else if is_word(c) {
            let mut word = String::new();
            while let Some(c) = reader.peek(0).filter(|c| is_word(*c)) {
                word.push(c);
                reader.at += 1;
            }
            tokens.push(Token::Word(word));
        } else {
            reader.at += 1;
            tokens.push(Token::Sign(c));
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '\'' | '+' | '~')
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    fn until(&mut self, end: impl Fn(&Self) -> bool) {
        while self.peek(0).is_some() && !end(self) {
            self.at += 1;
        }
    }

    /// The rest of a text in double quotes.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut whole = true;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '"' => break,
                '\\' => {
                    text.extend(self.peek(0));
                    self.at += 1;
                }
                '$' if self.peek(0) == Some('{') => {
                    whole = false;
                    self.computed();
                }
                c => text.push(c),
            }
        }
        whole.then_some(text)
    }

    /// The rest of a text in two single quotes.
    fn indented(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut whole = true;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match (c, self.peek(0), self.peek(1)) {
                ('\'', Some('\''), Some('\'' | '$' | '\\')) => {
                    self.at += 2;
                }
                ('\'', Some('\''), _) => {
                    self.at += 1;
                    break;
                }
                ('$', Some('{'), _) => {
                    whole = false;
                    self.computed();
                }
                _ => text.push(c),
            }
        }
        whole.then_some(text)
    }

    /// Skips a computed part, to its own closing brace.
    fn computed(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '{' => depth += 1,
                '}' if depth <= 1 => break,
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_comments_are_no_code() {
        let text = "# a = 1;\n/* b = \"x\" */ c.d = \"e;\\\"f\"; g = ''h ''' ; i''; j = \"${k { l = \"}\"; }}\";";
        let words = tokens(text);
        assert_eq!(words.first(), Some(&Token::Word("c.d".to_owned())));
        assert!(words.contains(&Token::Text(Some("e;\"f".to_owned()))));
        assert!(words.contains(&Token::Text(None)));
    }
}
