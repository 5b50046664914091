//! Paragraphs for terminals.

/// Lines are at most so long.
const WIDTH: usize = 88;

/// A text in lines of at most 88 characters, broken between words.
pub(crate) fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, wrapped};

    #[test]
    fn lines_are_short_and_no_word_is_lost() {
        let text = "where one word follows the other ".repeat(20);
        let lines = wrapped(&text);
        assert!(lines.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(lines.lines().count() > 5);
        let words = |text: &str| text.split_whitespace().count();
        assert_eq!(words(&lines), words(&text));
        let long = "x".repeat(200);
        assert_eq!(wrapped(&long), long);
    }
}
