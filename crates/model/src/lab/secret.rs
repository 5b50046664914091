//! Secrets by reference: the lab file never holds one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Where a secret is kept. The file names it; its value is read only where it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Secret {
    /// A SOPS file inside the lab's folder, such as `secrets/apps.sops.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "secrets/apps.sops.yaml")]
    pub sops: Option<String>,
    /// The field in that file, such as `cloudflare.token`. Default: the secret's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "cloudflare.token")]
    pub field: Option<String>,
    /// An environment variable of the machine that Steading runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"CLOUDFLARE_TOKEN")]
    pub env: Option<String>,
    /// A secret in a store outside the lab that an operator in the cluster reads, as
    /// `STORE/PATH`, such as `onepassword/home/restic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "vault/home/cloudflare")]
    pub external: Option<String>,
    /// Steading makes it and keeps it age-encrypted in `secrets/`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generated: bool,
    /// How long it is used before it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<crate::duration::Period>,
}

/// The name of a secret under `secrets`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// Its name under `secrets`.
    #[schemars(example = "cloudflare-token")]
    pub secret: Name,
}
