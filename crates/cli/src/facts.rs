//! What rules look at besides the lab file: the catalog's knowledge, today's date, and the files
//! of the lab's folder.

use std::collections::BTreeMap;
use std::path::Path;

use check::{Certificate, Facts, File, Known};
use model::lab::Lab;
use serde_json::Value;
use store::Surrounding;

/// Everything that is known besides a lab file. `root`: the lab's folder, if it is one of its own.
pub(crate) fn gather(root: Option<&Path>, previous: Option<Lab>) -> Facts {
    let mut facts = Facts {
        today: Some(jiff::Zoned::now().date().to_string()),
        ends: catalog::platforms().clone(),
        previous: previous.map(Box::new),
        ..Facts::default()
    };
    for (name, entry) in catalog::known() {
        facts.learn(name, Known::of(&entry.provides, &entry.needs), &entry.eol);
    }
    if let Some(root) = root {
        files(store::surroundings(root), &mut facts);
    }
    facts
}

fn files(found: BTreeMap<String, Surrounding>, facts: &mut Facts) {
    for (path, file) in found {
        let text = file.text.as_deref().unwrap_or_default();
        let parsed = parse(&path, text);
        let field = || format!("files.{path}");
        facts.certificates.extend(certificates(&path, text));
        let broken = match parsed {
            Ok(objects) => {
                let named = objects.into_iter().map(|object| (field(), object));
                facts.objects.extend(named);
                None
            }
            Err(why) => Some(why),
        };
        let file = File {
            text: file.text,
            mode: file.mode,
            broken,
        };
        facts.files.insert(path, file);
    }
}

/// The objects of a file whose kind is known by its name. Files of the lab itself are read, and
/// told of, elsewhere.
fn parse(path: &str, text: &str) -> Result<Vec<Value>, String> {
    let nested = path.contains('/');
    if nested && (path.ends_with(".yaml") || path.ends_with(".yml")) && !text.contains("{{") {
        return catalog::documents(text);
    }
    if path.ends_with(".json") && !text.is_empty() {
        serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?;
    }
    Ok(Vec::new())
}

/// The certificates in a PEM file.
fn certificates(path: &str, text: &str) -> Vec<Certificate> {
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Vec::new();
    }
    let blocks = x509_parser::pem::Pem::iter_from_buffer(text.as_bytes()).flatten();
    blocks
        .filter_map(|block| {
            let parsed = block.parse_x509().ok()?;
            let day = |time: x509_parser::time::ASN1Time| {
                let time = jiff::Timestamp::from_second(time.timestamp()).ok()?;
                Some(time.strftime("%Y-%m-%d").to_string())
            };
            let validity = parsed.validity();
            Some(Certificate {
                file: path.to_owned(),
                subject: parsed.subject().to_string(),
                issuer: parsed.issuer().to_string(),
                names: names(&parsed),
                from: day(validity.not_before)?,
                until: day(validity.not_after)?,
                authority: parsed.is_ca(),
            })
        })
        .collect()
}

fn names(certificate: &x509_parser::certificate::X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => {
                let bytes: [u8; 16] = bytes.try_into().ok()?;
                Some(std::net::Ipv6Addr::from(bytes).to_string())
            }
        },
        _ => None,
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(text)
        .collect()
}
