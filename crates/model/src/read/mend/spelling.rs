//! When a mistaken word is certainly another one.

/// A word of fewer letters is as near to many others: `acc` to `ecc`, though `access` was meant.
const SHORTEST: usize = 4;
/// No word that is known is longer.
const LONGEST: usize = 80;

/// The only known word that is one slip of the keyboard away (a letter more, less, another, or two
/// exchanged). `worker-1` is no slip for `worker-2`: numbers tell things apart.
#[must_use]
pub fn certain<'a>(mistaken: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if !(SHORTEST..=LONGEST).contains(&mistaken.len()) {
        return None;
    }
    let mut near = known
        .into_iter()
        .filter(|word| word.len() >= SHORTEST)
        .filter(|word| word.len().abs_diff(mistaken.len()) <= 4)
        .filter(|word| strsim::damerau_levenshtein(mistaken, word) == 1);
    let word = near.next()?;
    let unnumbered = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    (near.next().is_none() && unnumbered(word) != unnumbered(mistaken)).then_some(word)
}

#[test]
fn only_one_slip_towards_one_word_is_certain() {
    let known = ["worker-1", "worker-2", "nas", "access", "router"];
    for (mistaken, word) in [
        ("acess", Some("access")),
        ("accses", Some("access")),
        ("rooter", Some("router")),
        ("nass", None),
        ("acce", None),
        ("worker-3", None),
        ("worker", None),
        ("orker-1", Some("worker-1")),
        ("na", None),
        ("acces-s-", None),
        ("access", None),
    ] {
        assert_eq!(certain(mistaken, known), word, "{mistaken}");
    }
    assert_eq!(certain("cat", ["car", "can"]), None);
}
