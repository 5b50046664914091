use std::collections::BTreeMap;

use model::lab::Lab;
use model::resource::{Kind, Spec};
use model::source::Source;
use serde_json::Value;

use crate::{beyond_reach, expand};

const BEFORE: &str = "\
lab: home
sites: { house: {}, attic: {} }
networks: { lan: { cidr: 10.0.0.0/24, gateway: 10.0.0.1 } }
hosts:
  nuc: { site: house, cpu: 8, memory: 16Gi, access: local }
  gamer: { site: attic, cpu: 8, memory: 16Gi, access: local, availability: volatile }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  plane: { cluster: main, role: control-plane, on: nuc, container: { cpu: 2, memory: 2Gi }, address: 10.0.0.11 }
  small: { cluster: main, role: worker, on: nuc, container: { cpu: 2, memory: 2Gi }, address: 10.0.0.12 }
  big: { cluster: main, role: worker, on: gamer, container: { cpu: 2, memory: 2Gi }, address: 10.0.0.13,
    taints: [{ key: volatile, effect: NoSchedule }] }
storage:
  shared: { folder: { classes: { shared: { default: true } } } }
  disks: { local: { classes: { disks: { reclaim: retain } } } }
apps:
  app: ";

fn lab(app: &str) -> Lab {
    let reading = model::read::read(&[Source {
        name: "lab.yaml".to_owned(),
        text: format!("{BEFORE}{app}\n"),
    }]);
    assert_eq!(reading.diagnostics, []);
    reading.lab.unwrap()
}

/// The objects of the app, by kind and name.
fn objects(app: &str) -> BTreeMap<String, Value> {
    let lab = lab(app);
    assert_eq!(beyond_reach(&lab), []);
    let resources = expand(&lab, &BTreeMap::new()).unwrap();
    let found = resources.iter().find(|one| one.address.kind == Kind::App);
    let Spec::Objects(found) = &found.unwrap().spec else {
        panic!("an app is objects");
    };
    let text = |object: &Value, at: &str| object.pointer(at).unwrap().as_str().unwrap().to_owned();
    let named = found.objects.iter().map(|object| {
        let kind = text(object, "/kind");
        let name = text(object, "/metadata/name");
        (format!("{kind}/{name}"), object.clone())
    });
    named.collect()
}

fn kinds(objects: &BTreeMap<String, Value>) -> Vec<&str> {
    objects.keys().map(String::as_str).collect()
}

#[test]
fn numbers_and_requests_are_the_declared_ones() {
    let all =
        objects("{ catalog: podinfo, replicas: 3, requests: { millicpu: 250, memory: 1Gi } }");
    let spec = &all["Deployment/app"]["spec"];
    assert_eq!(spec["replicas"], 3);
    let resources = &spec["template"]["spec"]["containers"][0]["resources"];
    let asked = serde_json::json!({ "requests": { "cpu": "250m", "memory": "1073741824" } });
    assert_eq!(*resources, asked, "a limit of the entry would be below");
    let own = objects("{ catalog: podinfo }");
    assert_eq!(own["Deployment/app"]["spec"]["replicas"], 2, "the entry's");
}

#[test]
fn places_are_affinities() {
    let all = objects(
        "{ catalog: podinfo, placement: { nodes: [small, big], labels: { disk: fast }, \
         any-of: [{ zone: a }, { zone: b }], volatile: false } }",
    );
    let pod = &all["Deployment/app"]["spec"]["template"]["spec"];
    insta::assert_json_snapshot!(pod["affinity"]);
    let none = objects("{ catalog: podinfo, placement: { volatile: true } }");
    let pod = &none["Deployment/app"]["spec"]["template"]["spec"];
    assert_eq!(pod["affinity"], Value::Null);
    let borne = serde_json::json!([
        { "key": "volatile", "operator": "Exists", "effect": "NoSchedule" }
    ]);
    assert_eq!(pod["tolerations"], borne);
}

#[test]
fn pods_that_stay_apart_are_told_apart_by_labels_of_nodes() {
    let all = objects("{ catalog: podinfo, placement: { apart: host } }");
    let spec = &all["Deployment/app"]["spec"];
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let term = &spec["template"]["spec"]["affinity"]["podAntiAffinity"][required][0];
    assert_eq!(term["topologyKey"], "steading.dev/host");
    assert_eq!(term["labelSelector"], spec["selector"]);
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxSurge"], 0);
    let resources = expand(&lab("{ catalog: podinfo }"), &BTreeMap::new()).unwrap();
    let labels = resources.iter().find_map(|one| match &one.spec {
        Spec::Member(member) if one.address.name.as_str() == "big" => Some(&member.labels),
        _ => None,
    });
    let labels = labels.unwrap();
    assert_eq!(labels["steading.dev/host"], "gamer");
    assert_eq!(labels["steading.dev/site"], "attic");
}

