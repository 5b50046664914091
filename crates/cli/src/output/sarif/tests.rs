use serde_json::{Value, json};

use super::*;

/// A lab with a finding of each kind: two places, a change, a name that is not ASCII before it.
const LAB: &str = "lab: home\n\
    networks:\n  lan: { cidr: 10.0.0.0/24, mtu: 1400 }\n\
    hosts:\n  nas: { access: local, model: \"Größe\", acess: local }\n\
    clusters:\n  main: { distribution: { kubeadm: { kubernetes: 1.36.3 } }, pods: 10.1.0.0/16, services: 10.2.0.0/16, cni: { flannel: { mtu: 1400 } } }\n\
    nodes:\n  cp-1: { cluster: main, role: control-plane, on: nass, container: { cpu: 2, memory: 2Gi }, address: 10.0.0.11 }\n";

fn logged(text: &str) -> Value {
    let sources = [Source {
        name: "anywhere/my lab.yaml".to_owned(),
        text: text.to_owned(),
    }];
    let reading = model::read::read(&sources);
    let mut findings = reading.diagnostics;
    findings.extend(
        reading
            .lab
            .iter()
            .flat_map(|lab| check::check(lab, &check::Facts::default())),
    );
    reading.index.locate(&mut findings);
    let log = log(&findings, &sources, &["my lab.yaml".to_owned()]);
    serde_json::to_value(log).unwrap()
}

#[test]
fn the_results_of_a_lab() {
    let log = logged(LAB);
    insta::assert_json_snapshot!(log["runs"][0]["results"]);
}

/// What the standard demands of what we write; by its sections.
#[test]
fn what_the_standard_demands() {
    let log = logged(LAB);
    // 3.13: version is required, runs may be there.
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    // 3.14.17 and 3.18, 3.19: a driver with a name.
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "Steading");
    // 3.19.15: an absolute address.
    assert!(
        driver["informationUri"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
    // 3.14.27.
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = driver["rules"].as_array().unwrap();
    let levels = ["none", "note", "warning", "error"];
    for rule in rules {
        // 3.49: an id that no other has; texts are message strings (3.12).
        let same = rules.iter().filter(|other| other["id"] == rule["id"]);
        assert_eq!(same.count(), 1);
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|t| !t.is_empty()));
        }
        let level = rule["defaultConfiguration"]["level"].as_str().unwrap();
        assert!(levels.contains(&level));
    }
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 2);
    for result in results {
        // 3.27: message is required; 3.27.6: the index is that of the id.
        assert!(result["message"]["text"].is_string());
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        if let Some(index) = result.get("ruleIndex") {
            let index = usize::try_from(index.as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
        let related = result["relatedLocations"].as_array();
        let mut ids: Vec<&Value> = related.into_iter().flatten().map(|at| &at["id"]).collect();
        // 3.28.2: ids are unique within the result.
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
        for location in result["locations"]
            .as_array()
            .into_iter()
            .chain(related)
            .flatten()
        {
            let physical = &location["physicalLocation"];
            located(&physical["artifactLocation"], run);
            region(&physical["region"]);
        }
        for fix in result["fixes"].as_array().into_iter().flatten() {
            // 3.55: at least one change; 3.56: at least one replacement; 3.57: a deleted region.
            for change in fix["artifactChanges"].as_array().unwrap() {
                located(&change["artifactLocation"], run);
                let replacements = change["replacements"].as_array().unwrap();
                assert!(!replacements.is_empty());
                for replacement in replacements {
                    region(&replacement["deletedRegion"]);
                    assert!(replacement["insertedContent"]["text"].is_string());
                }
            }
        }
    }
}

/// 3.4: a valid relative address, and its base is one that the run knows.
fn located(artifact: &Value, run: &Value) {
    assert_eq!(artifact["uri"], "my%20lab.yaml");
    let base = artifact["uriBaseId"].as_str().unwrap();
    assert!(run["originalUriBaseIds"].get(base).is_some());
}

/// 3.30: lines and columns from 1, the end not before the beginning.
fn region(region: &Value) {
    let at = |key: &str| region[key].as_u64().unwrap();
    assert!(at("startLine") >= 1 && at("startColumn") >= 1);
    assert!((at("startLine"), at("startColumn")) <= (at("endLine"), at("endColumn")));
}

#[test]
fn a_change_deletes_exactly_what_it_replaces() {
    let log = logged(LAB);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let mtu = results
        .iter()
        .find(|result| result["ruleId"] == "S004")
        .unwrap();
    let replacement = &mtu["fixes"][0]["artifactChanges"][0]["replacements"][0];
    let region = &replacement["deletedRegion"];
    let index = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
    let line: Vec<char> = LAB
        .lines()
        .nth(index("startLine") - 1)
        .unwrap()
        .chars()
        .collect();
    let deleted: String = line[index("startColumn") - 1..index("endColumn") - 1]
        .iter()
        .collect();
    assert_eq!(
        (deleted.as_str(), &replacement["insertedContent"]["text"]),
        ("1400", &json!("1350"))
    );
}

#[test]
fn a_file_that_is_not_yaml_has_one_result_and_no_lab_none() {
    let results = |text: &str| logged(text)["runs"][0]["results"].as_array().unwrap().len();
    assert_eq!(results("lab: [\n"), 1);
    assert_eq!(results("lab: home\n"), 0);
}
