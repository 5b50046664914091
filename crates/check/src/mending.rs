//! What findings propose, made: only that, all of it, and once.

use model::diagnostic::Diagnostic;
use model::read::{Mended, read, settle};
use model::source::Source;
use proptest::prelude::*;

const QUICKSTART: &str = include_str!("../../../labs/quickstart/lab.yaml");

fn found(sources: &[Source]) -> Vec<Diagnostic> {
    let reading = read(sources);
    let mut all = reading.diagnostics;
    all.extend(
        reading
            .lab
            .iter()
            .flat_map(|lab| crate::check(lab, &crate::Facts::default())),
    );
    all
}

fn mended(text: &str) -> Mended {
    let source = Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    };
    settle(&[source], found)
}

#[test]
fn slips_are_mended_and_other_mistakes_stay() {
    for (right, slip) in [
        ("access: local", "acess: local"),
        ("access: local", "access: lcoal"),
        ("hosts:", "hots:"),
        ("role: control-plane", "role: control-plan"),
        ("cni: { flannel: {} }", "cni: { flanel: {} }"),
        (
            "{ kubeadm: { kubernetes: 1.36.3 } }",
            "{ kubadm: { kubernets: 1.36.3 } }",
        ),
        (
            "cluster: main, role: control-plane",
            "cluster: mian, role: control-plane",
        ),
        (
            "on: this-machine, container: { cpu: 2, memory: 2Gi }, address: 10.88.0.22",
            "on: \"this-machne\", contaner: { cpu: 2, memry: 2Gi }, address: 10.88.0.22",
        ),
    ] {
        assert!(QUICKSTART.contains(right), "{right}");
        let mended = mended(&QUICKSTART.replacen(right, slip, 1));
        let text = mended.sources[0]
            .text
            .replace("\"this-machine\"", "this-machine");
        assert_eq!(text, QUICKSTART, "{slip}");
    }
    let large = QUICKSTART.replace(
        "cni: { flannel: {} }",
        "cni: { flannel: { mtu: 9000 } } # jumbo",
    );
    let mended_mtu = mended(&large);
    assert_eq!(
        mended_mtu.sources[0].text,
        large.replace("mtu: 9000", "mtu: 1450")
    );
    let change = &mended_mtu.changes[0];
    assert_eq!(
        (change.before.as_str(), change.after.as_str()),
        ("9000", "1450")
    );
    for other in ["acc: local", "access: remote", "access: local, access2: x"] {
        let text = QUICKSTART.replace("access: local", other);
        assert_eq!(mended(&text).sources[0].text, text);
    }
}

#[test]
fn a_name_that_is_taken_is_not_given_twice() {
    let text = QUICKSTART.replace("access: local", "access: local, acess: local");
    assert_eq!(mended(&text).sources[0].text, text);
}

proptest! {
    /// Slips of the keyboard anywhere: lines without a change stay byte for byte, and mending what
    /// is mended changes nothing.
    #[test]
    fn only_what_is_told_changes_and_only_once(
        slips in prop::collection::vec((0..QUICKSTART.len(), 0..3u8, "[a-z]"), 1..4),
    ) {
        let mut text = QUICKSTART.to_owned();
        for (at, what, letter) in slips {
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            match what {
                0 => text.insert_str(at, &letter),
                1 if text[at..].starts_with(|c: char| c != '\n') => {
                    text.remove(at);
                }
                _ => text.push_str("# end\n"),
            }
        }
        let once = mended(&text);
        let now: Vec<&str> = once.sources[0].text.split('\n').collect();
        let before: Vec<&str> = text.split('\n').collect();
        prop_assert_eq!(now.len(), before.len());
        for (at, (now, before)) in now.iter().zip(&before).enumerate() {
            let told = once.changes.iter().any(|change| change.line == at + 1);
            prop_assert_eq!(told, now != before, "line {}: {}", at + 1, now);
        }
        let twice = mended(&once.sources[0].text);
        prop_assert_eq!(&twice.sources[0].text, &once.sources[0].text);
        prop_assert_eq!(twice.changes, []);
    }
}
