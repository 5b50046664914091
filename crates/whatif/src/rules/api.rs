//! Rule 10: without the API everything goes on as it is.

use super::Rule;

/// The rule.
pub const RULE: Rule = Rule {
    code: "W010",
    title: "without the API nothing starts and nothing stops",
    text: "Pods and Services that are there go on. Nothing is placed, replaced, evicted or changed \
           until the API is back.",
    source: "Kubernetes website tasks/debug/debug-cluster/_index.md",
};
