use super::*;
use crate::span::Span;

fn line(verdict: Verdict, certain: bool, until: Option<Span>) -> Line {
    Line {
        thing: "web".to_owned(),
        verdict,
        certain,
        from: Some(Span::NOW),
        until,
        partly: None,
        because: String::new(),
        rule: RuleNo::Eviction,
        certain_nodes: Vec::new(),
        possible_nodes: vec!["b".to_owned(), "c".to_owned()],
        backup: None,
    }
}

/// Looks every second: where the app serves, or `!` where the API is silent.
fn looks(all: &[&str]) -> Vec<Seen> {
    let look = |(at, what): (usize, &&str)| Seen {
        at: at as Ms * 1000,
        answered: *what != "!",
        missed: BTreeSet::new(),
        serving: BTreeMap::from([(
            "web".to_owned(),
            what.chars()
                .filter(|c| *c != '!')
                .map(String::from)
                .collect(),
        )]),
    };
    all.iter().enumerate().map(look).collect()
}

fn fits(line: &Line, all: &[&str]) -> bool {
    let seen = looks(all);
    let rehearsal = Rehearsal {
        seen: &seen,
        period: 1000,
    };
    rehearsal.app(line).unwrap().fits
}

#[test]
fn what_moves_must_be_there_again_in_time_and_on_a_node_that_was_named() {
    let moves = line(Verdict::Moves, true, Some(Span::seconds(2, 4)));
    assert!(fits(&moves, &["", "", "", "b", "b"]));
    assert!(!fits(&moves, &["", "", "", "d", "d"]), "another node");
    assert!(
        !fits(&moves, &["", "", "", "", "", "", "", "b"]),
        "too late"
    );
    assert!(!fits(&moves, &["b", "b"]), "it was never away");
    assert!(!fits(&moves, &["", "", "", "b", ""]), "it went again");
    let perhaps = line(Verdict::Moves, false, Some(Span::seconds(2, 4)));
    assert!(fits(&perhaps, &["b", "b"]));
}

#[test]
fn what_stays_must_not_be_missed_for_longer_than_was_said() {
    assert!(fits(&line(Verdict::Stays, true, None), &["b", "b"]));
    assert!(!fits(
        &line(Verdict::Stays, true, None),
        &["b", "", "", "b"]
    ));
    let away = line(Verdict::Stays, true, Some(Span::seconds(0, 2)));
    assert!(fits(&away, &["b", "", "b", "b"]));
    assert!(
        fits(&away, &["b", "!", "!", "!", "b"]),
        "nothing is known of it"
    );
}

#[test]
fn what_waits_must_not_serve() {
    assert!(fits(&line(Verdict::Waits, true, None), &["", ""]));
    assert!(!fits(&line(Verdict::Waits, true, None), &["", "b"]));
    assert!(fits(&line(Verdict::Waits, false, None), &["", "b"]));
}

#[test]
fn the_api_may_be_silent_for_as_long_as_was_said() {
    let api = |line: &Line, all: &[&str]| {
        let seen = looks(all);
        let rehearsal = Rehearsal {
            seen: &seen,
            period: 1000,
        };
        rehearsal.api(line).fits
    };
    let stays = line(Verdict::Stays, true, None);
    assert!(api(&stays, &["b", "b"]));
    assert!(!api(&stays, &["b", "!", "b"]));
    let mut handed_over = stays;
    handed_over.partly = Some(Span::seconds(1, 2));
    assert!(api(&handed_over, &["b", "!", "b"]));
    assert!(!api(&handed_over, &["b", "!", "!", "!", "!", "b"]));
    let mut in_order = line(Verdict::Stays, false, Some(Span::seconds(1, 7)));
    in_order.from = Some(Span::seconds(0, 5));
    assert!(
        api(&in_order, &["b", "!", "!", "b", "b", "!", "b"]),
        "twice"
    );
    assert!(
        !api(&in_order, &["b", "!", "!", "!", "!", "!", "b"]),
        "too long at a time"
    );
    let late = ["b", "b", "b", "b", "b", "b", "b", "b", "b", "!", "b"];
    assert!(!api(&in_order, &late), "after all is over");
    let down = line(Verdict::Down, true, None);
    assert!(api(&down, &["!", "!"]));
    assert!(!api(&down, &["!", "b"]));
}

