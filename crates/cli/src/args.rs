//! The command line, declared once: parsing, help, completions and manual come from here.

mod failures;

use std::path::{Path, PathBuf};

pub(crate) use failures::{GraphArgs, LiveArgs, ProveArgs, WhatifArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use import::probed::{MOST_CONTROL_PLANES, MOST_WORKERS};
use model::name::Name;
use model::quantity::Bytes;
use model::resource::Address;

/// Your whole homelab from one file: declared, proven, running, and kept running.
#[derive(Debug, Parser)]
#[command(
    name = "steading",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:\n  \
        steading init homelab                 write a first lab file for this machine\n  \
        steading check labs/quickstart        find what is wrong in a lab file\n  \
        steading plan labs/quickstart         what would be done, and why\n  \
        steading up labs/quickstart           do it\n  \
        steading status labs/quickstart       what runs, what does not, and the cause\n  \
        steading down labs/quickstart         remove what is ours, nothing else\n\n\
        Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 the lab is refused,\n\
        4 changes are due (with --exit-code), 130 interrupted and resumable."
)]
pub(crate) struct Cli {
    /// How answers are printed. Progress always goes to standard error.
    #[arg(long, global = true, value_enum, default_value_t = AnyFormat::Text)]
    pub(crate) format: AnyFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How answers are printed, as one of all commands may be asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnyFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For code hosts: SARIF 2.1.0; only `check` has it.
    Sarif,
}

