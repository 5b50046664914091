//! talhelper's `talconfig.yaml`.
//!
//! Fields that a lab has are placed there. Fields that only Talos' machine configuration has
//! become Talos patches, as talhelper itself would write them. Source: talhelper's configuration
//! reference, and Talos' reference of `v1alpha1`.

mod environment;
mod node;
mod patches;

use serde_json::Value;

use crate::fields::Fields;
use crate::machines::{self, ClusterFacts};
use crate::{Files, ImportError, Imported, document, patch_facts};
use environment::Environment;
use patches::Reader;

/// The files that a `talconfig.yaml` names by `@`, and those that talhelper looks for beside it.
/// Of a text that cannot be read only the latter: the import itself will say why.
pub(crate) fn names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = environment::FILES.iter().map(ToString::to_string).collect();
    let mut leaves = Vec::new();
    for document in document::yaml("talconfig.yaml", text).unwrap_or_default() {
        environment::collect(&document, "", &mut leaves);
    }
    let named = leaves.iter().filter_map(|(_, text)| text.strip_prefix('@'));
    names.extend(named.map(clean));
    names.sort();
    names.dedup();
    names
}

/// A path without what means nothing.
fn clean(path: &str) -> String {
    path.trim_start_matches("./").to_owned()
}

pub(crate) fn import(files: &Files) -> Result<Imported, ImportError> {
    let (file, text) = files
        .iter()
        .find(|(file, _)| is_talconfig(file))
        .or_else(|| files.iter().find(|(_, text)| text.contains("clusterName:")))
        .or_else(|| only(files))
        .ok_or(ImportError::Nothing {
            what: "talconfig.yaml",
        })?;
    let mut documents = document::yaml(file, text)?;
    let mut value = match documents.len() {
        1 => documents.remove(0),
        _ => {
            return Err(ImportError::WrongType {
                place: file.clone(),
                wanted: "one document",
            });
        }
    };
    let environment = Environment::read(files)?;
    environment.fill(&mut value);
    let mut top = Fields::of(format!("{file}: "), value)?;
    let mut reader = Reader::new(files, &environment);
    let mut cluster = cluster(file, &mut top)?;
    // Fields under controlPlane and worker are defaults of the nodes of that role.
    let mut groups = [top.fields("controlPlane")?, top.fields("worker")?];
    let mut nodes = Vec::new();
    for fields in top.each("nodes")? {
        nodes.extend(node::read(fields, &groups, &mut reader)?);
    }
    if nodes.is_empty() {
        return Err(ImportError::Missing {
            place: top.place_of("nodes"),
        });
    }
    for group in &mut groups {
        node::forget(group);
    }
    cluster.patches.extend(reader.patches(&mut top)?);
    patch_facts::take_facts(&mut cluster, &mut nodes);
    let mut draft = machines::assemble(cluster, nodes)?;
    environment.refer(&mut draft);
    reader.tell(&mut draft);
    for fields in groups {
        draft.rest(fields);
    }
    draft.rest(top);
    patch_facts::without_secrets(&mut draft);
    Ok(draft.finish())
}

/// The only file that could be it, whatever it is called.
fn only(files: &Files) -> Option<(&String, &String)> {
    let beside = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or_default();
        environment::FILES.contains(&name)
    };
    let mut others = files.iter().filter(|(file, _)| !beside(file));
    others.next().filter(|_| others.next().is_none())
}

fn is_talconfig(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    matches!(name, "talconfig.yaml" | "talconfig.yml")
}

fn cluster(file: &str, top: &mut Fields) -> Result<ClusterFacts, ImportError> {
    let mut facts = ClusterFacts {
        file: file.to_owned(),
        name: top.need("clusterName")?,
        talos: top.text("talosVersion")?.filter(|text| text != "latest"),
        kubernetes: top.text("kubernetesVersion")?,
        endpoint: top.parsed("endpoint", "an address")?,
        pods: ranges(top, "clusterPodNets")?,
        services: ranges(top, "clusterSvcNets")?,
        domain: top.text("domain")?,
        sans: top.texts("additionalApiServerCertSans")?,
        ..ClusterFacts::default()
    };
    let masters = top.flag("allowSchedulingOnMasters")?;
    facts.untainted = top.flag("allowSchedulingOnControlPlanes")?.or(masters) == Some(true);
    let machine_sans = top.list("additionalMachineCertSans")?;
    if !machine_sans.is_empty() {
        facts
            .patches
            .push(serde_json::json!({ "machine": { "certSANs": machine_sans } }));
    }
    let mut cni = top.fields("cniConfig")?;
    facts.cni = cni.text("name")?;
    if facts.cni.as_deref() == Some("custom") {
        let urls = cni.list("urls")?;
        let told = urls
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        facts.cni = Some(told.to_ascii_lowercase());
        cni.put("urls", Value::Array(urls));
    }
    top.put_back("cniConfig", cni);
    Ok(facts)
}

/// Address ranges.
pub(crate) fn ranges(fields: &mut Fields, field: &str) -> Result<Vec<ipnet::IpNet>, ImportError> {
    let mut ranges = Vec::new();
    let texts = fields.texts(field)?;
    if texts.iter().any(|text| text.contains("${")) {
        fields.put(field, Value::from(texts));
        return Ok(ranges);
    }
    for text in texts {
        // Several stand in one text, too: 10.0.0.0/16,fd00::/64.
        for part in text.split(',') {
            ranges.push(part.trim().parse().map_err(|_| ImportError::WrongType {
                place: fields.place_of(field),
                wanted: "a list of address ranges such as 10.244.0.0/16",
            })?);
        }
    }
    Ok(ranges)
}
