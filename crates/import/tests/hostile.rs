//! What nobody would write: typed errors, never a panic, and no secret in a message.

use import::{Files, ImportError, Imported};
use proptest::prelude::*;

type Import = fn(&Files) -> Result<Imported, ImportError>;

const ALL: [(&str, Import); 7] = [
    ("a.json", import::cluster),
    ("a.yaml", import::cluster),
    ("talconfig.yaml", import::talhelper),
    ("a.yaml", import::talos),
    ("a.yaml", import::flux),
    ("a.tfstate", import::terraform),
    ("a.nix", import::nixos),
];

fn run(import: Import, file: &str, text: &str) -> Result<Imported, ImportError> {
    import(&Files::from([(file.to_owned(), text.to_owned())]))
}

#[test]
fn nothing_is_no_lab() {
    for (file, import) in ALL {
        for text in [
            "",
            "---\n---\n",
            "7",
            "[]",
            "{}",
            "a: b",
            "\u{0}",
            "{",
            "\"",
            "- - -",
        ] {
            let error = run(import, file, text).unwrap_err();
            assert!(error.to_string().len() < 300, "{error}");
        }
        assert!(matches!(
            import(&Files::new()),
            Err(ImportError::Nothing { .. })
        ));
    }
}

#[test]
fn too_large_and_too_deep_is_refused() {
    for (file, import) in ALL {
        let large = "clusterName: a\n".to_owned() + &"#".repeat(5 << 20);
        assert!(matches!(
            run(import, file, &large),
            Err(ImportError::TooLarge { .. })
        ));
        // Nix is read by its brackets alone: what is no module there names no host.
        let refused = |text: &str| match run(import, file, text).unwrap_err() {
            ImportError::Unreadable { .. } => true,
            ImportError::Nothing { .. } => file.ends_with(".nix"),
            _ => false,
        };
        let let_in = "{ a = let ".repeat(20_000);
        for deep in ["[", "{a: ", "- ", "{a={", "\"${"] {
            assert!(refused(&deep.repeat(100_000)), "{file}: {deep}");
        }
        assert!(refused(&let_in), "{file}");
        // Each line ten times the one before.
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            let previous = vec![format!("*a{}", n - 1); 10].join(",");
            bomb.push_str(&format!("a{n}: &a{n} [{previous}]\n"));
        }
        assert!(refused(&bomb), "{file}");
    }
}

const TALCONFIG: &str = "
clusterName: a
endpoint: https://10.0.0.2:6443
talosVersion: v1.9.6
kubernetesVersion: v1.32.6
clusterPodNets: [10.69.0.0/16]
clusterSvcNets: [10.96.0.0/16]
cniConfig: { name: custom, urls: [x] }
additionalApiServerCertSans: [x]
allowSchedulingOnMasters: true
controlPlane: { schematic: { customization: { extraKernelArgs: [x] } } }
nodes:
  - { hostname: n, ipAddress: 10.0.0.2, controlPlane: true, installDisk: /dev/vda, nodeLabels: { a: b }, nodeTaints: { a: \"b:NoSchedule\" }, patches: [\"a: b\"], networkInterfaces: [{ mtu: 1500, addresses: [10.0.0.2/24], routes: [{ gateway: 10.0.0.1 }], vip: { ip: 10.0.0.3 }, vlans: [{ vlanId: 3 }], deviceSelector: { hardwareAddr: x } }], machineSpec: { arch: amd64 } }
";

fn paths(value: &serde_json::Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                paths(value, &format!("{at}/{key}"), into);
            }
        }
        serde_json::Value::Array(items) => {
            for (position, value) in items.iter().enumerate() {
                paths(value, &format!("{at}/{position}"), into);
            }
        }
        _ => {}
    }
}

/// Every value exchanged for one of every other type: a lab or a typed error, and never the value
/// in a message.
#[test]
fn wrong_types_are_told_without_their_values() {
    let whole: serde_json::Value = serde_saphyr::from_str(TALCONFIG).unwrap();
    let mut all = Vec::new();
    paths(&whole, "", &mut all);
    let mut refused = 0;
    for path in all {
        for wrong in [
            serde_json::json!("PLAIN"),
            serde_json::json!(7.5),
            serde_json::json!(["PLAIN"]),
            serde_json::json!({ "PLAIN-KEY": "PLAIN" }),
            serde_json::Value::Null,
        ] {
            let mut changed = whole.clone();
            *changed.pointer_mut(&path).unwrap() = wrong;
            match run(import::talhelper, "talconfig.yaml", &changed.to_string()) {
                Ok(imported) => drop(imported.text("x").unwrap()),
                Err(error) => {
                    refused += 1;
                    let text = error.to_string().replace("PLAIN-KEY", "");
                    assert!(!text.contains("PLAIN"), "{path}: {error}");
                }
            }
        }
    }
    assert!(refused > 30, "only {refused} were refused");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}", cut in 0_usize..900) {
        let broken: String = TALCONFIG.chars().take(cut).chain(text.chars()).collect();
        for (file, import) in ALL {
            for text in [&text, &broken] {
                if let Ok(imported) = run(import, file, text) {
                    prop_assert!(imported.text("x").is_ok());
                }
            }
        }
    }
}
