//! Selectors of labels, as Kubernetes writes them: of nodes and of pods.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fields::{list, text};

/// Labels of a node or a pod.
pub type Labels = BTreeMap<String, String>;

/// What one label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// What it must be.
    pub is: Is,
}

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    /// One of these.
    In(Vec<String>),
    /// None of these; it need not be there.
    NotIn(Vec<String>),
    /// There.
    There,
    /// Not there.
    NotThere,
    /// A number above this one.
    Above(i64),
    /// A number below this one.
    Below(i64),
}

impl Requirement {
    /// Whether labels are so.
    #[must_use]
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.is {
            Is::In(values) => value.is_some_and(|value| values.contains(value)),
            Is::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Is::There => value.is_some(),
            Is::NotThere => value.is_none(),
            Is::Above(bound) => number().is_some_and(|number| number > *bound),
            Is::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// Whether labels are as all of these say.
#[must_use]
pub fn all_hold(requirements: &[Requirement], labels: &Labels) -> bool {
    requirements
        .iter()
        .all(|requirement| requirement.holds(labels))
}

/// A selector of pods (`labelSelector`); without one, no pod.
///
/// # Errors
/// Where it says something that is not known.
pub(super) fn of_pods(selector: Option<&Value>) -> Result<Option<Vec<Requirement>>, String> {
    let Some(selector) = selector.filter(|selector| !selector.is_null()) else {
        return Ok(None);
    };
    let mut all = equal(selector.get("matchLabels"));
    all.extend(expressions(selector.get("matchExpressions"))?);
    Ok(Some(all))
}

/// Labels with the values that they must have.
pub(super) fn equal(labels: Option<&Value>) -> Vec<Requirement> {
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    labels
        .map(|(key, value)| Requirement {
            key: key.clone(),
            is: Is::In(vec![value.as_str().unwrap_or_default().to_owned()]),
        })
        .collect()
}

/// A list of expressions (`matchExpressions`).
///
/// # Errors
/// Where one has an operator that is not known.
pub(super) fn expressions(list: Option<&Value>) -> Result<Vec<Requirement>, String> {
    let list = list.and_then(Value::as_array);
    list.into_iter().flatten().map(expression).collect()
}

fn expression(one: &Value) -> Result<Requirement, String> {
    let key = text(one, "/key");
    let values: Vec<String> = list(one, "/values")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let bound = || {
        let value = values.first().and_then(|value| value.parse().ok());
        value.ok_or_else(|| format!("{key} is compared with no number"))
    };
    let is = match text(one, "/operator") {
        "In" => Is::In(values),
        "NotIn" => Is::NotIn(values),
        "Exists" => Is::There,
        "DoesNotExist" => Is::NotThere,
        "Gt" => Is::Above(bound()?),
        "Lt" => Is::Below(bound()?),
        other => return Err(format!("the operator {other:?} of a selector is not known")),
    };
    Ok(Requirement {
        key: key.to_owned(),
        is,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{all_hold, expressions};

    #[test]
    fn operators_are_those_of_kubernetes() {
        let labels = [("disk", "fast"), ("slots", "4")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels = labels.into_iter().collect();
        let holds = |key: &str, operator: &str, values: &[&str]| {
            let one = json!([{ "key": key, "operator": operator, "values": values }]);
            all_hold(&expressions(Some(&one)).unwrap(), &labels)
        };
        assert!(holds("disk", "In", &["slow", "fast"]));
        assert!(!holds("rack", "In", &["a"]));
        assert!(
            holds("rack", "NotIn", &["a"]),
            "what is not there is not in"
        );
        assert!(!holds("disk", "NotIn", &["fast"]));
        assert!(holds("disk", "Exists", &[]) && !holds("disk", "DoesNotExist", &[]));
        assert!(holds("slots", "Gt", &["3"]) && !holds("slots", "Gt", &["4"]));
        assert!(holds("slots", "Lt", &["5"]) && !holds("disk", "Lt", &["5"]));
        assert!(expressions(Some(&json!([{ "key": "a", "operator": "Like" }]))).is_err());
    }
}
