//! Rule 14: names.

use super::Rule;
use crate::span::{Ms, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W014",
    title: "a question to a dead DNS server costs 5 s",
    text: "Until a dead CoreDNS pod is left out (rule W001), every question that goes to it waits 5 s \
           and is asked again. With all of them on one host there is no answer until they are \
           replaced. A name of the house is answered for by one machine: without it, only who asked \
           before finds the way.",
    source: "glibc resolv.h (RES_TIMEOUT 5, RES_DFLRETRY 2); kubernetes/kubeadm#1657; \
             kubernetes/kubernetes#77650",
};

/// What a question costs that goes to a dead server.
pub const QUESTION: Ms = s(5);
