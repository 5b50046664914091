//! What the rules see, and what they cannot see: no rule promises more than it looks at.

/// How far a rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) sees: &'static str,
    pub(crate) cannot_see: &'static str,
}

/// A rule about the lab file alone. Most are.
const FILE: Sight = Sight {
    sees: "Everything of that kind that the lab file declares or that follows from it.",
    cannot_see: "What is not in the lab file: machines, other networks and a running cluster are not asked.",
};

/// The rules that see less or more, in the order of their codes.
const SIGHTS: &[(&str, Sight)] = &[
    (
        "S002",
        Sight {
            sees: "The ranges of networks, pods and Services, of all clusters and sites of the lab.",
            cannot_see: "Ranges outside the lab: a provider's network, a VPN of somebody's employer, another lab on the same wire.",
        },
    ),
    (
        "S004",
        Sight {
            sees: "The declared and default MTUs of the networks between a cluster's nodes, and what its pod network adds to a packet.",
            cannot_see: "What a switch, a modem or an access point on the way really carries, and an MTU set by hand on a host.",
        },
    ),
    (
        "S016",
        Sight {
            sees: "The declared memory of hosts, and that of the machines on them.",
            cannot_see: "Hosts that declare no memory, and what else runs on a host.",
        },
    ),
    (
        "S102",
        Sight {
            sees: "The clusters and hosts that nodes name, the sites of hosts and networks, and the clusters of apps.",
            cannot_see: "Names inside manifests, patches and Helm values; settings of catalog entries are looked at by the catalog, when the lab is expanded.",
        },
    ),
    (
        "S107",
        Sight {
            sees: "The ports that forwards of this lab ask for.",
            cannot_see: "Ports that other programs on the machine hold: up finds those when it binds them.",
        },
    ),
    (
        "S109",
        Sight {
            sees: "The paths that the lab file names.",
            cannot_see: "Whether a path exists and where links in it lead: that is found when the folder is read.",
        },
    ),
];

/// How far the rule of that code looks.
pub(crate) fn of(code: &str) -> Sight {
    let found = SIGHTS.iter().find(|(known, _)| *known == code);
    found.map_or(FILE, |(_, sight)| *sight)
}

#[test]
fn every_sight_is_of_a_rule() {
    for (code, _) in SIGHTS {
        assert!(
            crate::explanations().any(|rule| rule.code == *code),
            "there is no rule {code}"
        );
    }
}
