//! Hosts of a replica: off at a stroke, with all that is on them, and back.

use drivers::container::How;
use model::inventory::Presence;

use crate::lab::{Image, Lab};
use crate::life::teardown;

pub fn a_host_takes_its_machines_along(image: &Image) {
    let lab = Lab::new(image, 6);
    let network = lab.network();
    let (a, b) = (lab.host("a"), lab.host("b"));
    let (n1, n2) = (lab.machine_on("a", 1), lab.machine_on("b", 2));
    for step in [&network, &a, &b, &n1, &n2] {
        lab.apply(step);
        lab.assert_well(step);
    }
    let group = drivers::container::Containers
        .host_group(&lab.scope, &"n1".parse().unwrap())
        .unwrap();
    assert!(group.ends_with("/a.host/n1"), "{group}");
    let reach = "socat -u TCP:10.88.0.11:80,connect-timeout=1 - 2>&1 | grep -q refused";
    lab.inside("n2", reach);

    for how in [How::Cut, How::Graceful] {
        lab.switch_off("a", how);
        assert!(matches!(lab.see("host/a").presence, Presence::Off { .. }));
        assert!(!lab.see("machine/n1").faults.is_empty());
        lab.assert_well(&n2);
        // Nobody answers for its address, not even the kernel: its link is gone as well.
        lab.inside("n2", &format!("! {reach}"));
        // A run in between does not start it, nor what is on it.
        lab.apply(&a);
        assert!(lab.try_apply(&n1).is_err());
        assert!(matches!(lab.see("host/a").presence, Presence::Off { .. }));

        let host = "a".parse().unwrap();
        assert!(lab.driver.switch_on(&host, &lab.scope).unwrap());
        assert!(!lab.driver.switch_on(&host, &lab.scope).unwrap());
        for step in [&a, &n1] {
            lab.apply(step);
            lab.assert_well(step);
        }
        // It has the hardware address that its neighbours know.
        lab.inside("n2", reach);
    }
    lab.switch_off("a", How::Cut);
    teardown(&lab, &[&n1, &n2, &a, &b, &network]);
}