#[test]
fn what_may_still_come_is_not_decided() {
    let moves = line(Verdict::Moves, true, Some(Span::seconds(341, 356)));
    let seen = looks(&["", "", ""]);
    let rehearsal = Rehearsal {
        seen: &seen,
        period: 1000,
    };
    let compared = rehearsal.app(&moves).unwrap();
    assert!(!compared.fits);
    assert!(!compared.is_decided(65_000));
    assert!(compared.is_decided(357_000));
    // What was never away is not so as it was said, whatever comes.
    let seen = looks(&["b", "b"]);
    let rehearsal = Rehearsal {
        seen: &seen,
        period: 1000,
    };
    assert!(rehearsal.app(&moves).unwrap().is_decided(2000));
}

const LAB: &str = r#"{
    "lab": "house",
    "networks": { "lan": { "cidr": "10.0.0.0/24" } },
    "hosts": { "one": {}, "two": {}, "three": {} },
    "clusters": { "main": {
        "distribution": { "kubeadm": { "kubernetes": "1.36.3" } },
        "pods": "10.69.0.0/16", "services": "10.96.0.0/16", "cni": { "flannel": {} }
    } },
    "nodes": {
        "plane": { "cluster": "main", "role": "control-plane", "on": "one", "container": { "cpu": 2, "memory": "2Gi" }, "address": "10.0.0.1" },
        "b": { "cluster": "main", "role": "worker", "on": "two", "container": { "cpu": 2, "memory": "2Gi" }, "address": "10.0.0.2" },
        "c": { "cluster": "main", "role": "worker", "on": "three", "container": { "cpu": 2, "memory": "2Gi" }, "address": "10.0.0.3" }
    },
    "apps": { "web": { "catalog": "podinfo", "replicas": 1 } }
}"#;

fn prediction(before: &[&str]) -> Prediction {
    let lab: model::lab::Lab = serde_json::from_str(LAB).unwrap();
    let world = World::of(crate::world::Input {
        lab: &lab,
        manifests: &BTreeMap::new(),
    });
    let question = Question {
        off: vec!["two".to_owned()],
        fenced: true,
        ..Question::default()
    };
    let before = before.iter().copied().map(String::from).collect();
    Prediction::of(
        world,
        &question,
        BTreeMap::from([("web".to_owned(), before)]),
    )
    .unwrap()
}

#[test]
fn more_is_said_where_it_is_known_where_pods_were() {
    let said = |before: &[&str]| {
        let compared = prediction(before).compare(&looks(&["b"]), 1000);
        let of_web = compared.into_iter().filter(|one| one.thing == "web");
        of_web.map(|one| one.predicted).collect::<Vec<_>>()
    };
    let anywhere = "perhaps moves, there again at 1–80 s, on c";
    let on_b = "from b: moves, there again at 1–80 s, on c";
    assert_eq!(said(&["b"]), [anywhere, on_b]);
    assert_eq!(said(&["c"]), [anywhere, "from c: stays"]);
    assert_eq!(prediction(&["b"]).last(), 80_000);
}

#[test]
fn what_stays_because_nothing_of_it_went_must_not_be_missed() {
    let compared = prediction(&["c"]).compare(&looks(&["c", "", "", "c"]), 1000);
    let wrong: Vec<&str> = compared
        .iter()
        .filter(|one| !one.fits)
        .map(|one| one.predicted.as_str())
        .collect();
    // The node that went is looked for, too.
    assert_eq!(wrong, ["counts as gone at 0–20 s", "from c: stays"]);
}
