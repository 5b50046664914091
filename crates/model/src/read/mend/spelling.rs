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
        .filter(|word| one_slip(mistaken, word));
    let word = near.next()?;
    let unnumbered = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    (near.next().is_none() && unnumbered(word) != unnumbered(mistaken)).then_some(word)
}

/// Whether two words differ by one slip: the same as a Damerau-Levenshtein distance of 1, but for
/// the price of reading both. It is asked of every name of a lab for every name that is wrong.
fn one_slip(a: &str, b: &str) -> bool {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    let front: usize = same.map(|(one, _)| one.len_utf8()).sum();
    let (a, b) = (
        a.get(front..).unwrap_or_default(),
        b.get(front..).unwrap_or_default(),
    );
    // The rest without what both end with, backwards: of two that are near, three letters tell.
    let same = a
        .chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let letters = |word: &str| {
        let mut rest = word.chars().rev().skip(same);
        (rest.next(), rest.next(), rest.next())
    };
    match (letters(a), letters(b)) {
        ((Some(_), None, _), (None, ..) | (Some(_), None, _))
        | ((None, ..), (Some(_), None, _)) => true,
        ((Some(last), Some(first), None), other) => other == (Some(first), Some(last), None),
        _ => false,
    }
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

#[cfg(test)]
proptest::proptest! {
    #[test]
    fn one_slip_is_a_distance_of_one(a in "[abä]{0,7}", b in "[abä]{0,7}") {
        let distance = strsim::damerau_levenshtein(&a, &b);
        proptest::prop_assert_eq!(one_slip(&a, &b), distance == 1);
    }
}
