//! A lab, opened: its file read and checked, its resources derived, its drivers put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use driver::{Cancel, DriverError, Registry, Scope};
use drivers::HostPaths;
use drivers::container::{ContainerDriver, Containers};
use drivers::image::{ImageDriver, LabLock};
use drivers::kube::{Clusters, Kubernetes};
use drivers::kubeadm::Kubeadm;
use engine::{Engine, EngineError};
use model::diagnostic::{self, Diagnostic, Severity};
use model::lab::{AppSource, Lab};
use model::read::{Mended, Reading};
use model::resource::Resource;
use model::source::Source;
use model::trouble::NoTrouble;
use store::{LabFolder, Secrets, Snapshots, Store, StoreError};

use check::Facts;

use crate::exit::Exit;
use crate::facts;
use crate::places;
use crate::promises;
use crate::secrets::LabSecrets;
use crate::snapshots::LabSnapshots;

/// A lab file as it was read and checked.
pub(crate) struct Checked {
    pub(crate) root: PathBuf,
    /// The lab as it was named.
    pub(crate) given: PathBuf,
    /// What is other than in the lab file; `None`: it is the lab itself.
    pub(crate) replica: Option<Vec<catalog::Change>>,
    pub(crate) sources: Vec<Source>,
    pub(crate) lab: Option<Lab>,
    /// All findings, in the order of the file.
    pub(crate) findings: Vec<Diagnostic>,
    /// What it declares and this version does not carry out.
    pub(crate) beyond: Vec<Diagnostic>,
    /// What the lab expands to, if nothing is fatal and nothing out of reach.
    pub(crate) resources: Vec<Resource>,
}

impl Checked {
    /// The paths of the lab's files from its folder.
    pub(crate) fn relative_paths(&self) -> Vec<String> {
        let relative = |source: &Source| {
            let path = std::fs::canonicalize(&source.name).ok()?;
            let path = path.strip_prefix(&self.root).ok()?;
            Some(path.display().to_string())
        };
        // A link that leads elsewhere is named as it is.
        let named = |source: &Source| relative(source).unwrap_or_else(|| source.name.clone());
        self.sources.iter().map(named).collect()
    }

