//! Pages and drawings, in a real browser: they load nothing, complain of nothing, can be read, and
//! the slider moves by keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::browser::Browser;
use e2e::program;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The labs, and something that goes in each.
const LABS: [(&str, &str); 4] = [
    ("volatile-talos", "gamer,nuc1"),
    ("jlh", "x86"),
    ("skaia", "vantas"),
    ("ducksnest", "ultra"),
];

/// Texts that leave their boxes, and boxes of one kind that lie on each other.
const MISPLACED: &str = r#"(() => {
  const wrong = [];
  for (const group of document.querySelectorAll("svg g.box, svg g.chip, svg g.bar")) {
    const box = group.querySelector("rect").getBBox();
    for (const text of group.querySelectorAll("text")) {
      const own = text.getBBox();
      if (own.width === 0) continue;
      const inside = own.x >= box.x && own.x + own.width <= box.x + box.width
        && own.y >= box.y && own.y + own.height <= box.y + box.height + 1;
      if (!inside) wrong.push(text.textContent + " leaves its box");
    }
    const mark = group.querySelector("text.mark");
    const name = group.querySelector("text.name, text.small-name");
    if (mark && name && mark.textContent) {
      const [left, right] = [name.getBBox(), mark.getBBox()];
      if (left.x + left.width > right.x && left.y === right.y)
        wrong.push(name.textContent + " lies on its mark");
    }
  }
  for (const svg of document.querySelectorAll("svg")) {
    const whole = svg.viewBox.baseVal;
    const chips = [...svg.querySelectorAll("g.chip rect")].map((one) => one.getBBox());
    chips.forEach((one, at) => {
      if (one.x + one.width > whole.width || one.y + one.height > whole.height)
        wrong.push("a chip leaves the drawing");
      for (const other of chips.slice(at + 1))
        if (one.x < other.x + other.width && other.x < one.x + one.width
            && one.y < other.y + other.height && other.y < one.y + one.height)
          wrong.push("two chips lie on each other");
    });
  }
  return wrong;
})()"#;

/// Texts in drawings that are too faint: less than 4.5 to 1 (WCAG 2.2, 1.4.3).
const FAINT: &str = r#"(() => {
  const light = (colour) => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map((one) => {
      const part = one / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const faint = [];
  for (const group of document.querySelectorAll("svg g.box, svg g.chip, svg g.bar")) {
    const under = light(getComputedStyle(group.querySelector("rect")).fill);
    for (const text of group.querySelectorAll("text")) {
      if (!text.textContent) continue;
      const over = light(getComputedStyle(text).fill);
      const ratio = (Math.max(over, under) + 0.05) / (Math.min(over, under) + 0.05);
      if (ratio < 4.5)
        faint.push(`${group.getAttribute("class")}: ${text.textContent} ${ratio.toFixed(1)}`);
    }
  }
  return faint;
})()"#;

fn lab(name: &str, file: &str) -> String {
    let labs = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");
    format!("{labs}/{name}/{file}.yaml")
}

fn steading(arguments: &[&str]) {
    let ran = Command::new(program())
        .args(arguments)
        .output()
        .expect("the program");
    let code = ran.status.code();
    // A proof of a promise that breaks ends with 3, and writes its page.
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(matches!(code, Some(0 | 3)), "{arguments:?}: {told}");
}

/// A page of a lab, written by that command.
fn page(folder: &TempDir, name: &str, arguments: &[&str], option: &str) -> PathBuf {
    let file = folder.path().join(name);
    let mut all = arguments.to_vec();
    let path = file.display().to_string();
    all.extend([option, &path]);
    steading(&all);
    file
}

/// What must hold of every page and drawing, light and dark.
fn looked_at(browser: &mut Browser, file: &Path) {
    for dark in [false, true] {
        browser.open(file, dark);
        let shown = file.display();
        assert_eq!(browser.ask(MISPLACED), json!([]), "{shown}");
        assert_eq!(browser.ask(FAINT), json!([]), "{shown}, dark: {dark}");
        assert_eq!(browser.complaints(), [""; 0], "{shown}");
        let own = format!("file://{shown}");
        let foreign = browser
            .loaded()
            .iter()
            .filter(|url| **url != own && !url.starts_with("data:"));
        assert_eq!(foreign.count(), 0, "{:?}", browser.loaded());
    }
}

