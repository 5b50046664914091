//! `steading init`: looks at this machine or asks others, writes a first lab file, checks it.

mod ask;
mod look;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use import::Report;
use import::probed::{self, Proposal, Refused, Wanted};
use model::diagnostic::Diagnostic;
use model::name::Name;
use serde::Serialize;

use crate::args::{Format, InitArgs, YesNo};
use crate::exit::Exit;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::{self, Checked};

use ask::Questions;
use look::Asked;

/// What programs get to read.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    file: &'a Path,
    /// Where the old file is kept.
    kept: Option<&'a Path>,
    lab: &'a Name,
    kvm: Option<&'a str>,
    took: &'a [String],
    derived: &'a [String],
    unplaced: Vec<Unplaced<'a>>,
    unread: Vec<Unread<'a>>,
    findings: &'a [Diagnostic],
    beyond: &'a [Diagnostic],
}

#[derive(Debug, Serialize)]
struct Unplaced<'a> {
    at: &'a str,
    text: &'a str,
}

#[derive(Debug, Serialize)]
struct Unread<'a> {
    host: &'a Name,
    why: &'a str,
}

pub(crate) fn run(arguments: &InitArgs, format: Format) -> anyhow::Result<Exit> {
    let file = arguments.folder.join("lab.yaml");
    if let Some((wrong, hint)) = in_the_way(arguments, &file)? {
        return Ok(refuse(&wrong, &hint, Exit::Usage));
    }
    let targets: Result<Vec<look::Target>, _> = arguments
        .from
        .iter()
        .map(|text| look::target(text))
        .collect();
    let targets = match targets {
        Ok(targets) => targets,
        Err(wrong) => {
            let hint = "as --from nuc1:root@10.0.0.11 nas:me@nas.home:2222";
            return Ok(refuse(&wrong, hint, Exit::Usage));
        }
    };
    let known = catalog::kubernetes_versions();
    let kubernetes = match &arguments.kubernetes {
        Some(version) if !known.contains(version) => {
            let wrong = format!("there are no node programs for Kubernetes {version}");
            let hint = format!("write one of: {}", known.join(", "));
            return Ok(refuse(&wrong, &hint, Exit::Usage));
        }
        Some(version) => version.clone(),
        None => known
            .first()
            .cloned()
            .context("the catalog knows no Kubernetes")?,
    };
    let wanted = wanted(arguments, kubernetes, format)?;
    let asked = if targets.is_empty() {
        look::here()?
    } else {
        look::over_ssh(&targets, arguments.ssh_config.as_deref())
    };
    if let Asked::Others { found, .. } = &asked
        && found.is_empty()
    {
        let hint = "try ssh itself: ssh USER@HOST true must work without a question";
        return Ok(refuse(
            "no machine could be read; nothing is written",
            hint,
            Exit::Failed,
        ));
    }
    let proposal = match propose(&asked, &wanted) {
        Ok(proposal) => proposal,
        Err(refused) => return Ok(refuse(&refused.to_string(), hint(&refused), Exit::Refused)),
    };
    let kept = store::create(&file, &proposal.text()?, arguments.force)?;
    let checked = session::check(&arguments.folder)?;
    conclude(&file, kept.as_deref(), &asked, &proposal, &checked, format)
}

/// Tells why nothing is done.
fn refuse(wrong: &str, hint: &str, exit: Exit) -> Exit {
    let style = Style::for_stderr();
    tell(&format!("{} {wrong}", style.bad("error:")));
    tell(&format!("{} {hint}", style.bold("hint:")));
    exit
}

fn hint(refused: &Refused) -> &'static str {
    match refused {
        Refused::Memory { .. } => "take fewer or smaller ones: --workers N, --memory SIZE",
        Refused::Size => "leave --cpu and --memory out, or write more",
        _ => "write the lab file by hand, with a range that you know is free",
    }
}

