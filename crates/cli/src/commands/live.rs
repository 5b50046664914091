//! A running cluster as what `whatif` and `graph` ask about. Only reads.

use std::path::PathBuf;

use anyhow::Context as _;
use whatif::world::{Input, Live, Now, World};

use crate::args::LiveArgs;
use crate::places;
use crate::session::Readable;

/// A lab that can be asked about, and its world.
pub(crate) struct Asked {
    pub(crate) readable: Readable,
    pub(crate) world: World,
    /// What is so just now; of a lab file nothing.
    pub(crate) now: Now,
}

impl Asked {
    /// A lab as its file says it is.
    pub(crate) fn file(readable: Readable) -> Self {
        let world = World::of(Input {
            lab: &readable.lab,
            manifests: &readable.manifests,
        });
        Self {
            readable,
            world,
            now: Now::default(),
        }
    }

    /// A running cluster.
    pub(crate) fn live(arguments: &LiveArgs) -> anyhow::Result<Self> {
        let paths: Vec<PathBuf> = match &arguments.kubeconfig {
            Some(path) => vec![path.clone()],
            None => places::kubeconfigs()?,
        };
        let files = drivers::kube::dump_running(&paths, arguments.context.as_deref())?;
        let imported = import::cluster(&files).context("reading what the cluster tells")?;
        let lists = files
            .values()
            .filter_map(|text| serde_json::from_str(text).ok());
        let live = Live::new(imported.lab, lists);
        let mut asked = Self::file(Readable {
            lab: live.lab.clone(),
            manifests: live.manifests.clone(),
        });
        asked.now = live.lay_over(&mut asked.world);
        Ok(asked)
    }
}
