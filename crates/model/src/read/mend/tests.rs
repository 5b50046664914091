use proptest::prelude::*;

use super::*;

fn source(text: &str) -> Vec<Source> {
    vec![Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    }]
}

fn fix(field: &str, write: Write) -> Fix {
    let field = field.into();
    Fix {
        edits: vec![Edit { field, write }],
    }
}

fn value(field: &str, value: &str) -> Fix {
    fix(field, Write::Value(value.to_owned()))
}

fn name(field: &str, name: &str) -> Fix {
    fix(field, Write::Name(name.to_owned()))
}

/// The text after those fixes.
fn mended(text: &str, fixes: &[Fix]) -> String {
    let fixes: Vec<&Fix> = fixes.iter().collect();
    mend(&source(text), &fixes).sources.remove(0).text
}

#[test]
fn a_value_or_a_name_is_changed_and_nothing_else() {
    let text = "# top\na: { mtu: 9000, b: \"x\" } # behind\n\nlist:\n  - { c: 'ü', d: old   } \n";
    let fixes = [
        value("a.mtu", "1450"),
        value("a.b", "y"),
        name("list[0].c", "see"),
        value("list[0].d", "new"),
    ];
    let wanted =
        "# top\na: { mtu: 1450, b: \"y\" } # behind\n\nlist:\n  - { see: 'ü', d: new   } \n";
    assert_eq!(mended(text, &fixes), wanted);
    let refs: Vec<&Fix> = fixes.iter().collect();
    let changes = mend(&source(text), &refs).changes;
    let told: Vec<String> = changes
        .iter()
        .map(|c| {
            format!(
                "{}:{} {} {} → {}",
                c.line, c.column, c.field, c.before, c.after
            )
        })
        .collect();
    assert_eq!(told[0], "2:11 a.mtu 9000 → 1450");
    assert_eq!(told.len(), 4);
}

#[test]
fn line_ends_of_other_systems_and_other_alphabets_stay() {
    for (text, fix, wanted) in [
        (
            "\u{feff}a: 1\r\nb: 2\r\n",
            value("b", "3"),
            "\u{feff}a: 1\r\nb: 3\r\n",
        ),
        (
            "\u{feff}a: 1\r\nb: 2\r\nc: 3\r\n",
            fix("b", Write::Remove),
            "\u{feff}a: 1\r\nc: 3\r\n",
        ),
        (
            "größe: { 名: 'é', x: 1 } # 名\n",
            name("größe.x", "y"),
            "größe: { 名: 'é', y: 1 } # 名\n",
        ),
        (
            "größe: { 名: 'é', x: 1 } # 名\n",
            value("größe.名", "e"),
            "größe: { 名: 'e', x: 1 } # 名\n",
        ),
        (
            "a:\n- b: 1\n  c: 2\n- d\n",
            fix("a[0].c", Write::Remove),
            "a:\n- b: 1\n- d\n",
        ),
        (
            "a: {\n  b: 1, # one\n  c: 2 # two\n}\n",
            fix("a.c", Write::Remove),
            "a: {\n  b: 1, # one\n   # two\n}\n",
        ),
        (
            "\"a\": {\"b\":1,\"c\":[2]}",
            name("a.b", "d"),
            "\"a\": {\"d\":1,\"c\":[2]}",
        ),
    ] {
        assert_eq!(mended(text, &[fix]), wanted);
    }
}

#[test]
fn a_field_goes_with_its_lines_or_its_comma() {
    for (text, field, wanted) in [
        ("a: 1\nb: 2\nc: 3\n", "b", "a: 1\nc: 3\n"),
        (
            "a:\n  b: { x: 1 } # with it\n  # stays\n  c: 3\n",
            "a.b",
            "a:\n  # stays\n  c: 3\n",
        ),
        (
            "a:\n  b:\n    - 1\n    - 2\n\n  # of c\n  c: 3\n",
            "a.b",
            "a:\n\n  # of c\n  c: 3\n",
        ),
        ("a: { b: 1, c: 2 }\n", "a.b", "a: { c: 2 }\n"),
        ("a: { b: 1, c: 2 }\n", "a.c", "a: { b: 1 }\n"),
        ("a:\n  b: |\n    x\n    y\n  c: 3", "a.b", "a:\n  c: 3"),
        ("a:\n  b: 1\nc: 3\n", "a.b", "a:\nc: 3\n"),
    ] {
        assert_eq!(
            mended(text, &[fix(field, Write::Remove)]),
            wanted,
            "{text:?}"
        );
    }
}

