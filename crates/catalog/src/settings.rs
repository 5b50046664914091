//! Settings of catalog entries: checked against what the entry declares, completed by defaults.

use model::diagnostic::{Diagnostic, FieldPath, Fix, Place, Severity};
use model::lab::Settings;
use model::read::{certain, nearest};
use serde_json::Value;

use crate::component::{Component, Setting};

/// The complete settings; findings for those that do not exist or do not fit.
pub(crate) fn complete(
    entry: &Component,
    given: &Settings,
    path: &FieldPath,
    findings: &mut Vec<Diagnostic>,
) -> Settings {
    for name in given
        .keys()
        .filter(|name| !entry.settings.contains_key(*name))
    {
        let help = match nearest(name, entry.settings.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if entry.settings.is_empty() => format!("{} has no settings", entry.name),
            None => {
                let known: Vec<&str> = entry.settings.keys().map(String::as_str).collect();
                format!("its settings are: {}", known.join(", "))
            }
        };
        let message = format!("{} has no setting `{name}`", entry.name);
        let fix = certain(name, entry.settings.keys().map(String::as_str))
            .map(|near| Fix::name(path.field(name), near));
        findings.push(Diagnostic {
            fix,
            ..finding(path.field(name), message, help)
        });
    }
    entry
        .settings
        .iter()
        .map(|(name, setting)| {
            let value = given.get(name).unwrap_or(&setting.default);
            if let Some(wanted) = misfit(setting, value) {
                let message = format!("`{name}` of {} must be {wanted}", entry.name);
                findings.push(finding(
                    path.field(name),
                    message,
                    setting.description.clone(),
                ));
            }
            (name.clone(), value.clone())
        })
        .collect()
}

fn finding(field: FieldPath, message: String, help: String) -> Diagnostic {
    Diagnostic {
        code: "S110".to_owned(),
        severity: Severity::Error,
        message,
        places: vec![Place {
            field,
            span: None,
            label: String::new(),
        }],
        help: Some(help),
        fix: None,
    }
}

/// What a setting wants, if the value is something else.
fn misfit(setting: &Setting, value: &Value) -> Option<String> {
    if !setting.one_of.is_empty() {
        let words: Vec<String> = setting.one_of.iter().map(word).collect();
        let known = setting.one_of.contains(value);
        return (!known).then(|| format!("one of {}", words.join(", ")));
    }
    match setting.kind.as_str() {
        "integer" => {
            let (low, high) = (setting.minimum, setting.maximum);
            let fits = value.as_i64().is_some_and(|n| {
                low.is_none_or(|low| n >= low) && high.is_none_or(|high| n <= high)
            });
            let range = match (low, high) {
                (Some(low), Some(high)) => format!(" from {low} to {high}"),
                (Some(low), None) => format!(", {low} or more"),
                (None, Some(high)) => format!(", {high} or less"),
                (None, None) => String::new(),
            };
            (!fits).then(|| format!("a whole number{range}"))
        }
        "boolean" => (!value.is_boolean()).then(|| "true or false".to_owned()),
        "array" => {
            let fits = value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string));
            (!fits).then(|| "a list of texts".to_owned())
        }
        _ => (!value.is_string()).then(|| "a text".to_owned()),
    }
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::components;
    use serde_json::json;

    fn check(given: &Value) -> (Settings, Vec<String>) {
        let given = serde_json::from_value(given.clone()).unwrap();
        let mut findings = Vec::new();
        let path = FieldPath::from("apps.podinfo.settings");
        let settings = complete(&components()["podinfo"], &given, &path, &mut findings);
        (settings, findings.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn defaults_complete_what_is_given() {
        let (settings, findings) = check(&json!({ "replicas": 3 }));
        assert_eq!(findings, [""; 0]);
        assert_eq!(settings["replicas"], 3);
        assert!(settings.contains_key("message"));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let given = json!({ "replicas": "two", "message": 1, "replica": 2 });
        let (_, findings) = check(&given);
        assert_eq!(findings.len(), 3, "{findings:?}");
        let (_, findings) = check(&json!({ "replicas": -1 }));
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}