#[test]
fn a_volume_of_one_pod_is_bound_to_its_claim() {
    let all = objects(
        "{ catalog: podinfo, replicas: 1, volumes: { data: { size: 2Gi }, media: { shared: true } } }",
    );
    assert_eq!(
        kinds(&all),
        [
            "Deployment/app",
            "PersistentVolume/app-app-data",
            "PersistentVolume/app-app-media",
            "PersistentVolumeClaim/app-data",
            "PersistentVolumeClaim/app-media",
            "Service/app",
        ]
    );
    insta::assert_json_snapshot!(all["PersistentVolume/app-app-data"]);
    let claim = &all["PersistentVolumeClaim/app-media"]["spec"];
    assert_eq!(claim["accessModes"][0], "ReadWriteMany");
    assert_eq!(claim["volumeName"], "app-app-media");
    let spec = &all["Deployment/app"]["spec"];
    assert_eq!(spec["strategy"]["type"], "Recreate");
    let pod = &spec["template"]["spec"];
    let volumes = pod["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 2, "the entry's own makes room");
    let mounts = pod["containers"][0]["volumeMounts"].to_string();
    assert!(
        mounts.contains("/data") && mounts.contains("/volumes/media"),
        "{mounts}"
    );
}

#[test]
fn several_pods_have_volumes_of_their_own() {
    let all = objects("{ catalog: podinfo, replicas: 2, volumes: { data: {} } }");
    let claims: Vec<_> = kinds(&all)
        .into_iter()
        .filter(|name| name.starts_with("PersistentVolumeClaim"))
        .collect();
    assert_eq!(
        claims,
        [
            "PersistentVolumeClaim/data-app-0",
            "PersistentVolumeClaim/data-app-1"
        ]
    );
    let spec = &all["StatefulSet/app"]["spec"];
    assert_eq!(spec["volumeClaimTemplates"][0]["metadata"]["name"], "data");
    assert_eq!(spec["template"]["spec"]["volumes"], serde_json::json!([]));
    assert_eq!(spec["strategy"], Value::Null, "a StatefulSet has none");
}

#[test]
fn a_volume_on_a_nodes_own_disk_stays_there() {
    let on = objects("{ catalog: counter, volumes: { data: { on: small, path: /srv/data } } }");
    let bound = &on["PersistentVolume/app-data-app-0"]["spec"];
    assert_eq!(bound["hostPath"]["path"], "/srv/data");
    assert!(bound["nodeAffinity"].to_string().contains("small"));
    assert_eq!(bound["storageClassName"], "disks");
    // Any node's disk will do: each offers one, the pod's node decides.
    let any = objects("{ catalog: counter, volumes: { data: { class: disks } } }");
    let offered = kinds(&any);
    let offered = offered
        .iter()
        .filter(|name| name.starts_with("PersistentVolume/"));
    assert_eq!(offered.count(), 3);
    let claim = &any["PersistentVolumeClaim/data-app-0"]["spec"];
    assert_eq!(claim["volumeName"], Value::Null);
    assert_eq!(
        claim["selector"]["matchLabels"],
        any["PersistentVolume/app-data-app-0-big"]["metadata"]["labels"]
    );
}

#[test]
fn machines_share_a_folder_where_the_lab_has_one() {
    let with = lab("{ catalog: podinfo }");
    let mut without = with.clone();
    without.storage.clear();
    for (lab, shared) in [(with, true), (without, false)] {
        let resources = expand(&lab, &BTreeMap::new()).unwrap();
        for resource in &resources {
            if let Spec::Machine(machine) = &resource.spec {
                assert_eq!(machine.shared_folder, shared);
            }
        }
        let brought = ["component/folders", "component/local-volumes"];
        let has = |name: &str| resources.iter().any(|one| one.address.to_string() == name);
        assert_eq!(brought.map(has), [shared; 2]);
    }
}

#[test]
fn what_brings_no_volumes_is_not_promised() {
    for (app, field) in [
        (
            "{ manifests: apps/app, volumes: { data: {} } }",
            "apps.app.volumes.data",
        ),
        (
            "{ chart: { name: a, repository: 'https://a.example', version: 1.0.0 } }",
            "apps.app.chart",
        ),
    ] {
        let beyond = beyond_reach(&lab(app));
        let fields: Vec<_> = beyond
            .iter()
            .map(|one| one.places[0].field.0.as_str())
            .collect();
        assert_eq!(fields, [field]);
    }
}