/// How answers of every command are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl AnyFormat {
    /// The format, if every command has it.
    pub(crate) const fn common(self) -> Option<Format> {
        match self {
            Self::Text => Some(Format::Text),
            Self::Json => Some(Format::Json),
            Self::Sarif => None,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a first lab file, for this machine or for others that are asked over SSH
    #[command(after_help = "Examples:\n  \
        steading init homelab                    look at this machine, ask little, write homelab/lab.yaml\n  \
        steading init homelab --yes --workers 1  ask nothing\n  \
        steading init homelab --from nuc1:root@10.0.0.11 nas:me@nas.home:2222\n\n\
        Whether virtual machines run at full speed here is found by starting a tiny one. Other\n\
        machines are asked by the program ssh with your own configuration of it, and only read.\n\
        Those that do not answer are noted in the file, and the exit code is 1.")]
    Init(InitArgs),
    /// Find everything that is wrong in a lab file, each with its place
    #[command(after_help = "Examples:\n  \
        steading check labs/quickstart                  what is wrong, and what to write instead\n  \
        steading check labs/quickstart --fix            write that where it is certain\n  \
        steading check labs/quickstart --format sarif   for a code host")]
    Check(CheckArgs),
    /// Explain a finding's code, or where derived values of a lab come from
    #[command(after_help = "Examples:\n  \
        steading explain S002\n  \
        steading explain --derived labs/quickstart")]
    Explain {
        /// The code, such as S002; without one, all codes are listed. With --derived, a lab
        what: Option<String>,
        /// Show every value that the lab file does not say, and what it follows from
        #[arg(long)]
        derived: bool,
    },
    /// Write a lab file out of what another tool was told or a cluster tells, and check it
    #[command(after_help = "Examples:\n  \
        steading import talhelper talos/talconfig.yaml --out lab.yaml\n  \
        steading import talos clusterconfig > lab.yaml\n  \
        steading import cluster --context home --out lab.yaml\n\n\
        What has no place in a lab is kept under notes. Secrets are never taken over: encrypted\n\
        ones are referred to, plain ones left out and named.")]
    Import(ImportArgs),
    /// Show what would change, its impact and why; change nothing
    #[command(after_help = "Examples:\n  \
        steading plan labs/quickstart\n  \
        steading plan labs/quickstart --out tonight.plan && steading up labs/quickstart --plan tonight.plan")]
    Plan(PlanArgs),
    /// Make the lab what its file says
    #[command(after_help = "Examples:\n  \
        steading up labs/quickstart           show the plan, ask, do it\n  \
        steading up labs/quickstart --yes     do not ask\n  \
        steading up --replica labs/volatile-talos/lab.yaml   the whole lab on this machine\n\n\
        May be interrupted at any time, also by kill -9, and started again.")]
    Up(UpArgs),
    /// Show what is there, what drifts, what is not well and why
    Status(StatusArgs),
    /// Observe, plan and apply again, until nothing is left to mend
    #[command(after_help = "Examples:\n  \
        steading heal labs/quickstart\n  \
        steading heal --watch labs/quickstart                    go on until it is ended\n  \
        steading heal --watch --systemd-unit /srv/lab > /etc/systemd/system/steading.service")]
    Heal(HealArgs),
    /// Remove what is ours, nothing else
    Down(ChangeArgs),
    /// List the snapshots of etcd that are kept, or take one
    #[command(after_help = "Examples:\n  \
        steading snapshot --lab labs/quickstart         those that are kept\n  \
        steading snapshot take --lab labs/quickstart    one more, now\n\n\
        They lie encrypted in the state folder of the lab. Before a step that cannot be taken back\n\
        one is taken anyway; on a schedule, where the lab declares it:\n  \
        backups: { often: { of: [etcd], to: here, every: 6h, keep: 7d } }")]
    Snapshot {
        /// List them, or take one
        #[arg(value_enum)]
        what: Option<SnapshotWhat>,
        #[command(flatten)]
        lab: LabOption,
    },
    /// Take a cluster back to a snapshot: what was changed in it since is lost
    #[command(
        after_help = "Example: steading restore 20261121T130500Z --lab labs/quickstart\n\n\
        Where all control planes are lost they are made anew, out of the snapshot and as the same\n\
        cluster; what runs on workers goes on. A restore that was cut off is carried to its end by\n\
        what is run next: restore, up or heal."
    )]
    Restore(RestoreArgs),
    /// Switch something of a replica off: a host, a link, the space on a disk, part of a processor
    #[command(after_help = "Examples:\n  \
        steading off gamer --lab labs/volatile-talos/lab.yaml             its power is cut\n  \
        steading off gamer --graceful --lab labs/volatile-talos/lab.yaml  it is shut down\n  \
        steading off link:lan             the network carries nothing between hosts\n  \
        steading off link:gamer           the host is cut off from its networks\n  \
        steading off link:gamer.lan       from one of them\n  \
        steading off disk:gamer           what is written on it finds no space left\n  \
        steading off cpu:gamer=20%        its nodes get a fifth of their processors\n\n\
        Each lasts until steading on, whatever runs or is killed in between. Of a host that is off,\n\
        steading heal --replica moves what may move. Clocks cannot be stepped: the kernel has one.")]
    Off(OffArgs),
    /// Switch something of a replica on again; of a host, start what belongs on it
    #[command(after_help = "Examples:\n  \
        steading on gamer --lab labs/volatile-talos/lab.yaml\n  \
        steading on link:lan\n  \
        steading on --all                 everything that was switched off")]
    On(OnArgs),
    /// Ask what stays, moves, waits or is lost when something goes; changes nothing
    #[command(after_help = "Examples:\n  \
        steading whatif labs/volatile-talos --off gamer\n  \
        steading whatif labs/volatile-talos --off availability=volatile --graceful\n  \
        steading whatif labs/skaia --fail vantas.ssd --fail link:man-uplink\n  \
        steading whatif labs/jlh --off everything --then on\n  \
        steading whatif labs/jlh/lab.yaml --off x86 --html x86.html\n  \
        steading whatif --live --off worker-1\n\n\
        Times are intervals: what is known of a moment is its earliest and its latest. What the\n\
        model does not know it calls unknown, never up. Rules have codes: steading explain W001.")]
    Whatif(WhatifArgs),
    /// Play a failure on a replica that runs, and lay what is measured beside what `whatif` says
    #[command(after_help = "Examples:\n  \
        steading up --replica labs/volatile-talos/lab.yaml\n  \
        steading rehearse labs/volatile-talos/lab.yaml --off gamer\n  \
        steading rehearse labs/volatile-talos/lab.yaml --off gamer --without-heal\n\n\
        The hosts are switched on again at the end, also when it is interrupted. Exit code 3 when\n\
        something was measured that the model says is impossible.")]
    Rehearse(RehearseArgs),
    /// Check every promise of the lab against all failures that it names
    #[command(after_help = "Examples:\n  \
        steading prove labs/volatile-talos/lab.yaml\n  \
        steading prove labs/jlh/lab.yaml --format json\n  \
        steading prove labs/skaia/as-published.yaml --html proof.html\n\n\
        Each promise holds, breaks (with the smallest failure that breaks it), or is unknown.\n\
        Exit code 3 when one does not hold.")]
    Prove(ProveArgs),
    /// Draw the lab: hosts, nodes, networks, storage and what runs in pods
    #[command(after_help = "Examples:\n  \
        steading graph labs/volatile-talos/lab.yaml\n  \
        steading graph labs/jlh/lab.yaml --svg jlh.svg")]
    Graph(GraphArgs),
    /// Run kubectl in a cluster of the lab
    #[command(after_help = "Example: steading kubectl --lab labs/quickstart get pods -A")]
    Kubectl {
        #[command(flatten)]
        lab: LabOption,
        /// Which cluster, where the lab has several
        #[arg(long)]
        cluster: Option<String>,
        /// What kubectl gets
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Show the log of a node's kubelet or containerd
    #[command(after_help = "Example: steading logs --lab labs/quickstart worker-1 --of containerd")]
    Logs {
        #[command(flatten)]
        lab: LabOption,
        /// The node
        node: String,
        /// Whose log
        #[arg(long, value_enum, default_value_t = LogOf::Kubelet)]
        of: LogOf,
        /// How many of the last lines
        #[arg(long, default_value_t = 100)]
        lines: usize,
    },
    /// Open a shell in a node, or run a command there
    #[command(after_help = "Examples:\n  \
        steading ssh --lab labs/quickstart worker-1\n  \
        steading ssh --lab labs/quickstart worker-1 -- crictl ps")]
    Ssh {
        #[command(flatten)]
        lab: LabOption,
        /// The node
        node: String,
        /// A command instead of a shell
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Print the JSON Schema of the lab file, for editors
    Schema,
    /// Print completions for a shell
    #[command(after_help = "Example: steading completions bash > /etc/bash_completion.d/steading")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them into a folder
    Man {
        /// The folder
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LabArg {
    /// The lab: a lab file, or the folder that it lies in
    #[arg(value_name = "LAB", default_value = ".")]
    pub(crate) lab: PathBuf,
}

/// A lab, itself or its replica.
#[derive(Debug, Clone, Args)]
pub(crate) struct RungArg {
    #[command(flatten)]
    pub(crate) lab: LabArg,
    /// Not the lab itself: its replica, all of it in namespaces of this machine
    #[arg(long)]
    pub(crate) replica: bool,
}

impl RungArg {
    pub(crate) fn which(&self) -> Which<'_> {
        Which {
            path: &self.lab.lab,
            replica: self.replica,
        }
    }
}

/// Which lab a command is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'a> {
    /// The lab file, or the folder that it lies in.
    pub(crate) path: &'a Path,
    /// Whether it is about the replica.
    pub(crate) replica: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) lab: LabArg,
    /// Change the lab file where it is certain what was meant; nothing else in it is touched
    #[arg(long)]
    pub(crate) fix: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LabOption {
    /// The lab: a lab file, or the folder that it lies in
    #[arg(long = "lab", value_name = "LAB", default_value = ".")]
    pub(crate) lab: PathBuf,
    /// Not the lab itself: its replica
    #[arg(long)]
    pub(crate) replica: bool,
}

impl LabOption {
    pub(crate) fn which(&self) -> Which<'_> {
        Which {
            path: &self.lab,
            replica: self.replica,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Sources {
    /// A folder to take artifacts from before anything is downloaded or built
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder that lab.yaml is written into; it is made where there is none
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The lab's name. Default: the folder's
    #[arg(long)]
    pub(crate) name: Option<Name>,
    /// Machines to ask over SSH instead of this one
    #[arg(long, value_name = "[NAME:]USER@HOST[:PORT]", num_args = 1..)]
    pub(crate) from: Vec<String>,
    /// Another configuration file for ssh than your own
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) ssh_config: Option<PathBuf>,
    /// How many control planes. Default: 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_CONTROL_PLANES)))]
    pub(crate) control_planes: Option<u8>,
    /// How many workers. Default: 2 where this machine has room, or all machines that are asked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=i64::from(MOST_WORKERS)))]
    pub(crate) workers: Option<u8>,
    /// The processor threads of each node on this machine. Default: 2
    #[arg(long, value_name = "N", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) cpu: Option<u32>,
    /// The memory of each node on this machine. Default: 2Gi where there is room
    #[arg(long, value_name = "SIZE", conflicts_with = "from")]
    pub(crate) memory: Option<Bytes>,
    /// The version of Kubernetes. Default: the newest that there is
    #[arg(long, value_name = "VERSION")]
    pub(crate) kubernetes: Option<String>,
    /// Whether there is a first app, podinfo. Default: yes
    #[arg(long, value_enum, value_name = "YES|NO")]
    pub(crate) app: Option<YesNo>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Write a new lab file although there is one; that is kept beside it
    #[arg(long)]
    pub(crate) force: bool,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    /// It is wanted.
    Yes,
    /// It is not.
    No,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) from: ImportFrom,
    /// The lab file to write; without it, it goes to standard output
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long, global = true)]
    pub(crate) force: bool,
}

