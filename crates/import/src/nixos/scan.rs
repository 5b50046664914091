//! Settings of a Nix module: paths and what stands behind them, found by brackets alone.

use super::token::Token;

/// No module is nested deeper; what is deeper is not read.
const DEEPEST: usize = 32;

/// A setting as it is written.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Its path: `networking.hostName`.
    pub(super) path: Vec<String>,
    pub(super) value: Vec<Token>,
    /// It holds only under a condition, which was not evaluated.
    pub(super) conditional: bool,
}

impl Setting {
    /// Its path as it is written.
    pub(super) fn dotted(&self) -> String {
        self.path.join(".")
    }

    /// Its value without the functions that only weigh it.
    fn bare(&self) -> &[Token] {
        match self.value.as_slice() {
            [Token::Word(word), rest @ ..] if is_weight(word) => rest,
            all => all,
        }
    }

    /// Its text, where it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self.bare() {
            [Token::Text(Some(text))] => Some(text),
            [Token::Word(word)] => Some(word),
            _ => None,
        }
    }

    /// The texts of its list; `None` where it is none, or computed.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        let [Token::Sign('['), inner @ .., Token::Sign(']')] = self.bare() else {
            return None;
        };
        inner
            .iter()
            .map(|token| match token {
                Token::Text(text) => text.clone(),
                Token::Word(word) => Some(word.clone()),
                Token::Sign(_) => None,
            })
            .collect()
    }

    /// The settings of each set in its list.
    pub(super) fn sets(&self) -> Vec<Vec<Self>> {
        let value = self.bare();
        let mut sets = Vec::new();
        let mut at = 0;
        while at < value.len() {
            if value.get(at) == Some(&Token::Sign('{')) {
                let end = closing(value, at);
                let mut settings = Vec::new();
                set(
                    value.get(at + 1..end).unwrap_or_default(),
                    &[],
                    false,
                    0,
                    &mut settings,
                );
                sets.push(settings);
                at = end;
            }
            at += 1;
        }
        sets
    }
}

fn is_weight(word: &str) -> bool {
    let name = word.rsplit('.').next().unwrap_or_default();
    matches!(name, "mkDefault" | "mkForce")
}

/// All settings of a module.
pub(super) fn settings(tokens: &[Token]) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut at = 0;
    // Before the module's own set stand its arguments, local names and `with`.
    while at < tokens.len() {
        match tokens.get(at) {
            Some(Token::Sign('{')) => {
                let end = closing(tokens, at);
                if tokens.get(end + 1) == Some(&Token::Sign(':')) {
                    at = end + 2;
                    continue;
                }
                set(
                    tokens.get(at + 1..end).unwrap_or_default(),
                    &[],
                    false,
                    0,
                    &mut found,
                );
                break;
            }
            Some(Token::Word(word)) if word == "let" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    for setting in &mut found {
        if setting.path.first().is_some_and(|first| first == "config") {
            setting.path.remove(0);
        }
    }
    found
}

/// The place of what closes the bracket, or the `let`, at a place; the end where nothing does.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('{' | '[' | '(') => depth += 1,
            Token::Sign('}' | ']' | ')') => depth = depth.saturating_sub(1),
            Token::Word(word) if word == "let" => depth += 1,
            Token::Word(word) if word == "in" => depth = depth.saturating_sub(1),
            Token::Word(_) | Token::Text(_) | Token::Sign(_) => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// Reads the inside of a set.
fn set(
    tokens: &[Token],
    above: &[String],
    conditional: bool,
    depth: usize,
    found: &mut Vec<Setting>,
) {
    let mut at = 0;
    while at < tokens.len() {
        // The path, up to its sign.
        let Some(equals) = (at..tokens.len())
            .find(|n| matches!(tokens.get(*n), Some(Token::Sign('=' | ';' | '{'))))
        else {
            return;
        };
        if tokens.get(equals) != Some(&Token::Sign('=')) {
            // `inherit …;`, or something that is no setting.
            at = closing_or_next(tokens, equals);
            continue;
        }
        let path = path(above, tokens.get(at..equals).unwrap_or_default());
        let mut end = equals + 1;
        while end < tokens.len() && tokens.get(end) != Some(&Token::Sign(';')) {
            end = closing(tokens, end) + 1;
        }
        let end = end.min(tokens.len());
        let value = tokens.get(equals + 1..end).unwrap_or_default();
        expression(value, path, conditional, depth, found);
        at = end + 1;
    }
}

fn closing_or_next(tokens: &[Token], at: usize) -> usize {
    closing(tokens, at) + 1
}

fn path(above: &[String], tokens: &[Token]) -> Vec<String> {
    let mut path = above.to_vec();
    for token in tokens {
        match token {
            Token::Word(word) => path.extend(
                word.split('.')
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned),
            ),
            Token::Text(Some(text)) => path.push(text.clone()),
            Token::Text(None) | Token::Sign(_) => path.push("…".to_owned()),
        }
    }
    path
}

/// A value: a set is read further, also behind functions such as `mkIf`; all else is a setting.
fn expression(
    value: &[Token],
    path: Vec<String>,
    conditional: bool,
    depth: usize,
    found: &mut Vec<Setting>,
) {
    let merged = matches!(value.first(), Some(Token::Word(word)) if word.ends_with("mkMerge"));
    let listed = value.first() == Some(&Token::Sign('['));
    let mut at = 0;
    let mut inner = None;
    while at < value.len() {
        let end = closing(value, at);
        if value.get(at) == Some(&Token::Sign('{')) && end + 1 == value.len() {
            inner = value.get(at + 1..end).map(|tokens| (at, tokens));
        }
        at = end + 1;
    }
    match inner {
        Some((before, tokens)) if depth < DEEPEST && !tokens.is_empty() => {
            let only =
                matches!(value.get(..before), Some([] | [Token::Word(_)])) && !is_condition(value);
            set(tokens, &path, conditional || !only, depth + 1, found);
        }
        _ if merged && !listed && depth < DEEPEST => {
            let whole = Setting {
                path: path.clone(),
                value: value.to_vec(),
                conditional,
            };
            for settings in whole.sets() {
                found.extend(settings.into_iter().map(|setting| Setting {
                    path: path.iter().cloned().chain(setting.path).collect(),
                    conditional: true,
                    ..setting
                }));
            }
        }
        _ => found.push(Setting {
            path,
            value: value.to_vec(),
            conditional,
        }),
    }
}

fn is_condition(value: &[Token]) -> bool {
    matches!(value.first(), Some(Token::Word(word)) if word != "rec")
}
