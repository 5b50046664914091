//! What differs between objects, and which objects are no longer wanted. Pure.

use serde_json::Value;

use super::object::ObjectRef;

/// Fields that the server changes by itself.
const SERVERS: [&str; 5] = [
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.creationTimestamp",
    "status",
];

/// How many differences are told.
const TOLD: usize = 5;

/// What the declared object would change in the live one: `spec.replicas: 5 → 2`. `would` is the
/// server's answer to a dry run.
pub(crate) fn differences(live: &Value, would: &Value) -> Vec<String> {
    let secret = live["kind"] == "Secret";
    let mut found = Vec::new();
    compare("", live, would, secret, &mut found);
    if found.len() > TOLD {
        let more = found.len() - TOLD;
        found.truncate(TOLD);
        found.push(format!("{more} more"));
    }
    found
}

fn compare(at: &str, live: &Value, would: &Value, secret: bool, found: &mut Vec<String>) {
    if live == would || SERVERS.contains(&at) {
        return;
    }
    match (live, would) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let at = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                let null = &Value::Null;
                let (live, would) = (a.get(key).unwrap_or(null), b.get(key).unwrap_or(null));
                compare(&at, live, would, secret, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (live, would)) in a.iter().zip(b).enumerate() {
                compare(&format!("{at}[{index}]"), live, would, secret, found);
            }
        }
        // The content of a Secret is told to nobody.
        _ if secret => found.push(at.to_owned()),
        _ => found.push(format!("{at}: {} → {}", short(live), short(would))),
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    if text.chars().count() <= 40 {
        return text;
    }
    let cut: String = text.chars().take(39).collect();
    format!("{cut}…")
}

/// Objects that were applied and are wanted no more, in the order in which they are deleted: what
/// was applied last goes first.
pub(crate) fn unwanted(recorded: &[ObjectRef], wanted: &[ObjectRef]) -> Vec<ObjectRef> {
    recorded
        .iter()
        .rev()
        .filter(|old| !wanted.iter().any(|new| new.same(old)))
        .cloned()
        .collect()
}

/// Everything that is recorded or wanted, each object once: what is written down before the first
/// object is applied, so that nothing is forgotten whenever the run is cut off.
pub(crate) fn union(recorded: &[ObjectRef], wanted: &[ObjectRef]) -> Vec<ObjectRef> {
    let mut all = wanted.to_vec();
    for old in recorded {
        if !all.iter().any(|new| new.same(old)) {
            all.push(old.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn reference(name: &str, version: &str) -> ObjectRef {
        ObjectRef {
            api_version: version.to_owned(),
            kind: "Deployment".to_owned(),
            plural: "deployments".to_owned(),
            namespace: Some("a".to_owned()),
            name: name.to_owned(),
        }
    }

    #[test]
    fn tells_what_changes_and_where() {
        let live = json!({ "kind": "Deployment", "spec": { "replicas": 5, "a": [{ "b": 1 }] },
            "metadata": { "resourceVersion": "7", "labels": { "x": "y" } }, "status": { "n": 1 } });
        let would = json!({ "kind": "Deployment", "spec": { "replicas": 2, "a": [{ "b": 2 }] },
            "metadata": { "resourceVersion": "8" } });
        assert_eq!(
            differences(&live, &would),
            [
                "metadata.labels: {\"x\":\"y\"} → nothing",
                "spec.a[0].b: 1 → 2",
                "spec.replicas: 5 → 2"
            ]
        );
        assert!(differences(&live, &live).is_empty());
    }

    #[test]
    fn a_secret_stays_one() {
        let live = json!({ "kind": "Secret", "data": { "password": "aGVsbG8=" } });
        let would = json!({ "kind": "Secret", "data": { "password": "d29ybGQ=" } });
        assert_eq!(differences(&live, &would), ["data.password"]);
    }

    #[test]
    fn many_differences_are_counted() {
        let live = json!((0..20).collect::<Vec<_>>());
        let would = json!((1..21).collect::<Vec<_>>());
        let told = differences(&live, &would);
        assert_eq!(told.len(), TOLD + 1);
        assert_eq!(told[TOLD], "15 more");
    }

    #[test]
    fn another_version_of_a_group_is_the_same_object() {
        let old = [reference("a", "apps/v1beta1")];
        assert!(unwanted(&old, &[reference("a", "apps/v1")]).is_empty());
        assert_eq!(unwanted(&old, &[reference("a", "other/v1")]).len(), 1);
    }

    fn references() -> impl Strategy<Value = Vec<ObjectRef>> {
        proptest::collection::vec("[a-e]", 0..6).prop_map(|names| {
            names
                .iter()
                .map(|name| reference(name, "apps/v1"))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn pruning_and_recording_are_exact(old in references(), new in references()) {
            let gone = unwanted(&old, &new);
            let all = union(&old, &new);
            for object in &gone {
                prop_assert!(old.contains(object) && !new.contains(object));
            }
            for object in &old {
                prop_assert!(all.contains(object));
                prop_assert!(new.contains(object) || gone.contains(object));
            }
            for object in &new {
                prop_assert!(all.contains(object));
            }
            for object in &all {
                prop_assert!(old.contains(object) || new.contains(object));
            }
        }

        #[test]
        fn nothing_differs_from_itself(a in "[a-z]{0,8}", n: i64, list: Vec<bool>) {
            let object = json!({ "a": a, "b": { "n": n, "list": list } });
            prop_assert!(differences(&object, &object).is_empty());
        }
    }
}
