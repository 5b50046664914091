use super::*;

fn read_one(text: &str) -> Reading {
    read(&[Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    }])
}

/// What is said about a text: `line:column code message (help)`.
fn said(text: &str) -> Vec<String> {
    let source = Source {
        name: String::new(),
        text: text.to_owned(),
    };
    read_one(text)
        .diagnostics
        .iter()
        .map(|finding| {
            let span = finding.places.first().and_then(|place| place.span);
            let (line, column) = source.line_and_column(span.map_or(0, |span| span.start));
            let help = finding.help.as_deref().unwrap_or_default();
            format!(
                "{line}:{column} {} {} ({help})",
                finding.code, finding.message
            )
        })
        .collect()
}

const QUICKSTART: &str = include_str!("../../../../labs/quickstart/lab.yaml");

#[test]
fn the_quickstart_lab_reads_completely() {
    let reading = read_one(QUICKSTART);
    assert_eq!(reading.diagnostics, []);
    let lab = reading.lab.unwrap();
    assert_eq!(lab.nodes.len(), 3);
    assert_eq!(lab.network_mtu(&"nodes".parse().unwrap()), 1500);
    assert_eq!(lab.apps["podinfo"].settings["replicas"], 2);
    let span = reading
        .index
        .span(&"nodes.worker-1.address".into())
        .unwrap();
    assert_eq!(&QUICKSTART[span.start..span.end], "10.88.0.21");
    let around = reading.index.span(&"nodes.worker-1.taints".into()).unwrap();
    assert_eq!(&QUICKSTART[around.start..around.end], "worker-1");
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_place() {
    let text = "lab: home\nnodez: {}\nnetworks:\n  lan: { cidr: 10.0.0.0/33 }\n  LAN: { cidr: 10.0.0.0/24 }\n\
                hosts:\n  a: { acess: local }\n  b: { access: remote }\n  c: { access: local, memory: lots, power: {} }\n\
                clusters:\n  m: { distribution: { k3s: {} }, pods: 10.0.0.0/16, services: 10.1.0.0/16, cni: { flanel: {} } }\n\
                nodes:\n  n: { cluster: m, role: worker, on: a, address: [1] }\n";
    insta::assert_snapshot!(said(text).join("\n"));
}

#[test]
fn several_mistakes_in_one_entry_are_told_each_once() {
    let text = "lab: home\nnodes:\n  n:\n    clutser: m\n    role: wurker\n    cpu: 2\n    container: { cpu: many, memori: 2Gi }\n    \
                taints:\n    - { key: a, effect: NoSchedul }\n    - { key: b, effect: NoExecute }\n    - { key: [c], efect: NoExecute }\n";
    insta::assert_snapshot!(said(text).join("\n"));
    let reading = read_one(
        "lab: home\nnodes:\n  n: { role: worker, containr: {} }\n  a.b: {}\nclustres: {}\n",
    );
    let unread: Vec<&str> = reading.unread.iter().map(|path| path.0.as_str()).collect();
    assert_eq!(
        unread,
        ["clusters", "nodes.?", "nodes.n", "nodes.n.containr"]
    );
}

#[test]
fn no_more_is_told_than_anybody_reads() {
    let fields: String = (0..1000).map(|n| format!("field-{n}: {n}\n")).collect();
    let reading = read_one(&format!("lab: home\n{fields}"));
    assert_eq!(reading.diagnostics.len(), crate::diagnostic::MOST_TOLD + 1);
    assert_eq!(reading.diagnostics.last().unwrap().code, "F019");
    let again = crate::diagnostic::told(reading.diagnostics.clone());
    assert_eq!(again, reading.diagnostics);
}

#[test]
fn a_value_is_what_its_field_wants() {
    let text = "lab: no\nnetworks:\n  on: { cidr: 10.0.0.0/24, mtu: 1500 }\n\
                apps:\n  a: { catalog: x, settings: { version: \"1.30\", n: 3, f: 1.5, yes: yes, ok: true, none: ~, zero: 012 } }\n";
    let lab = read_one(text).lab.unwrap();
    assert_eq!(lab.lab.as_str(), "no");
    let settings = serde_json::to_value(&lab.apps["a"].settings).unwrap();
    let wanted = serde_json::json!({
        "version": "1.30", "n": 3, "f": 1.5, "yes": "yes", "ok": true, "none": null, "zero": "012",
    });
    assert_eq!(settings, wanted);
}

#[test]
fn files_of_a_folder_are_one_lab() {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let reading = read(&[
        source("lab.yaml", "lab: home\nhosts:\n  a: { access: local }\n"),
        source(
            "more.yaml",
            "hosts:\n  b: { access: local }\n  a: { access: local }\n",
        ),
        source("empty.yaml", "# nothing\n"),
    ]);
    assert_eq!(reading.lab.unwrap().hosts.len(), 2);
    let [finding] = reading.diagnostics.as_slice() else {
        panic!("one finding: {:?}", reading.diagnostics);
    };
    let files: Vec<usize> = finding
        .places
        .iter()
        .map(|p| p.span.unwrap().file)
        .collect();
    assert_eq!((finding.code.as_str(), files), ("F009", vec![1, 0]));
}

#[test]
fn hostile_texts_are_refused_with_a_place() {
    let bomb = "a: &a [x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b]\n";
    let deep = "[".repeat(100_000);
    let deep_map = (0..200).fold(String::new(), |text, n| {
        format!("{text}{}a:\n", " ".repeat(n))
    });
    let large = format!("lab: a\n# {}", "x".repeat(1 << 20));
    let many = format!("lab: a\napps: [{}]", "x,".repeat(40_000));
    for (text, code) in [
        (bomb, "F006"),
        // The parser has a bound of its own for brackets.
        (deep.as_str(), "F004"),
        (deep_map.as_str(), "F005"),
        (large.as_str(), "F001"),
        (many.as_str(), "F005"),
        ("lab: a\0b", "F002"),
        ("lab: \"unterminated", "F004"),
        ("lab: a\n---\nlab: b", "F003"),
        ("lab: !!python/object x", "F006"),
        ("lab: a\nhosts:\n  <<: { b: {} }", "F006"),
        ("lab: $(reboot)", "F016"),
        ("lab: --help", "F016"),
        ("lab: ../../etc", "F016"),
        ("- a\n- b", "F008"),
        ("", "F010"),
        ("lab: a\nhosts:\n  \"a;b\": {}", "F012"),
        (
            "lab: a\nnetworks:\n  l: { cidr: 10.0.0.0/24, mtu: 99999999999999999999 }",
            "F018",
        ),
        ("lab: a\nlab: b", "F009"),
        ("? [a, b]\n: c", "F007"),
    ] {
        let reading = read_one(text);
        let codes: Vec<&str> = reading
            .diagnostics
            .iter()
            .map(|d| d.code.as_str())
            .collect();
        assert!(
            codes.contains(&code),
            "{:.60} gave {codes:?}, wanted {code}",
            text
        );
    }
}

proptest::proptest! {
    /// Any change of a valid text gives a lab or findings with places inside the text.
    #[test]
    fn any_mutation_is_read_or_told(at in 0..QUICKSTART.len(), cut in 0..40usize, put in "[ -~\n]{0,6}") {
        let start = (0..=at).rev().find(|i| QUICKSTART.is_char_boundary(*i)).unwrap();
        let end = (start + cut).min(QUICKSTART.len());
        let text = format!("{}{put}{}", &QUICKSTART[..start], &QUICKSTART[end..]);
        let reading = read_one(&text);
        proptest::prop_assert!(reading.lab.is_some() || !reading.diagnostics.is_empty());
        for place in reading.diagnostics.iter().flat_map(|finding| &finding.places) {
            if let Some(span) = place.span {
                proptest::prop_assert!(span.start <= span.end && span.end <= text.len());
            }
        }
    }
}
