//! The rules that answers follow, one file each: its text and source, its times and thresholds.
//! Numbers are defaults of the named versions.

pub mod api;
pub mod attach;
pub mod balancer;
pub mod brakes;
pub mod budgets;
pub mod ceph;
pub mod comeback;
pub mod controllers;
pub mod detection;
pub mod dns;
pub mod etcd;
pub mod eviction;
pub mod leader;
pub mod paths;
pub mod scheduler;
pub mod shutdown;
pub mod updates;
pub mod vip;

use serde::{Serialize, Serializer};

/// A rule of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rule {
    /// Its fixed code.
    pub code: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// What it says.
    pub text: &'static str,
    /// Where that stands.
    pub source: &'static str,
}

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RuleNo {
    /// Power cut or shutdown.
    Shutdown,
    /// A silent node.
    Detection,
    /// The controllers' leader.
    Leader,
    /// Eviction.
    Eviction,
    /// Brakes of eviction.
    Brakes,
    /// Disruption budgets.
    Budgets,
    /// Replacement of pods.
    Controllers,
    /// Volumes of one node.
    Attach,
    /// Placement.
    Scheduler,
    /// Quorum.
    Etcd,
    /// No API.
    Api,
    /// The API's address.
    Vip,
    /// Addresses of Services.
    Balancer,
    /// Ceph.
    Ceph,
    /// Names.
    Dns,
    /// Ways in.
    Paths,
    /// Return.
    Comeback,
    /// Updates.
    Updates,
}

/// All rules, in the order of [`RuleNo`].
pub const RULES: [Rule; 18] = [
    shutdown::RULE,
    detection::RULE,
    leader::RULE,
    eviction::RULE,
    brakes::RULE,
    budgets::RULE,
    controllers::RULE,
    attach::RULE,
    scheduler::RULE,
    etcd::RULE,
    api::RULE,
    vip::RULE,
    balancer::RULE,
    ceph::RULE,
    dns::RULE,
    paths::RULE,
    comeback::RULE,
    updates::RULE,
];

impl RuleNo {
    /// The rule itself.
    #[must_use]
    pub const fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

impl Serialize for RuleNo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rule().code.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, RuleNo};

    #[test]
    fn codes_are_in_the_order_of_the_numbers() {
        for (number, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.code, format!("W{number:03}"));
            assert!(
                rule.text.ends_with('.') && !rule.source.is_empty(),
                "{}",
                rule.code
            );
        }
        assert_eq!(RuleNo::Updates.rule().code, "W017");
    }
}