#[test]
fn what_cannot_be_changed_alone_stays() {
    for (text, fix) in [
        // Nothing, several things, or no single value stands there.
        ("a:\nb: 1\n", value("a", "1")),
        ("a: 1\n", value("b", "1")),
        ("a: { b: 1 }\n", value("a", "1")),
        ("a: |\n  text\n", value("a", "other")),
        // The path may mean the one or the other.
        ("a: { b.c: 1, b: { c: 2 } }\n", value("a.b.c", "3")),
        // The name is taken.
        ("a: { b: 1, c: 2 }\n", name("a.b", "c")),
        // It would read as something else.
        ("a: { b: 1 }\n", value("a.b", "1, c: 2")),
        ("a: b\n", value("a", "c # d")),
        ("a: b\n", value("a", "&x")),
        ("a: [ b ]\n", name("a[0]", "c")),
        ("- a: 1\n  b: 2\n", fix("[0].a", Write::Remove)),
        // Not YAML.
        ("a: [\n", value("a", "1")),
    ] {
        assert_eq!(mended(text, std::slice::from_ref(&fix)), text, "{fix:?}");
    }
}

#[test]
fn one_that_cannot_be_made_stops_no_other_and_two_do_not_collide() {
    let text = "a: 1\nb: 2\nc: 3\nd: 4\n";
    let fixes = [
        value("a", "5"),
        value("b", "# 6"),
        value("c", "7"),
        value("c", "8"),
        name("d", "e"),
    ];
    assert_eq!(mended(text, &fixes), "a: 5\nb: 2\nc: 7\ne: 4\n");
    assert_eq!(
        mended("ab: 1\nba: 2\n", &[name("ab", "x"), name("ba", "x")]),
        "x: 1\nba: 2\n"
    );
    let whole = Fix {
        edits: [value("a", "5").edits, value("z", "5").edits].concat(),
    };
    assert_eq!(mended(text, &[whole]), text, "all of it or nothing");
}

/// All fields of the quickstart lab.
fn fields(text: &str) -> Vec<FieldPath> {
    Mender::new(&source(text))
        .unwrap()
        .found
        .into_keys()
        .collect()
}

const QUICKSTART: &str = include_str!("../../../../../labs/quickstart/lab.yaml");

proptest! {
    /// Whatever is changed: lines that no change touches stay byte for byte, in their order, and
    /// what comes out is YAML.
    #[test]
    fn other_lines_stay(
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, "[a-z]{1,8}"), 1..6),
    ) {
        let fields = fields(QUICKSTART);
        let fixes: Vec<Fix> = picks
            .iter()
            .map(|(at, what, word)| {
                let write = match what {
                    0 => Write::Value(word.clone()),
                    1 => Write::Name(word.clone()),
                    _ => Write::Remove,
                };
                fix(&at.get(&fields).0, write)
            })
            .collect();
        let refs: Vec<&Fix> = fixes.iter().collect();
        let mended = mend(&source(QUICKSTART), &refs);
        let touched = |line: usize| mended.changes.iter().any(|change| {
            let last = change.line + change.before.matches('\n').count();
            (change.line..=last).contains(&line)
        });
        let mut now = mended.sources[0].text.lines();
        for (at, line) in QUICKSTART.lines().enumerate() {
            if !touched(at + 1) {
                prop_assert!(now.any(|other| other == line), "lost: {line}");
            }
        }
        prop_assert!(Mender::new(&mended.sources).is_some());
    }
}
