//! What the API server answered: objects by their kinds.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::Value;

use crate::draft::Draft;
use crate::{Files, ImportError, document, secrecy};

/// An object of the cluster.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: String,
    /// Its API group; empty for the core.
    pub(super) group: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) value: Value,
}

/// All objects that were read.
#[derive(Debug, Default)]
pub(super) struct Objects {
    all: Vec<Object>,
    /// Documents that are no objects: the server's version, a kubeconfig.
    about: Vec<Value>,
}

impl Objects {
    pub(super) fn read(files: &Files) -> Result<Self, ImportError> {
        let mut objects = Self::default();
        for (file, text) in files {
            let documents = if is_json(file) {
                vec![document::json(file, text)?]
            } else {
                document::yaml(file, text)?
            };
            for document in documents {
                objects.add(document);
            }
        }
        let key = |one: &Object| (one.kind.clone(), one.namespace.clone(), one.name.clone());
        objects.all.sort_by_key(key);
        Ok(objects)
    }

    /// An object, or a list of them. Items of a list of one kind do not repeat which.
    fn add(&mut self, mut document: Value) {
        let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
        let (kind, version) = (text("kind"), text("apiVersion"));
        if let Some(Value::Array(items)) = document.get_mut("items").map(Value::take)
            && let Some(of) = kind.strip_suffix("List")
        {
            for mut item in items {
                if let Value::Object(fields) = &mut item {
                    let mut fill = |field: &str, value: &str| {
                        if !value.is_empty() && !fields.contains_key(field) {
                            fields.insert(field.to_owned(), value.into());
                        }
                    };
                    fill("kind", of);
                    fill("apiVersion", &version);
                }
                self.add(item);
            }
            return;
        }
        if kind.is_empty() || kind == "Config" {
            self.about.push(document);
            return;
        }
        let of = |field: &str| {
            let found = document["metadata"][field].as_str();
            found.unwrap_or_default().to_owned()
        };
        let group = version.split_once('/').map_or("", |(group, _)| group);
        self.all.push(Object {
            group: group.to_owned(),
            namespace: of("namespace"),
            name: of("name"),
            kind,
            value: document,
        });
    }

    /// All objects of a kind.
    pub(super) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.all.iter().filter(move |one| one.kind == kind)
    }

    /// All objects.
    pub(super) fn all(&self) -> &[Object] {
        &self.all
    }

    /// The first object of a kind and name, wherever it is.
    pub(super) fn named(&self, kind: &str, name: &str) -> Option<&Object> {
        self.all
            .iter()
            .find(|one| one.kind == kind && one.name == name)
    }

    /// The first text at that place of what is no object.
    pub(super) fn about(&self, pointer: &str) -> Option<&str> {
        let mut found = self.about.iter().filter_map(|one| one.pointer(pointer));
        found.find_map(Value::as_str)
    }

    /// The values of a flag of a program that kubelet runs from a file, such as `kube-apiserver`.
    pub(super) fn flag(&self, program: &str, flag: &str) -> Option<String> {
        let pods = self.of("Pod").filter(|pod| {
            pod.label("component") == Some(program) || pod.label("k8s-app") == Some(program)
        });
        let sets = self.of("DaemonSet").filter(|set| set.name == program);
        pods.chain(sets)
            .flat_map(Object::arguments)
            .find_map(|argument| {
                let value = argument.strip_prefix("--")?.strip_prefix(flag)?;
                Some(value.strip_prefix('=')?.to_owned())
            })
    }

    /// The first workload that runs an image of such a name, and the image's tag.
    pub(super) fn image(&self, part: &str) -> Option<(&Object, Option<String>)> {
        self.all.iter().find_map(|one| {
            let containers = one.containers();
            let image = containers
                .filter_map(|container| container["image"].as_str())
                .find(|image| image.contains(part))?;
            Some((one, tag(image)))
        })
    }

    /// Tells what the server did not want to show.
    pub(super) fn tell_refused(&self, draft: &mut Draft) {
        for one in self.of("Status") {
            let group = one.text("/details/group").unwrap_or_default();
            let what = one.text("/details/kind").unwrap_or("something");
            let dot = if group.is_empty() { "" } else { "." };
            draft.unplaced(
                &format!("{what}{dot}{group}"),
                "the API server does not let this account read them: what they would tell is missing here",
            );
        }
    }
}

