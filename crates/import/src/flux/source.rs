//! Where charts come from.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::ImportError;
use crate::draft::Draft;
use crate::fields::Fields;

/// A source of charts.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) url: String,
    /// The version, where the source itself names it.
    pub(super) version: Option<String>,
}

/// Sources by kind and name.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: BTreeMap<(String, String), Source>,
    used: RefCell<BTreeSet<(String, String)>>,
    leftover: Vec<Fields>,
}

impl Sources {
    /// Adds a source; gives back what is none.
    pub(super) fn add(&mut self, mut fields: Fields) -> Result<Option<Fields>, ImportError> {
        let kind = fields.text("kind")?.unwrap_or_default();
        if !matches!(
            kind.as_str(),
            "HelmRepository" | "OCIRepository" | "GitRepository"
        ) {
            fields.put("kind", kind.into());
            return Ok(Some(fields));
        }
        let name = fields.fields("metadata")?.need("name")?;
        let mut spec = fields.fields("spec")?;
        let url = spec.need("url")?;
        // A password in the address is no part of where it is.
        let url = match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) if crate::secrecy::looks_secret(&url) => {
                format!("{scheme}://{host}")
            }
            _ => url,
        };
        let mut reference = spec.fields("ref")?;
        let mut version = None;
        for field in ["semver", "tag"] {
            version = version.or(reference.text(field)?);
        }
        spec.put_back("ref", reference);
        for usual in ["interval", "timeout", "type", "layerSelector"] {
            spec.any(usual);
        }
        self.all.insert((kind, name), Source { url, version });
        self.leftover.push(spec);
        Ok(None)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A source, which then counts as used.
    pub(super) fn find(&self, kind: &str, name: &str) -> Option<&Source> {
        let key = (kind.to_owned(), name.to_owned());
        let source = self.all.get(&key)?;
        self.used.borrow_mut().insert(key);
        Some(source)
    }

    /// Tells those that no release uses, and what stands in them beyond an address.
    pub(super) fn tell(self, draft: &mut Draft) {
        for fields in self.leftover {
            draft.rest(fields);
        }
        let used = self.used.into_inner();
        for ((kind, name), source) in self.all {
            if !used.contains(&(kind.clone(), name.clone()))
                && !crate::secrecy::looks_secret(&source.url)
            {
                draft.unplaced(
                    &format!("{kind} {name}"),
                    format!("no release uses it: {}", source.url),
                );
            }
        }
    }
}
