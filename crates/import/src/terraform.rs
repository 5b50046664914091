//! Terraform's and OpenTofu's state, version 4.
//!
//! A state is full of secrets, in every attribute that a provider likes. So nothing is read by
//! default: of the kinds that a lab has, a few attributes by name; of all others, only those few
//! that say what and where they are. What the state itself marks as sensitive is never read.

mod cloud;

use serde_json::Value;

use crate::draft::Draft;
use crate::fields::Fields;
use crate::{Files, ImportError, Imported, document, names, secrecy};

/// Attributes of unknown kinds that say what and where something is.
const TELLING: [&str; 14] = [
    "availability_zone",
    "bucket",
    "bucket_name",
    "cidr_block",
    "domain",
    "hostname",
    "instance_type",
    "label",
    "location",
    "machine_type",
    "name",
    "region",
    "server_type",
    "zone",
];

/// Kinds whose whole use is a secret, or text of somebody's own.
const NEVER: [&str; 9] = [
    "random_",
    "tls_",
    "local_",
    "vault_",
    "sops_",
    "null_",
    "terraform_",
    "external",
    "http",
];

/// An instance of a resource.
#[derive(Debug)]
pub(crate) struct Instance {
    /// As Terraform writes it: `module.a.aws_instance.b[0]`.
    pub(crate) address: String,
    /// Its own part of the address, for a name.
    pub(crate) label: String,
    pub(crate) kind: String,
    /// What is not marked as sensitive.
    pub(crate) attributes: Fields,
}

pub(crate) fn import(files: &Files) -> Result<Imported, ImportError> {
    let mut draft = Draft::new(names::known("imported"));
    let mut instances = Vec::new();
    for (file, text) in files {
        let mut state = Fields::of(format!("{file}: "), document::json(file, text)?)?;
        let version = state.text("version")?;
        if version.as_deref() != Some("4") {
            return Err(ImportError::WrongType {
                place: format!("{file}: version"),
                wanted: "4: let the newest Terraform or OpenTofu write the state again",
            });
        }
        for resource in state.each("resources")? {
            read(resource, &mut instances)?;
        }
        for name in state.fields("outputs")?.keys() {
            draft.unplaced(
                &format!("output.{name}"),
                "an output; its value was not read",
            );
        }
    }
    if files.is_empty() || instances.is_empty() {
        return Err(ImportError::Nothing {
            what: "managed resource in the state",
        });
    }
    let rest = cloud::place(&mut draft, instances)?;
    for instance in rest {
        other(&mut draft, instance)?;
    }
    draft.derived("the name imported: a state tells none; write the lab's own");
    Ok(draft.finish())
}

fn read(mut resource: Fields, into: &mut Vec<Instance>) -> Result<(), ImportError> {
    // Data sources only look at what others manage.
    if resource.text("mode")?.as_deref() == Some("data") {
        return Ok(());
    }
    let kind = resource.need("type")?;
    let name = resource.need("name")?;
    let module = resource.text("module")?;
    let address = module.map_or_else(
        || format!("{kind}.{name}"),
        |module| format!("{module}.{kind}.{name}"),
    );
    for mut one in resource.each("instances")? {
        let index = match one.any("index_key") {
            None => String::new(),
            Some(Value::Number(number)) => format!("[{number}]"),
            Some(Value::String(key)) if !secrecy::looks_secret(&key) => format!("[{key}]"),
            Some(_) => "[…]".to_owned(),
        };
        let sensitive: Vec<String> = one
            .list("sensitive_attributes")?
            .iter()
            .filter_map(first_step)
            .collect();
        let mut attributes = one.fields("attributes")?;
        for attribute in &sensitive {
            attributes.any(attribute);
        }
        into.push(Instance {
            address: format!("{address}{index}"),
            label: format!("{name}{index}"),
            kind: kind.clone(),
            attributes,
        });
    }
    Ok(())
}

/// The attribute that a path of a sensitive one begins with: all of it counts as sensitive.
fn first_step(path: &Value) -> Option<String> {
    let step = path.as_array()?.first()?;
    let name = step.get("value").or(Some(step))?.as_str()?;
    Some(name.to_owned())
}

/// A kind that a lab has no place for: what and where it is.
fn other(draft: &mut Draft, instance: Instance) -> Result<(), ImportError> {
    let Instance {
        address,
        kind,
        mut attributes,
        ..
    } = instance;
    let mut told = Vec::new();
    if !NEVER.iter().any(|prefix| kind.starts_with(prefix)) {
        for field in TELLING {
            if let Some(Value::String(text)) = attributes.any(field)
                && text.len() < 200
                && !secrecy::looks_secret(&text)
            {
                told.push(format!("{field}: {text}"));
            }
        }
    }
    told.extend(unread(&attributes));
    if told.is_empty() {
        told.push("all that it holds is marked as sensitive".to_owned());
    }
    draft.unplaced(&address, told.join("\n"));
    Ok(())
}

/// The names of attributes that were not read and hold something.
pub(crate) fn unread(attributes: &Fields) -> Option<String> {
    let names = attributes.filled();
    (!names.is_empty()).then(|| format!("not read: {}", names.join(", ")))
}