/// Where a lab is imported from.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// talhelper's talconfig.yaml, with the patches and environment files beside it
    Talhelper {
        /// The talconfig.yaml
        file: PathBuf,
    },
    /// A folder of Talos machine configurations, one for each node
    Talos {
        /// The folder
        dir: PathBuf,
    },
    /// A Flux repository: its components and apps, a part of a lab
    Flux {
        /// The folder
        dir: PathBuf,
    },
    /// A Terraform state: cloud machines and their networks, a part of a lab
    Terraform {
        /// The state, as `terraform state pull` prints it
        state: PathBuf,
    },
    /// A running cluster, by a kubeconfig: its nodes, networks, storage, releases and sources
    #[command(after_help = "Examples:\n  \
        steading import cluster --out lab.yaml\n  \
        steading import cluster --kubeconfig ~/.kube/home.yaml --context admin@home > lab.yaml\n  \
        kubectl get nodes,services,configmaps,storageclasses -A -o json > dump.json\n  \
        steading import cluster --dump dump.json > lab.yaml\n\n\
        Only reads. Of secrets only Helm's releases are asked for, and values that look secret\n\
        are left out. Kinds that the cluster does not have are no error; what the account may\n\
        not read is told.")]
    Cluster {
        /// The kubeconfig. Default: what KUBECONFIG names, else ~/.kube/config
        #[arg(long, value_name = "FILE")]
        kubeconfig: Option<PathBuf>,
        /// The context in it. Default: its current one
        #[arg(long, value_name = "NAME")]
        context: Option<String>,
        /// Objects as kubectl prints them, in a file or a folder, instead of a running cluster
        #[arg(long, value_name = "PATH", conflicts_with_all = ["kubeconfig", "context"])]
        dump: Option<PathBuf>,
    },
    /// NixOS configurations, as far as their text tells without evaluation
    Nixos {
        /// The folder
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) rung: RungArg,
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// A step that may run although a quorum or a promise breaks while it does
    #[arg(long, value_name = "STEP")]
    pub(crate) force: Vec<Address>,
    /// Save the plan, for `up --plan`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Exit with 4 when changes are due
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Apply this saved plan; refused when the world has moved since
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HealArgs {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Go on doing so, without asking, until it is ended
    #[arg(long)]
    pub(crate) watch: bool,
    /// How long a round lasts at least, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "watch",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) every: u64,
    /// Serve Prometheus metrics there, such as 127.0.0.1:9799
    #[arg(long, value_name = "ADDRESS", requires = "watch")]
    pub(crate) metrics: Option<std::net::SocketAddr>,
    /// Print a systemd unit that does this, and do nothing
    #[arg(long, requires = "watch")]
    pub(crate) systemd_unit: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OffArgs {
    /// A host, link:NETWORK, link:HOST, link:HOST.NETWORK, disk:HOST or cpu:HOST=20%
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) of: OfReplica,
    /// Shut the host down: its pods are asked to leave, as disruption budgets let them, for two
    /// minutes at most, and what stays is ended before the power goes
    #[arg(long)]
    pub(crate) graceful: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OnArgs {
    /// What was switched off: a host, link:NETWORK, link:HOST, link:HOST.NETWORK, disk:HOST or
    /// cpu:HOST
    #[arg(required_unless_present = "all")]
    pub(crate) what: Option<String>,
    /// Everything that was switched off
    #[arg(long, conflicts_with = "what")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) of: OfReplica,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArgs {
    #[command(flatten)]
    pub(crate) lab: LabArg,
    /// The hosts that are switched off; several with commas
    #[arg(long, value_name = "HOST", required = true, value_delimiter = ',')]
    pub(crate) off: Vec<String>,
    /// They are shut down in order, instead of losing their power
    #[arg(long)]
    pub(crate) graceful: bool,
    /// What Kubernetes does by itself, without `steading heal`: six minutes instead of seconds
    #[arg(long)]
    pub(crate) without_heal: bool,
    /// For how long it is watched at most, in seconds; default: as long as something may happen
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) limit: Option<u64>,
}