    /// Whether the lab is refused.
    pub(crate) fn refused(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// Reads and checks a lab.
pub(crate) fn check(path: &Path) -> anyhow::Result<Checked> {
    let LabFolder { root, sources } = store::load(path)?;
    let facts = known(path, &root);
    let mut checked = check_sources(root, sources, facts)?;
    if path.is_file() {
        checked.given = path.to_owned();
    }
    Ok(checked)
}

/// Reads and checks a lab, and makes its replica.
pub(crate) fn check_replica(path: &Path) -> anyhow::Result<Checked> {
    let mut checked = check(path)?;
    let Some(lab) = checked.lab.take().filter(|_| !checked.refused()) else {
        return Ok(checked);
    };
    let here = places::arch()?;
    let catalog::Replica { lab, changes } = catalog::replica(&lab, here);
    checked.beyond = catalog::beyond_reach(&lab);
    if checked.beyond.is_empty() {
        match catalog::expand_replica(&lab) {
            Ok(resources) => checked.resources = resources,
            Err(findings) => checked.findings.extend(findings),
        }
    }
    checked.lab = Some(lab);
    checked.replica = Some(changes);
    Ok(checked)
}

/// What is known besides the lab file. The files around it are looked at where the folder is the
/// lab's own: a folder was named, or a file that is called as a lab's is.
fn known(path: &Path, root: &Path) -> Facts {
    let own = path.is_dir() || path.file_stem().is_some_and(|stem| stem == "lab");
    facts::gather(own.then_some(root), Store::open(root).applied())
}

/// A lab's files as they are, and as they would be without what is certainly a mistake.
pub(crate) struct Mending {
    pub(crate) before: Vec<Source>,
    pub(crate) mended: Mended,
}

/// Reads a lab and finds what of it can be mended for certain; writes nothing.
pub(crate) fn mend(path: &Path) -> anyhow::Result<Mending> {
    let LabFolder {
        root,
        sources: before,
    } = store::load(path)?;
    let facts = known(path, &root);
    let mended = model::read::settle(&before, |sources| {
        // What cannot be checked proposes nothing; the check that follows says why.
        check_sources(root.clone(), sources.to_vec(), facts.clone())
            .map_or_else(|_| Vec::new(), |checked| checked.findings)
    });
    Ok(Mending { before, mended })
}

fn check_sources(root: PathBuf, sources: Vec<Source>, mut facts: Facts) -> anyhow::Result<Checked> {
    let Reading {
        lab,
        unread,
        index,
        mut diagnostics,
    } = model::read::read(&sources);
    let mut resources = Vec::new();
    let mut beyond = Vec::new();
    if let Some(lab) = &lab {
        if unread.is_empty() {
            facts.promises = Some(promises::judged(&root, lab));
        }
        facts.unread = unread;
        diagnostics.extend(check::check(lab, &facts));
        let fatal = diagnostics
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        if !fatal {
            beyond = catalog::beyond_reach(lab);
        }
        if !fatal && beyond.is_empty() {
            let files = manifests(&root, lab)?;
            match catalog::expand(lab, &files) {
                Ok(found) => resources = found,
                Err(findings) => diagnostics.extend(findings),
            }
        }
    }
    index.locate(&mut diagnostics);
    index.locate(&mut beyond);
    Ok(Checked {
        given: root.clone(),
        root,
        replica: None,
        sources,
        lab,
        findings: diagnostic::told(diagnostics),
        beyond,
        resources,
    })
}

/// A lab that could be read, whatever else is wrong with it, and the objects of its apps.
pub(crate) struct Readable {
    pub(crate) lab: Lab,
    /// The objects of each app that comes as manifests and could be read.
    pub(crate) manifests: BTreeMap<String, Vec<serde_json::Value>>,
}

/// Reads a lab without checking it; `Err` of the inner: what keeps it from being read.
pub(crate) fn read(path: &Path) -> anyhow::Result<Result<Readable, Checked>> {
    let LabFolder { root, sources } = store::load(path)?;
    let Some(lab) = model::read::read(&sources).lab else {
        return Ok(Err(check(path)?));
    };
    let manifests = objects(&root, &lab);
    Ok(Ok(Readable { lab, manifests }))
}

/// The objects of each app that comes as manifests and could be read.
pub(crate) fn objects(root: &Path, lab: &Lab) -> BTreeMap<String, Vec<serde_json::Value>> {
    let mut all = BTreeMap::new();
    for (name, app) in &lab.apps {
        let Some(AppSource::Manifests(folder)) = app.source() else {
            continue;
        };
        let texts = store::files_below(root, folder).unwrap_or_default();
        let objects: Option<Vec<_>> = texts
            .values()
            .map(|bytes| catalog::documents(std::str::from_utf8(bytes).ok()?).ok())
            .collect();
        let objects: Vec<_> = objects.unwrap_or_default().concat();
        if !objects.is_empty() {
            all.insert(name.to_string(), objects);
        }
    }
    all
}

/// The manifests of all folders that apps name.
fn manifests(root: &Path, lab: &Lab) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut files = BTreeMap::new();
    for app in lab.apps.values() {
        if let Some(AppSource::Manifests(folder)) = app.source() {
            files.extend(store::files_below(root, folder)?);
        }
    }
    Ok(files)
}

/// A lab that can be observed and changed.
pub(crate) struct Session {
    pub(crate) checked: Checked,
    pub(crate) lab: Lab,
    pub(crate) scope: Scope,
    /// The folder of its state and secrets: the lab's own, or the replica's.
    pub(crate) home: PathBuf,
    pub(crate) store: Store,
    pub(crate) lock: Arc<LabLock>,
    pub(crate) paths: HostPaths,
    pub(crate) secrets: Arc<LabSecrets>,
    pub(crate) clusters: Arc<Clusters>,
    pub(crate) container: Arc<ContainerDriver>,
    pub(crate) kubeadm: Arc<Kubeadm>,
    pub(crate) snapshots: Arc<LabSnapshots>,
    registry: Registry,
}

impl Session {
    /// Opens a lab that was checked.
    pub(crate) fn open(checked: Checked, artifacts: Option<&Path>) -> anyhow::Result<Self> {
        let lab = checked
            .lab
            .clone()
            .context("the lab file could not be read")?;
        let paths = places::host_paths(artifacts)?;
        let lock =
            Arc::new(LabLock::open(&checked.root.join("lab.lock")).map_err(DriverError::from)?);
        let mut scope = Scope {
            lab: lab.lab.clone(),
            id: lock.id(),
        };
        let mut home = checked.root.clone();
        if checked.replica.is_some() {
            // Its own id, secrets and state: nothing of it can be taken for the lab's.
            scope.id = scope.id.replica();
            home = places::replica(&scope);
        }
        let secrets = Secrets::new(home.join("secrets"), places::identity()?);
        let secrets = Arc::new(LabSecrets(secrets));
        let container = Arc::new(ContainerDriver::new(paths.clone()));
        let forwards = Arc::clone(&container);
        let clusters = Arc::new(Clusters::new(forwards, Arc::clone(&secrets) as _)?);
        let store = Store::open(&home);
        let kept = Snapshots::new(store.path("snapshots"), places::identity()?);
        let snapshots = Arc::new(LabSnapshots::of(&lab, kept));
        let kubeadm = Kubeadm::new(
            Arc::new(Containers),
            Arc::clone(&secrets) as _,
            Arc::clone(&clusters),
            |scope, node| Containers.control_group(scope, node),
        );
        let kubeadm = Arc::new(kubeadm.keeping(Arc::clone(&snapshots) as _));
        let registry = Registry::new(vec![
            Arc::new(ImageDriver::new(paths.clone(), Arc::clone(&lock))),
            Arc::clone(&container) as _,
            Arc::clone(&kubeadm) as _,
            Arc::new(Kubernetes::new(Arc::clone(&clusters))),
        ]);
        Ok(Self {
            scope,
            store,
            home,
            checked,
            lab,
            lock,
            paths,
            secrets,
            clusters,
            container,
            kubeadm,
            snapshots,
            registry,
        })
    }

    /// The engine of the lab.
    pub(crate) fn engine<'a>(&'a self, cancel: &'a Cancel) -> Engine<'a> {
        Engine {
            scope: self.scope.clone(),
            registry: &self.registry,
            cancel,
        }
    }

    /// What the lab expands to.
    pub(crate) fn resources(&self) -> &[Resource] {
        &self.checked.resources
    }
}

/// What to tell about an error beyond its text, and the exit code that it means.
pub(crate) fn advice(error: &anyhow::Error) -> (Option<String>, Exit) {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<EngineError>() {
            let exit = if error.is_refusal() {
                Exit::Refused
            } else {
                Exit::Failed
            };
            return (error.hint(), exit);
        }
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            return (error.hint(), Exit::Failed);
        }
        if let Some(error) = cause.downcast_ref::<DriverError>() {
            return (error.hint.clone(), Exit::Failed);
        }
        if matches!(cause.downcast_ref(), Some(NoTrouble::Clock)) {
            return (None, Exit::Refused);
        }
    }
    (None, Exit::Failed)
}
