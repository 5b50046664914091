//! A secret in each place of a talhelper folder: none of them comes out again.

use import::Files;

/// Patches and fields of a node with a secret in them, each alone.
const PLACES: [&str; 20] = [
    "inlinePatch: { machine: { token: PLAIN } }",
    "inlinePatch: { machine: { ca: { crt: x, key: PLAIN } } }",
    "inlinePatch: { cluster: { secret: PLAIN } }",
    "inlinePatch: { cluster: { serviceAccount: { key: PLAIN } } }",
    "inlinePatch: { machine: { env: { TS_AUTHKEY: PLAIN } } }",
    "patches: [\"machine: { registries: { config: { x: { auth: { password: PLAIN } } } } }\"]",
    "patches: [\"[{ op: add, path: /machine/token, value: PLAIN }]\"]",
    "patches: [\"[{ op: add, path: /machine/ca/key, value: PLAIN }]\"]",
    "patches: [\"[{ op: replace, path: /machine/files/0/token, value: PLAIN }]\"]",
    "patches: [\"kind: ExtensionServiceConfig\\nenvironment: [TS_AUTHKEY=PLAIN]\"]",
    "patches: [\"@patch.yaml\"]",
    "configPatches: [{ op: add, path: /cluster/token, value: PLAIN }]",
    "machineFiles: [{ path: /x, permissions: 384, content: PLAIN }]",
    "networkInterfaces: [{ wireguard: { privateKey: PLAIN } }]",
    "networkInterfaces: [{ vlans: [{ vlanId: 3, password: PLAIN }] }]",
    "schematic: { customization: { extraKernelArgs: [\"talos.config=https://me:PLAIN@x/\"] } }",
    "schematic: { customization: { extraKernelArgs: [\"x.password=PLAIN\"] } }",
    "nodeLabels: { a: \"https://me:PLAIN@x/\" }",
    "unknownField: { apiKey: PLAIN }",
    "inlinePatch: { machine: { sysctls: { a: \"${DB_PASSWORD}\" } } }",
];

#[test]
fn no_secret_comes_out_again() {
    for place in PLACES {
        let talconfig = format!(
            "clusterName: a\nendpoint: https://me:PLAIN@10.0.0.2:6443\nnodes:\n- hostname: n\n  ipAddress: 10.0.0.2\n  controlPlane: true\n  {place}\n"
        );
        let files: Files = [
            ("talconfig.yaml", talconfig.as_str()),
            ("patch.yaml", "machine: { token: PLAIN }"),
            ("talenv.yaml", "DB_PASSWORD: PLAIN\n"),
            ("talenv.sops.yaml", "harmless: PLAIN\n"),
            (
                "talsecret.yaml",
                "certs: { os: { crt: PLAIN, key: PLAIN } }\n",
            ),
        ]
        .map(|(file, text)| (file.to_owned(), text.to_owned()))
        .into();
        let imported = import::talhelper(&files).unwrap();
        let all = format!("{} {:?}", imported.text("x").unwrap(), imported.report);
        assert!(!all.contains("PLAIN"), "{place}: {all}");
        let told = imported.report.unplaced.iter();
        let told = told.filter(|(_, text)| text.starts_with("may be a secret"));
        // Four are in the files beside it; a reference to one of them is not told again.
        let more = usize::from(!place.contains("${"));
        assert!(
            told.count() >= 4 + more,
            "{place}: every one is named: {all}"
        );
    }
}