/// The replica of a lab.
#[derive(Debug, Args)]
pub(crate) struct OfReplica {
    /// The lab: a lab file, or the folder that it lies in
    #[arg(long = "lab", value_name = "LAB", default_value = ".")]
    pub(crate) lab: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) rung: RungArg,
    /// Exit with 4 when changes are due or something is not well
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    pub(crate) rung: RungArg,
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// A step that may run although a quorum or a promise breaks while it does
    #[arg(long, value_name = "STEP")]
    pub(crate) force: Vec<Address>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The snapshot: its name, or enough of its beginning
    pub(crate) snapshot: String,
    #[command(flatten)]
    pub(crate) lab: LabOption,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

impl RestoreArgs {
    /// As the commands that change a lab take it.
    pub(crate) fn change(&self) -> ChangeArgs {
        ChangeArgs {
            rung: RungArg {
                lab: LabArg {
                    lab: self.lab.lab.clone(),
                },
                replica: self.lab.replica,
            },
            sources: Sources { artifacts: None },
            yes: self.yes,
            force: Vec::new(),
        }
    }
}

/// What to do with snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SnapshotWhat {
    /// Name those that are kept.
    List,
    /// Take one of every cluster, now.
    Take,
}

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogOf {
    /// The kubelet.
    Kubelet,
    /// The container runtime.
    Containerd,
}
