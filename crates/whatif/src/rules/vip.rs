//! Rule 11: the API's own address.

use super::Rule;
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: "W011",
    title: "the API's address moves after its owner's lease",
    text: "The control plane that has the address holds a lease. When it loses power, Talos waits \
           for the lease of 60 s: 40 to 60 s. kube-vip with its recommended 5 s takes 5 to 17 s. In \
           an orderly shutdown the address is handed over at once; an etcd that leads hands that \
           over when it ends, up to 30 s later, after the pods.",
    source: "Talos internal/app/machined/pkg/controllers/network/operator/vip.go; \
             rwlove/home-ops#13727",
};

/// How long the address is away when its owner loses power.
#[must_use]
pub const fn taken_over(talos: bool) -> Span {
    if talos {
        Span::seconds(40, 60)
    } else {
        Span::seconds(5, 17)
    }
}

/// How long it is away when its owner is shut down in order.
pub const HANDED_OVER: Span = Span::seconds(0, 2);