/// The version that an image's tag tells.
fn tag(image: &str) -> Option<String> {
    let image = image.split('@').next().unwrap_or(image);
    let (_, tag) = image.rsplit_once(':')?;
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    (!tag.contains('/')).then(|| tag.to_owned())
}

fn is_json(file: &str) -> bool {
    file.rsplit('.')
        .next()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

impl Object {
    /// Where it stands, for people.
    pub(super) fn place(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind, self.name)
        } else {
            format!("{} {}/{}", self.kind, self.namespace, self.name)
        }
    }

    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        let text = self.at(pointer)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn number(&self, pointer: &str) -> Option<u64> {
        self.at(pointer)?.as_u64()
    }

    pub(super) fn flag(&self, pointer: &str) -> bool {
        self.at(pointer) == Some(&Value::Bool(true))
    }

    pub(super) fn list(&self, pointer: &str) -> &[Value] {
        let list = self.at(pointer).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// The texts of a list.
    pub(super) fn texts(&self, pointer: &str) -> Vec<&str> {
        self.list(pointer)
            .iter()
            .filter_map(Value::as_str)
            .collect()
    }

    pub(super) fn label(&self, label: &str) -> Option<&str> {
        self.value["metadata"]["labels"].get(label)?.as_str()
    }

    pub(super) fn annotation(&self, annotation: &str) -> Option<&str> {
        self.value["metadata"]["annotations"]
            .get(annotation)?
            .as_str()
    }

    /// An entry of a `ConfigMap`.
    pub(super) fn data(&self, key: &str) -> Option<&str> {
        self.value["data"].get(key)?.as_str()
    }

    /// What a text stands for. Without the text itself: it could be anything.
    pub(super) fn parsed<T: FromStr>(
        &self,
        what: impl Display,
        text: &str,
        wanted: &'static str,
    ) -> Result<T, ImportError> {
        text.trim().parse().map_err(|_| ImportError::WrongType {
            place: format!("{}: {what}", self.place()),
            wanted,
        })
    }

    /// The containers of a pod, or of what makes pods.
    pub(super) fn containers(&self) -> impl Iterator<Item = &Value> {
        let template = ["/spec/containers", "/spec/template/spec/containers"];
        template.into_iter().flat_map(|at| self.list(at))
    }

    fn arguments(&self) -> Vec<&str> {
        self.containers()
            .flat_map(|container| [&container["command"], &container["args"]])
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// A variable of one of its containers.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let mut all = self
            .containers()
            .filter_map(|container| container["env"].as_array())
            .flatten();
        let found = all.find(|one| one["name"].as_str() == Some(name))?;
        found["value"].as_str().filter(|value| !value.is_empty())
    }

    /// Keeps what it is meant to be, as a note without secrets.
    pub(super) fn keep(&self, draft: &mut Draft, why: &str) {
        let place = self.place();
        let fields = ["spec", "data", "provisioner", "parameters", "controller"];
        let kept = fields.into_iter().filter_map(|field| {
            let value = self.value.get(field).filter(|value| !value.is_null())?;
            Some((field.to_owned(), value.clone()))
        });
        let kept = Value::Object(kept.collect());
        let kept = draft.without_secrets(&place, kept);
        let text = kept.map_or_else(String::new, |kept| crate::yaml::write(&kept));
        draft.unplaced(&place, format!("{why}\n{text}").trim_end());
    }
}

/// A text that is no secret, else a hint.
pub(super) fn harmless(text: &str) -> &str {
    if secrecy::looks_secret(text) {
        "(left out: it may be a secret)"
    } else {
        text
    }
}