/// What keeps a lab file from being written there, and what to do about it.
fn in_the_way(arguments: &InitArgs, file: &Path) -> anyhow::Result<Option<(String, String)>> {
    let folder = &arguments.folder;
    if !folder.exists() {
        return Ok(None);
    }
    if !folder.is_dir() {
        let wrong = format!("{} is no folder", folder.display());
        return Ok(Some((
            wrong,
            "name the folder that lab.yaml goes into".to_owned(),
        )));
    }
    // A link that leads nowhere is something, too.
    let own = file.symlink_metadata().is_ok().then(|| file.to_owned());
    let others = store::lab_files(folder)?
        .into_iter()
        .filter(|other| other != file);
    let others: Vec<PathBuf> = others.collect();
    Ok(match (own, others.first()) {
        (_, Some(other)) => Some((
            format!(
                "{} is there: all *.yaml of a lab's folder are parts of it",
                other.display()
            ),
            "name another folder".to_owned(),
        )),
        (Some(own), None) if !arguments.force => Some((
            format!("{} is there already", own.display()),
            "name another folder, or add --force: the old file is kept beside the new one"
                .to_owned(),
        )),
        _ => None,
    })
}

/// What is wanted: flags first, then answers where somebody can be asked.
fn wanted(arguments: &InitArgs, kubernetes: String, format: Format) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted {
        name: arguments
            .name
            .clone()
            .unwrap_or_else(|| name_of(&arguments.folder)),
        control_planes: arguments.control_planes,
        workers: arguments.workers,
        cpu: arguments.cpu,
        memory: arguments.memory,
        kubernetes,
        app: arguments.app != Some(YesNo::No),
    };
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if terminal && !arguments.yes && format == Format::Text {
        let questions = Questions {
            name: arguments.name.is_none(),
            workers: arguments.workers.is_none() && arguments.from.is_empty(),
            app: arguments.app.is_none(),
        };
        let mut input = std::io::stdin().lock();
        questions.ask(&mut wanted, &mut input, &mut std::io::stderr())?;
    }
    Ok(wanted)
}

/// The folder's own name, if a lab may be called so.
fn name_of(folder: &Path) -> Name {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let last = whole.components().next_back();
    let text = last.map(|last| last.as_os_str().to_string_lossy().to_lowercase());
    let own = text.and_then(|text| text.parse().ok());
    own.unwrap_or_else(|| {
        "home"
            .parse()
            .unwrap_or_else(|_| unreachable!("home is a name"))
    })
}

fn propose(asked: &Asked, wanted: &Wanted) -> Result<Proposal, Refused> {
    match asked {
        Asked::Here { machine, kvm } => probed::local(machine, wanted, kvm),
        Asked::Others { found, unread } => probed::remote(found, unread, wanted),
    }
}

fn conclude(
    file: &Path,
    kept: Option<&Path>,
    asked: &Asked,
    proposal: &Proposal,
    checked: &Checked,
    format: Format,
) -> anyhow::Result<Exit> {
    let report = &proposal.imported.report;
    let (kvm, unread) = match asked {
        Asked::Here { kvm, .. } => (Some(kvm.as_str()), &[][..]),
        Asked::Others { unread, .. } => (None, unread.as_slice()),
    };
    if format == Format::Json {
        answer_json(&Answer {
            file,
            kept,
            lab: &proposal.imported.lab.lab,
            kvm,
            took: &report.took,
            derived: &report.derived,
            unplaced: report
                .unplaced
                .iter()
                .map(|(at, text)| Unplaced { at, text })
                .collect(),
            unread: unread
                .iter()
                .map(|(host, why)| Unread { host, why })
                .collect(),
            findings: &checked.findings,
            beyond: &checked.beyond,
        })?;
    } else {
        shown(file, kept, report, checked);
    }
    Ok(if checked.refused() {
        Exit::Refused
    } else if unread.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn shown(file: &Path, kept: Option<&Path>, report: &Report, checked: &Checked) {
    for line in report.took.iter().chain(&report.derived) {
        tell(&format!("  {line}"));
    }
    for (place, text) in &report.unplaced {
        tell(&format!("  {place}: {text}"));
    }
    let findings = model::render::render(
        &checked.findings,
        &checked.sources,
        Style::for_stderr().colour(),
    );
    if !checked.findings.is_empty() {
        tell(findings.trim_end());
    }
    if let Some(kept) = kept {
        answer(&format!("{} is the old file\n", kept.display()));
    }
    answer(&format!(
        "{} is written. {}\n",
        file.display(),
        super::check::count(&checked.findings)
    ));
    let folder = file.parent().unwrap_or(file).display();
    if checked.beyond.is_empty() {
        answer(&format!(
            "\nWorth trying:\n  steading plan {folder}\n  steading up {folder}\n"
        ));
    } else {
        answer(&format!(
            "This version does not carry out {} things of it yet; steading plan {folder} names them.\n",
            checked.beyond.len()
        ));
    }
}
