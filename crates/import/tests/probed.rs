//! What machines of several kinds tell, and the labs that are proposed for them.

use std::fmt::Write as _;

use import::probed::{self, Found, Machine, ProbeError, Proposal, Refused, Wanted};
use model::lab::Access;
use model::source::Source;

const DESKTOP: &str = include_str!("machines/desktop.txt");
const PI: &str = include_str!("machines/raspberry-pi.txt");
const VM: &str = include_str!("machines/vm.txt");
const BUSYBOX: &str = include_str!("machines/busybox.txt");

fn machine(text: &str) -> Machine {
    probed::read(text).unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        name: "home".parse().unwrap(),
        control_planes: None,
        workers: None,
        cpu: None,
        memory: None,
        kubernetes: "1.36.3".to_owned(),
        app: true,
    }
}

fn found(text: &str) -> Found {
    let machine = machine(text);
    let name: String = machine.name.split('.').next().unwrap().to_owned();
    let name = name.parse().unwrap_or_else(|_| "unnamed".parse().unwrap());
    Found {
        access: Access::Ssh(format!("root@{name}")),
        name,
        machine,
    }
}

/// The file, its report, and its findings: there must be none.
fn shown(proposal: &Proposal) -> String {
    let mut out = proposal.text().unwrap();
    let source = Source {
        name: "lab.yaml".to_owned(),
        text: out.clone(),
    };
    let reading = model::read::read(&[source]);
    let lab = reading.lab.unwrap();
    assert_eq!(check::check(&lab, &check::Facts::default()), [], "{out}");
    let report = &proposal.imported.report;
    for (title, lines) in [("took", &report.took), ("derived", &report.derived)] {
        writeln!(out, "=== {title}").unwrap();
        for line in lines {
            writeln!(out, "{line}").unwrap();
        }
    }
    for (place, text) in &report.unplaced {
        writeln!(out, "=== unplaced {place}: {text}").unwrap();
    }
    out
}

#[test]
fn a_lab_on_a_desktop_keeps_clear_of_what_the_desktop_uses() {
    let kvm = "KVM works here: a trial guest answered.";
    insta::assert_snapshot!(shown(
        &probed::local(&machine(DESKTOP), &wanted(), kvm).unwrap()
    ));
}

#[test]
fn a_lab_on_a_vm_without_a_model() {
    let wanted = Wanted {
        app: false,
        workers: Some(0),
        ..wanted()
    };
    insta::assert_snapshot!(shown(
        &probed::local(&machine(VM), &wanted, "KVM: not tried").unwrap()
    ));
}

#[test]
fn a_small_machine_gets_a_small_lab_and_never_more_than_it_has() {
    let two = machine(BUSYBOX);
    let lab = probed::local(&two, &wanted(), "").unwrap().imported.lab;
    assert_eq!(lab.nodes.len(), 1);
    let told = Wanted {
        workers: Some(1),
        ..wanted()
    };
    let error = probed::local(&two, &told, "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 machines need 2212Mi of memory, and this machine has 1966Mi"
    );
    let told = Wanted {
        cpu: Some(1),
        ..wanted()
    };
    assert_eq!(probed::local(&two, &told, ""), Err(Refused::Size));
}

#[test]
fn machines_that_were_asked_become_hosts_and_nodes() {
    let all = [found(DESKTOP), found(PI), found(BUSYBOX)];
    let unread = [(
        "nas".parse().unwrap(),
        "ssh: connect to host nas port 22: Connection refused".to_owned(),
    )];
    insta::assert_snapshot!(shown(&probed::remote(&all, &unread, &wanted()).unwrap()));
}

#[test]
fn the_same_machine_twice_has_one_address() {
    let all = [found(PI), found(PI)];
    let proposal = probed::remote(&all, &[], &wanted()).unwrap();
    let text = shown(&proposal);
    assert_eq!(proposal.imported.lab.nodes.len(), 1, "{text}");
    assert!(text.contains("rpi1 has it, too"), "{text}");
}

#[test]
fn what_is_cut_off_or_of_another_kind_is_refused() {
    for text in [
        "",
        "steading-probe 1\n",
        "hello\nend\n",
        VM.trim_end().strip_suffix("end").unwrap(),
    ] {
        assert_eq!(probed::read(text), Err(ProbeError::Incomplete), "{text:?}");
    }
    for (from, to, wanted) in [
        ("arch x86_64", "arch armv7l", "its architecture is armv7l"),
        ("cpus 2", "cpus 0", "it does not tell its processors"),
        (
            "memory 24684084 kB",
            "memory",
            "it does not tell its memory",
        ),
    ] {
        let error = probed::read(&VM.replace(from, to)).unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{error}");
    }
}
