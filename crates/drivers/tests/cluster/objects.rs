//! Objects that others change, that are declared no more, that are not ours, that do not start.

use driver::{Cancel, ErrorKind, Precheck};
use model::inventory::{Presence, Remedy};
use serde_json::{Value, json};

use crate::lab::Lab;

fn config(name: &str, value: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
        "data": { "key": value } })
}

pub fn drift(lab: &Lab) {
    let app = lab.app(
        "drift",
        vec![config("a", "declared"), config("b", "declared")],
    );
    lab.apply(&app);
    assert_eq!(lab.precheck(&app), Precheck::Done);
    lab.kubectl(
        "-n drift patch configmap a --type=merge -p {\"data\":{\"key\":\"other\"}}",
        "",
    );
    lab.kubectl("-n drift delete configmap b", "");
    let seen = lab.see(&app).unwrap();
    let told: Vec<_> = seen
        .faults
        .iter()
        .map(|one| (one.what.as_str(), one.remedy))
        .collect();
    assert_eq!(
        told,
        [
            ("ConfigMap drift/a was changed by somebody", Remedy::Repair),
            ("ConfigMap drift/b is missing", Remedy::Repair),
        ]
    );
    let cause = seen.faults[0].cause.as_deref().unwrap();
    assert_eq!(cause, "data.key: \"other\" → \"declared\"");
    assert_eq!(lab.precheck(&app), Precheck::Ready);
    lab.apply(&app);
    assert_eq!(lab.see(&app).unwrap().faults, []);
    lab.teardown(&app);
}

pub fn pruned(lab: &Lab) {
    let before = lab.app("pruned", vec![config("a", "1"), config("b", "1")]);
    lab.apply(&before);
    lab.kubectl("-n pruned create configmap theirs", "");
    let after = lab.app("pruned", vec![config("b", "1")]);
    lab.apply(&after);
    let left = lab.kubectl("-n pruned get configmaps -o name", "");
    assert!(left.contains("/b") && left.contains("/theirs"), "{left}");
    assert!(!left.contains("/a\n"), "{left}");

    // Another app in the same namespace, that also takes over an object: it outlives the first.
    let mut other = lab.app("neighbour", vec![config("b", "1"), config("c", "1")]);
    if let model::resource::Spec::Objects(objects) = &mut other.resource.spec {
        objects.namespace = "pruned".parse().unwrap();
    }
    other.inputs = other.resource.digest();
    lab.apply(&other);
    lab.teardown(&after);
    let left = lab.kubectl("-n pruned get configmaps -o name", "");
    for kept in ["/b", "/c", "/theirs"] {
        assert!(left.contains(kept), "{left}");
    }
    lab.teardown(&other);
    let namespaces = lab.kubectl("get namespaces -o name", "");
    assert!(!namespaces.contains("pruned"), "{namespaces}");
}

pub fn foreign(lab: &Lab) {
    lab.kubectl("create namespace foreign", "");
    lab.kubectl(
        "-n foreign create configmap a --from-literal=key=theirs",
        "",
    );
    let app = lab.app("foreign", vec![config("a", "ours"), config("b", "ours")]);
    let Precheck::Refused(refusal) = lab.precheck(&app) else {
        panic!("it is not refused");
    };
    assert!(
        refusal.found.contains("ConfigMap foreign/a exists"),
        "{}",
        refusal.found
    );
    let seen = lab.see(&app).unwrap();
    assert!(
        matches!(seen.presence, Presence::Foreign { .. }),
        "{seen:?}"
    );
    let (result, _) = lab.try_apply(&app, &Cancel::default());
    assert_eq!(result.unwrap_err().kind, ErrorKind::Refused);
    let data = lab.kubectl("-n foreign get configmaps -o jsonpath={.items[*].data}", "");
    assert!(
        data.contains("theirs") && !data.contains("ours\""),
        "{data}"
    );

    // Without that object the app is made in their namespace, which outlives it.
    let app = lab.app("foreign", vec![config("b", "ours")]);
    lab.apply(&app);
    lab.teardown(&app);
    lab.kubectl("-n foreign get configmap a", "");
    lab.kubectl("delete namespace foreign", "");
}

pub fn cause(lab: &Lab) {
    let pod = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "bad" },
    "spec": { "selector": { "matchLabels": { "a": "bad" } }, "template": {
        "metadata": { "labels": { "a": "bad" } },
        "spec": { "containers": [{ "name": "main", "image": "ghcr.io/stefanprodan/podinfo:6.9.2",
            "imagePullPolicy": "IfNotPresent", "command": ["podinfo", "--no-such-flag"] }] } } } });
    let app = lab.app("cause", vec![pod]);
    let cancel = Cancel::default();
    let told = std::thread::scope(|threads| {
        threads.spawn(|| {
            std::thread::sleep(std::time::Duration::from_secs(12));
            cancel.request();
        });
        let (result, told) = lab.try_apply(&app, &cancel);
        assert_eq!(result.unwrap_err().kind, ErrorKind::Interrupted);
        told
    });
    let cause = |line: &&String| line.contains("exited with") && line.contains("no-such-flag");
    assert!(told.iter().any(|line| cause(&line)), "{told:#?}");
    let seen = lab.see(&app).unwrap();
    assert!(
        matches!(
            seen.presence,
            Presence::Ours {
                made_from: None,
                ..
            }
        ),
        "{seen:?}"
    );
    lab.teardown(&app);
    assert_eq!(lab.see(&app), None);
}
