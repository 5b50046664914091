//! How wide a text is, without a font: rather too wide than too narrow, so that no text leaves its
//! box in the fonts that people have.

/// The width of a text whose letters are `size` high.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|letter| wide(letter) * size).sum()
}

/// The width of a letter beside its height. Measured on the widest of the usual fonts without
/// serifs (DejaVu Sans, bold), rounded up.
fn wide(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.4,
        'f' | 't' | 'r' | '-' | '(' | ')' | '/' | '[' | ']' | '"' => 0.5,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '&' => 1.12,
        'A'..='Z' => 0.86,
        letter if letter.is_ascii() => 0.7,
        // Letters of other scripts may be as wide as high.
        '×' | '→' | '·' | '–' | '…' => 0.9,
        _ => 1.2,
    }
}

/// The text, or as much of its beginning as fits.
pub(crate) fn fitting(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = wide('…') * size;
    for letter in text.chars() {
        used += wide(letter) * size;
        if used > room {
            break;
        }
        short.push(letter);
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{fitting, width};

    #[test]
    fn a_long_text_is_cut_to_its_room() {
        assert_eq!(fitting("talos01", 12.0, 100.0), "talos01");
        let long = "raspberry-pi-of-the-attic-with-a-long-name";
        let short = fitting(long, 12.0, 100.0);
        assert!(
            short.ends_with('…') && width(&short, 12.0) <= 100.0,
            "{short}"
        );
        assert_eq!(fitting(long, 12.0, 1.0), "…");
    }
}
