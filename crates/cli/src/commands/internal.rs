//! What this program is started again for. Not for people, and hidden from them.

use std::path::Path;

use anyhow::Context as _;

use crate::exit::Exit;
use crate::output::{answer, tell};
use crate::places;
use crate::secrets::LabSecrets;

pub(crate) fn run(words: &[String]) -> Exit {
    let done = match drivers::container::internal(words) {
        Some(result) => result.map_err(anyhow::Error::msg),
        None => other(words),
    };
    match done {
        Ok(0) => Exit::Done,
        Ok(code) => u8::try_from(code).map_or(Exit::Failed, Exit::Of),
        Err(error) => {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            tell(&causes.join(": "));
            Exit::Failed
        }
    }
}

fn other(words: &[String]) -> anyhow::Result<i32> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["credential", "--lab", lab, "--cluster", cluster] => {
            // kubectl calls this for a certificate; only the secrets are needed for it.
            let root = Path::new(lab);
            let secrets = store::Secrets::new(root.join("secrets"), places::identity()?);
            let cluster = cluster.parse().context("the cluster's name")?;
            let now = jiff::Timestamp::now();
            answer(&drivers::kube::credential(
                &LabSecrets(secrets),
                &cluster,
                now,
            )?);
            Ok(0)
        }
        _ => anyhow::bail!("not a command of its own"),
    }
}
