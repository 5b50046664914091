//! Lab files that mean harm, for the tests and the benchmark.

#![allow(
    dead_code,
    missing_docs,
    reason = "not all who include it use all of it"
)]

/// A file, and the codes of which reading it must give one; none where it may be read.
pub struct Input {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub codes: &'static [&'static str],
}

fn input(name: &'static str, codes: &'static [&'static str], bytes: impl Into<Vec<u8>>) -> Input {
    Input {
        name,
        bytes: bytes.into(),
        codes,
    }
}

/// `lab: home`, and that text.
fn lab(rest: &str) -> String {
    format!("lab: home\n{rest}")
}

/// The text of every number below `count`, joined.
fn each(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect()
}

pub fn all() -> Vec<Input> {
    [
        deep(),
        large(),
        within_bounds(),
        mistaken(),
        characters(),
        names(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A folder of as many files as the bounds of all of them allow, and the codes of which reading it
/// must give one; none where it may be read.
pub struct Folder {
    pub name: &'static str,
    pub files: Vec<Vec<u8>>,
    pub codes: &'static [&'static str],
}

/// Folders whose files each keep the bounds of a file.
pub fn folders() -> Vec<Folder> {
    fn folder(
        name: &'static str,
        codes: &'static [&'static str],
        count: usize,
        file: impl Fn(usize) -> String,
    ) -> Folder {
        let first = std::iter::once(b"lab: home\n".to_vec());
        let files = first.chain((0..count).map(|n| file(n).into_bytes()));
        Folder {
            name,
            files: files.collect(),
            codes,
        }
    }
    let settings = |n: usize, items: &str| {
        format!("apps: {{ a{n}: {{ catalog: a, settings: {{ a: [{items}] }} }} }}\n")
    };
    vec![
        folder("values", &[], 10, |n| settings(n, &"[1],".repeat(14_900))),
        folder("too many values", &["F005"], 11, |n| {
            settings(n, &"[1],".repeat(14_900))
        }),
        folder("unknown fields", &["F013"], 10, |n| {
            each(14_000, |field| format!("field-{n}-{field}: 1\n"))
        }),
        folder("one field in every file", &["F009"], 10, |_| {
            format!("a: [{}]\n", "x,".repeat(29_000))
        }),
        folder("nodes, each wrong", &["F015"], 5, |n| {
            let nodes = each(500, |node| {
                format!("  n{n}-{node}: {{ role: x, cpu: 1 }}\n")
            });
            format!("nodes:\n{nodes}")
        }),
        folder("too many nodes", &["F020"], 6, |n| {
            let nodes = each(500, |node| format!("  n{n}-{node}: {{}}\n"));
            format!("nodes:\n{nodes}")
        }),
        folder("long names around many values", &["F005"], 8, |n| {
            settings(n, &"1,".repeat(9_000)).replace("settings", &"x".repeat(200))
        }),
        folder("megabytes", &["F013"], 3, |n| {
            format!("a{n}: {}\n", "x".repeat((1 << 20) - 100))
        }),
        folder("too many megabytes", &["F001"], 5, |n| {
            format!("a{n}: {}\n", "x".repeat((1 << 20) - 100))
        }),
        folder("small files, each wrong", &["F004"], 20_000, |_| {
            "a: [".to_owned()
        }),
    ]
}

/// Aliases and nesting.
fn deep() -> Vec<Input> {
    let bomb = each(9, |level| {
        let below = format!("*a{}", level.saturating_sub(1));
        let item = if level == 0 { "x" } else { below.as_str() };
        format!("a{level}: &a{level} [{}]\n", [item; 10].join(","))
    });
    let blocks = each(1_400, |level| format!("{}a:\n", " ".repeat(level)));
    let allowed = format!(
        "apps: {{ a: {{ catalog: a, settings: {{ a: {}{} }} }} }}\n",
        "[".repeat(58),
        "]".repeat(58)
    );
    vec![
        input("alias bomb", &["F006"], lab(&bomb)),
        input("alias of itself", &["F006"], lab("a: &a [*a]\n")),
        input("merge keys", &["F006"], lab("hosts: { <<: { a: 1 } }\n")),
        input(
            "lists in brackets, 100000 deep",
            &["F004", "F005"],
            "[".repeat(100_000),
        ),
        input(
            "maps in braces, 100000 deep",
            &["F004", "F005"],
            "{a: ".repeat(100_000),
        ),
        input(
            "lists in brackets as keys, 100000 deep",
            &["F004", "F007"],
            "? [".repeat(100_000),
        ),
        input(
            "lists in lines, 100000 deep",
            &["F004", "F005"],
            "- ".repeat(100_000),
        ),
        input(
            "keys of keys, 100000 deep",
            &["F004", "F005", "F007"],
            "? ".repeat(100_000),
        ),
        input(
            "maps in lines, as deep as a megabyte holds",
            &["F004", "F005"],
            blocks,
        ),
        input("as deep as is allowed", &[], lab(&allowed)),
    ]
}

/// Larger than a lab is.
fn large() -> Vec<Input> {
    vec![
        input(
            "10 MB, one value",
            &["F001"],
            lab(&format!("a: {}", "x".repeat(10 << 20))),
        ),
        input(
            "a million items",
            &["F001"],
            lab(&format!("a:\n{}", "- x\n".repeat(1_000_000))),
        ),
        input(
            "a million unknown fields",
            &["F001"],
            lab(&each(1_000_000, |n| format!("f{n}: 1\n"))),
        ),
        input(
            "a hundred thousand times one field",
            &["F001"],
            lab(&"lab: home\n".repeat(100_000)),
        ),
        input(
            "the same in braces",
            &["F005"],
            format!("{{{}}}", "lab: a,".repeat(100_000)),
        ),
        input("only lines", &["F001"], "\n".repeat(1 << 20)),
        input("only comments", &["F001"], "#\n".repeat(500_000)),
        input("documents", &["F003", "F001"], "---\n".repeat(40_000)),
        input("long names around many values", &["F005"], {
            let many = "a,".repeat(20_000);
            lab(&format!("{}: [{many}]\n", "x".repeat(900)))
        }),
    ]
}

/// Nearly as large as a lab may be.
fn within_bounds() -> Vec<Input> {
    let megabyte = (1 << 20) - 100;
    vec![
        input(
            "one value",
            &["F013"],
            lab(&format!("a: {}\n", "x".repeat(megabyte))),
        ),
        input(
            "one name",
            &["F013", "F004", "F005"],
            lab(&format!("{}: a\n", "x".repeat(megabyte))),
        ),
        input(
            "one quoted name",
            &["F013", "F004", "F005"],
            lab(&format!("\"{}\": a\n", "x".repeat(megabyte))),
        ),
        input(
            "one open quote",
            &["F004"],
            lab(&format!("a: \"{}", "x".repeat(megabyte))),
        ),
        input(
            "escapes",
            &["F013", "F002"],
            lab(&format!("a: \"{}\"\n", "\\x41".repeat(megabyte / 4))),
        ),
        input(
            "a value of many lines",
            &["F013"],
            lab(&format!("a:\n{}", "  x\n".repeat(49_000))),
        ),
        input(
            "a block of many lines",
            &["F013"],
            lab(&format!("a: |\n{}", "  x\n".repeat(49_000))),
        ),
        input(
            "a comment",
            &[],
            lab(&format!("#{}\n", "x".repeat(megabyte))),
        ),
        input("spaces", &[], lab(&" ".repeat(megabyte))),
        input(
            "items",
            &["F013"],
            lab(&format!("a: [{}]\n", "x,".repeat(29_000))),
        ),
        input(
            "items in lines",
            &["F013"],
            lab(&format!("a:\n{}", "- x\n".repeat(29_000))),
        ),
        input(
            "unknown fields",
            &["F013"],
            lab(&each(14_000, |n| format!("field-{n}: 1\n"))),
        ),
        input(
            "unknown fields with long names",
            &["F013"],
            lab(&each(10_000, |n| format!("{n:080}: 1\n"))),
        ),
        input(
            "one field again and again",
            &["F009"],
            lab(&"lab: home\n".repeat(14_000)),
        ),
        input(
            "empty maps",
            &["F013"],
            lab(&format!("a: [{}]\n", "{},".repeat(29_000))),
        ),
        input(
            "pairs",
            &["F013"],
            lab(&format!("a: [{}]\n", "a: b,".repeat(9_000))),
        ),
        input(
            "anchors",
            &["F006"],
            lab(&format!("a: [{}]\n", "&a x,".repeat(50_000))),
        ),
        input(
            "tags",
            &["F006"],
            lab(&format!("a: [{}]\n", "!a x,".repeat(50_000))),
        ),
        input(
            "directives",
            &["F004", "F010", "F001"],
            "%A b\n".repeat(45_000),
        ),
        input(
            "question marks",
            &["F004", "F005", "F009", "F007"],
            "?\n".repeat(45_000),
        ),
        input(
            "colons",
            &["F004", "F005", "F009", "F013", "F008"],
            ":".repeat(megabyte),
        ),
        input(
            "commas",
            &["F004", "F005"],
            lab(&format!("a: [{}", ",".repeat(megabyte))),
        ),
        input("quotes", &["F004", "F008"], "''".repeat(megabyte / 2)),
    ]
}

/// Mistakes beyond counting in what has the form of a lab.
fn mistaken() -> Vec<Input> {
    let node = "{ cluster: m, role: worker, on: h, address: 10.0.0.1 }";
    let within = |field: &str| lab(&format!("nodes:\n  n: {{ {field} }}\n"));
    vec![
        input(
            "nodes, each wrong",
            &["F015"],
            lab(&format!(
                "nodes:\n{}",
                each(400, |n| format!(
                    "  n{n}: {{ role: x, cpu: 1, taints: [[], {{}}] }}\n"
                ))
            )),
        ),
        input(
            "too many nodes",
            &["F020"],
            lab(&format!(
                "nodes:\n{}",
                each(2_000, |n| format!("  n{n}: {node}\n"))
            )),
        ),
        input(
            "names that are none",
            &["F012"],
            lab(&format!(
                "nodes:\n{}",
                each(14_000, |n| format!("  N{n}: {{}}\n"))
            )),
        ),
        input(
            "taints, each wrong",
            &["F017"],
            within(&format!(
                "taints: [{}]",
                each(5_000, |n| format!("{{ key: k{n}, effect: x }},"))
            )),
        ),
        input(
            "labels, each wrong",
            &["F018"],
            within(&format!(
                "labels: {{ {} }}",
                each(14_000, |n| format!("k{n}: [], "))
            )),
        ),
        input(
            "labels",
            &["F015"],
            within(&format!(
                "labels: {{ {} }}",
                each(14_000, |n| format!("k{n}: v, "))
            )),
        ),
        input(
            "labels, one twice each",
            &["F009"],
            within(&format!(
                "labels: {{ {} }}",
                each(7_000, |n| format!("k{n}: v, k{n}: v, "))
            )),
        ),
        input(
            "unknown fields of one node",
            &["F013"],
            within(&each(14_000, |n| format!("adress{n}: v, "))),
        ),
        input(
            "settings",
            &[],
            lab(&format!(
                "apps: {{ a: {{ catalog: a, settings: {{ a: [{}] }} }} }}\n",
                "[1],".repeat(14_000)
            )),
        ),
        input(
            "huge numbers",
            &["F018"],
            lab(&format!(
                "networks: {{ l: {{ cidr: 10.0.0.0/24, mtu: {} }} }}\n",
                "9".repeat(100_000)
            )),
        ),
        input(
            "huge numbers among settings",
            &["F018"],
            lab("apps: { a: { catalog: a, settings: { n: 99999999999999999999 } } }\n"),
        ),
        input(
            "a number without end among settings",
            &[],
            lab("apps: { a: { catalog: a, settings: { n: 1.0e999 } } }\n"),
        ),
        input(
            "a huge amount of memory",
            &["F016"],
            lab("hosts: { a: { access: local, memory: 99999999999999999999Ti } }\n"),
        ),
        input(
            "a negative size",
            &["F018"],
            within("container: { cpu: -1, memory: 1Gi }"),
        ),
    ]
}

/// Characters that no lab holds.
fn characters() -> Vec<Input> {
    let valid = "networks:\n  lan: { cidr: 10.0.0.0/24 }\n";
    let utf16: Vec<u8> = lab("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        input("NUL", &["F002"], lab("a: b\0c\n")),
        input("an escaped NUL", &["F002"], lab("a: \"b\\0c\"\n")),
        input(
            "escape sequences",
            &["F002", "F004"],
            lab("a: \"\\e[2J\"\n"),
        ),
        input("a bell as it is", &["F002", "F004"], lab("a: \x07\n")),
        input("no UTF-8", &["F002"], b"lab: caf\xe9\n".to_vec()),
        input("no UTF-8 at all", &["F002"], vec![0xff; 1 << 20]),
        input("UTF-16", &["F002"], utf16),
        input("a surrogate", &["F002"], b"lab: \xed\xa0\x80\n".to_vec()),
        input(
            "a cut character at the end",
            &["F002"],
            b"lab: a\xe2\x82".to_vec(),
        ),
        input("a byte order mark", &[], format!("\u{feff}{}", lab(valid))),
        input(
            "a byte order mark within",
            &["F002", "F004", "F013", "F016"],
            lab("a: \u{feff}b\n"),
        ),
        input("CR and LF", &[], lab(valid).replace('\n', "\r\n")),
        input("only CR", &[], lab(valid).replace('\n', "\r")),
        input(
            "a tab as indentation",
            &["F004"],
            lab("networks:\n\tlan: { cidr: 10.0.0.0/24 }\n"),
        ),
        input(
            "line separators",
            &["F016", "F004", "F002"],
            "lab: a\u{2028}b\u{85}c\n",
        ),
        input(
            "letters that look alike",
            &["F013", "F012"],
            lab("nodеs: {}\nhosts: { а: {} }\n"),
        ),
        input("nothing", &["F010"], ""),
        input("a lone dash", &["F008"], "-"),
        input("a lone quote", &["F004"], "'"),
        input("only a byte order mark", &["F010"], "\u{feff}"),
    ]
}

/// Names that would be more than names elsewhere.
fn names() -> Vec<Input> {
    vec![
        input("an option as lab", &["F016"], "lab: -rf\n"),
        input("a command as lab", &["F016"], "lab: $(reboot)\n"),
        input("a path as lab", &["F016"], "lab: ../../etc\n"),
        input("an option as node", &["F012"], lab("nodes: { -rf: {} }\n")),
        input(
            "a long option as node",
            &["F012"],
            lab("nodes: { --help: {} }\n"),
        ),
        input("a command as node", &["F012"], lab("nodes: { $(x): {} }\n")),
        input(
            "commands as host",
            &["F012"],
            lab("hosts: { \"a;b|c&d`e`\": {} }\n"),
        ),
        input(
            "a path as network",
            &["F012"],
            lab("networks: { ../..: {} }\n"),
        ),
        input(
            "a path as catalog entry",
            &["F016"],
            lab("apps: { a: { catalog: ../x } }\n"),
        ),
        input(
            "a line break in a name",
            &["F012"],
            lab("nodes: { \"a\\nb\": {} }\n"),
        ),
        input("an empty name", &["F012"], lab("nodes: { \"\": {} }\n")),
        input(
            "a name of 64 characters",
            &["F012"],
            lab(&format!("nodes: {{ {}: {{}} }}\n", "a".repeat(64))),
        ),
        input(
            "a cluster by a path",
            &["F016"],
            lab("nodes: { n: { cluster: ../x, role: worker, on: h, address: 10.0.0.1 } }\n"),
        ),
    ]
}
