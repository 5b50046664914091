//! A small Flux repository.

mod shown;

use import::Files;

fn files() -> Files {
    [
        ("flux/repositories.yaml", "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: { name: jetstack }\nspec: { url: \"https://charts.example.net\", interval: 1h, secretRef: { name: login } }\n---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: { name: app-template }\nspec: { url: \"oci://registry.example.net/charts/app-template\", ref: { tag: 3.7.3 } }\n---\nkind: HelmRepository\nmetadata: { name: unused }\nspec: { url: \"https://me:PLAIN@unused.example.net\" }\n"),
        ("apps/cert-manager/release.yaml", "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: { name: cert-manager, namespace: certs }\nspec:\n  interval: 1h\n  chart: { spec: { chart: cert-manager, version: v1.18.3, sourceRef: { kind: HelmRepository, name: jetstack } } }\n  values: { crds: { enabled: true }, dns: { apiToken: PLAIN, existingSecret: dns } }\n  valuesFrom: [{ kind: Secret, name: more }]\n"),
        ("apps/photos/app/release.yaml", "kind: HelmRelease\nmetadata: { name: photos }\nspec:\n  chartRef: { kind: OCIRepository, name: app-template }\n  dependsOn: [{ name: cert-manager, namespace: certs }]\n  values: { controllers: { photos: { env: [{ name: DB_PASSWORD, value: PLAIN }, { name: TZ, value: \"${TIMEZONE}\" }] } } }\n"),
        ("apps/photos/app/secret.sops.yaml", "kind: Secret\nmetadata: { name: photos }\nstringData: { password: \"ENC[AES256_GCM,data:x]\" }\nsops: { mac: x }\n"),
        ("apps/photos/app/plain.yaml", "kind: Secret\nmetadata: { name: bad }\ndata: { password: PLAIN }\n"),
        ("apps/photos/app/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [release.yaml]\n"),
        ("apps/photos/ks.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: { name: photos }\nspec: { path: ./apps/photos/app, interval: 1h, postBuild: { substitute: { APP: photos, DB_TOKEN: PLAIN } } }\n"),
        ("apps/echo/echo.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: echo }\nspec: {}\n"),
        ("values.yaml", "a: 1\n"),
    ]
    .map(|(file, text)| (file.to_owned(), text.to_owned()))
    .into()
}

#[test]
fn a_repository_of_flux_becomes_components_and_apps() {
    let imported = import::flux(&files()).unwrap();
    let shown = shown::shown(&imported);
    assert!(!shown.contains("PLAIN"), "{shown}");
    insta::assert_snapshot!(shown);
}