#[test]
fn drawings_and_proofs_of_the_labs_can_be_read() {
    let folder = TempDir::new().expect("a folder");
    let mut browser = Browser::start();
    for (name, _) in LABS {
        for file in ["lab", "as-published"] {
            let lab = lab(name, file);
            let drawing = page(&folder, &format!("{name}.svg"), &["graph", &lab], "--svg");
            looked_at(&mut browser, &drawing);
            let proof = page(&folder, &format!("{name}.html"), &["prove", &lab], "--html");
            looked_at(&mut browser, &proof);
            let untold = "document.querySelectorAll('svg:not([role=img]), svg[role=img]:not(:has(> title))').length";
            assert_eq!(browser.ask(untold), 0, "every drawing has a title");
        }
    }
    let broken = page(
        &folder,
        "broken.html",
        &["prove", &lab("skaia", "as-published")],
        "--html",
    );
    browser.open(&broken, false);
    let failed = "[...document.querySelectorAll('#picture-1 g.host.off .name')].map((one) => one.textContent)";
    assert_eq!(
        browser.ask(failed),
        json!(["vantas"]),
        "the failing set is marked"
    );
}

#[test]
fn the_slider_moves_the_lab_through_time() {
    let folder = TempDir::new().expect("a folder");
    let mut browser = Browser::start();
    for (name, off) in LABS {
        let lab = lab(name, "lab");
        let asked = ["whatif", &lab, "--off", off, "--then", "on"];
        let file = page(&folder, &format!("{name}.html"), &asked, "--html");
        looked_at(&mut browser, &file);
        let gone = "[...document.querySelectorAll('g.host.off .name')].map((one) => one.textContent).join()";
        assert_eq!(browser.ask(gone), off, "at first what goes is marked");

        let _ = browser.ask("document.getElementById('time').focus()");
        browser.press("Home", 36);
        assert_eq!(browser.ask(gone), "", "before, nothing is gone");
        let told = "document.getElementById('time').getAttribute('aria-valuetext')";
        assert_eq!(browser.ask(told), "before: nothing is away");
        let last = browser.ask("Number(document.getElementById('time').max)");
        let mut labels: Vec<Value> = Vec::new();
        for _ in 0..last.as_u64().expect("a number") {
            browser.press("ArrowRight", 39);
            labels.push(browser.ask("document.getElementById('shown').textContent"));
            assert_eq!(browser.ask(MISPLACED), json!([]), "{name} at {labels:?}");
            assert_eq!(browser.ask(FAINT), json!([]), "{name} at {labels:?}");
        }
        let mut different = labels.clone();
        different.dedup();
        assert_eq!(labels, different, "each step is another time");
        assert!(labels.len() > 3, "{labels:?}");
        assert_eq!(browser.ask(gone), "", "in the end what went is on again");
        assert_eq!(
            browser.ask("document.getElementById('later').disabled"),
            true,
            "there is no later"
        );
        browser.press("ArrowLeft", 37);
        let before_last = labels.iter().rev().nth(1);
        let shown = browser.ask("document.getElementById('shown').textContent");
        assert_eq!(Some(&shown), before_last);
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

#[test]
fn a_lab_of_hostile_texts_runs_nothing() {
    let folder = TempDir::new().expect("a folder");
    let evil = "</script></svg><img src=x onerror=window.hacked=1><script>window.hacked=1</script>";
    let text = format!(
        "lab: hostile\n\
         hosts:\n  one: {{ access: local, model: \"{evil}\" }}\n\
         clusters:\n  main:\n    distribution: {{ kubeadm: {{ kubernetes: 1.36.3 }} }}\n    \
         pods: 10.244.0.0/16\n    services: 10.96.0.0/16\n    cni: {{ flannel: {{}} }}\n\
         networks:\n  nodes: {{ cidr: 10.88.0.0/24 }}\n\
         nodes:\n  cp: {{ cluster: main, role: control-plane, on: one, address: 10.88.0.11, \
         container: {{ cpu: 2, memory: 2Gi }} }}\n\
         promises:\n  - {{ when: {{ fails: 1 }}, stays: [ api, \"{evil}\" ], because: \"{evil}\" }}\n"
    );
    let lab = folder.path().join("lab.yaml");
    std::fs::write(&lab, text).expect("a lab");
    let lab = lab.display().to_string();
    let mut browser = Browser::start();
    let pages = [
        page(&folder, "graph.svg", &["graph", &lab], "--svg"),
        page(&folder, "prove.html", &["prove", &lab], "--html"),
        page(
            &folder,
            "whatif.html",
            &["whatif", &lab, "--off", "one"],
            "--html",
        ),
    ];
    for file in pages {
        looked_at(&mut browser, &file);
        assert_eq!(browser.ask("window.hacked === undefined"), true);
        assert_eq!(browser.ask("document.querySelectorAll('img').length"), 0);
        let shown = browser.ask("document.documentElement.textContent.includes('onerror')");
        assert_eq!(shown, true, "{}: it is there, as text", file.display());
    }
}
