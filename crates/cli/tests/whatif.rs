//! `steading whatif` and `steading prove` as they are called.

use std::process::Command;

fn steading(arguments: &[&str]) -> (i32, String, String) {
    let labs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/");
    let arguments = arguments
        .iter()
        .map(|argument| argument.replace("labs/", labs));
    let output = Command::new(env!("CARGO_BIN_EXE_steading"))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_question_is_answered_with_times_reasons_and_rules() {
    let (code, answer, _) = steading(&[
        "whatif",
        "labs/volatile-talos/lab.yaml",
        "--off",
        "nuc1,nuc2",
    ]);
    assert_eq!(code, 0);
    assert!(
        answer.contains("1 of 3 control planes are left, and 2 are needed"),
        "{answer}"
    );
    assert!(answer.contains("W009"), "{answer}");
    let (code, answer, _) = steading(&[
        "whatif",
        "labs/volatile-talos/lab.yaml",
        "--off",
        "availability=volatile",
        "--format",
        "json",
    ]);
    assert_eq!(code, 0);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let moment = answer["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .find(|moment| moment["what"] == "counts as gone")
        .unwrap();
    assert_eq!(moment["at"], serde_json::json!([40_000, 55_000]));
    assert_eq!(moment["rule"], "W001");
}

#[test]
fn what_nobody_can_answer_is_wrong_usage() {
    let (code, _, told) = steading(&["whatif", "labs/jlh/lab.yaml", "--off", "x68"]);
    assert_eq!(code, 2);
    assert!(told.contains("did you mean x86?"), "{told}");
    let (code, _, told) = steading(&["whatif", "labs/jlh/lab.yaml"]);
    assert_eq!(code, 2);
    assert!(told.contains("nothing goes"), "{told}");
}

#[test]
fn a_promise_that_does_not_hold_ends_with_three() {
    let (code, answer, _) = steading(&["prove", "labs/skaia/as-published.yaml"]);
    assert_eq!(code, 3, "{answer}");
    assert!(answer.contains("breaks with vantas off"), "{answer}");
    let (code, answer, _) = steading(&["prove", "labs/skaia/lab.yaml"]);
    assert_eq!(code, 0, "{answer}");
}

#[test]
fn a_rule_is_explained_with_its_source() {
    let (code, answer, _) = steading(&["explain", "w007"]);
    assert_eq!(code, 0);
    assert!(
        answer.contains("longhorn/longhorn-manager#1395"),
        "{answer}"
    );
}

#[test]
fn a_broken_promise_is_a_finding_with_its_smallest_counterexample_and_its_place() {
    let (code, answer, _) = steading(&["check", "labs/skaia/as-published.yaml"]);
    assert_eq!(code, 3);
    assert!(
        answer.contains("error[S113]: api does not stay with vantas off: api down:"),
        "{answer}"
    );
    let (code, answer, _) = steading(&["check", "labs/jlh/lab.yaml", "--format", "json"]);
    assert_eq!(code, 0, "what is accepted refuses nothing: {answer}");
    let findings: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let finding = findings
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "S114");
    let place = &finding.unwrap()["places"][0];
    assert_eq!(place["field"], "promises[0].stays[1]");
    assert!(place["span"].is_object(), "{place}");
    let (code, answer, _) = steading(&["explain", "S113"]);
    assert_eq!(code, 0);
    assert!(answer.contains("Every promise holds"), "{answer}");
}

#[test]
fn a_lab_is_drawn_as_text_and_for_programs_and_into_files() {
    let (code, answer, _) = steading(&["graph", "labs/skaia/lab.yaml"]);
    assert_eq!(code, 0);
    assert!(answer.contains("└─ vantas"), "{answer}");
    let (_, answer, _) = steading(&["graph", "labs/skaia/lab.yaml", "--format", "json"]);
    let scene: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(scene["lab"], "skaia");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (svg, proof, answer) = (file("a.svg"), file("b.html"), file("c.html"));
    let lab = "labs/skaia/lab.yaml";
    assert_eq!(steading(&["graph", lab, "--svg", &svg]).0, 0);
    assert_eq!(steading(&["prove", lab, "--html", &proof]).0, 0);
    assert_eq!(
        steading(&["whatif", lab, "--off", "vantas", "--html", &answer]).0,
        0
    );
    for (file, begins) in [
        (svg, "<svg "),
        (proof, "<!doctype html>"),
        (answer, "<!doctype html>"),
    ] {
        assert!(std::fs::read_to_string(file).unwrap().starts_with(begins));
    }
    let (code, _, told) = steading(&["graph", lab, "--svg", "/nowhere/a.svg"]);
    assert_eq!(code, 1);
    assert!(told.contains("writing /nowhere/a.svg"), "{told}");
}
