//! `steading import`: reads what others wrote, writes a lab file, checks it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use import::{Files, Imported};
use model::diagnostic::{Diagnostic, Severity};
use model::source::Source;
use serde_json::json;

use crate::args::{Format, ImportArgs, ImportFrom};
use crate::exit::Exit;
use crate::facts;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::places;

/// No file is larger; what is beyond is not even read.
const LARGEST: u64 = 4 << 20;
/// Nor are there more files.
const MOST_FILES: usize = 5_000;
/// Nor deeper folders.
const DEEPEST: usize = 16;

pub(crate) fn run(arguments: &ImportArgs, format: Format) -> anyhow::Result<Exit> {
    if let Some(out) = arguments.out.as_deref().filter(|out| out.exists())
        && !arguments.force
    {
        tell(&format!("error: {} is there already", out.display()));
        tell("hint: name another file, or add --force to overwrite it");
        return Ok(Exit::Usage);
    }
    let (imported, name) = read(&arguments.from)?;
    let text = imported.text(&name)?;
    if let Some(out) = &arguments.out {
        write(out, &text, arguments.force)?;
    }
    let checked = Checked::of(arguments.out.as_deref(), text);
    match format {
        Format::Text => {
            if arguments.out.is_none() {
                answer(&checked.source.text);
            }
            report(&imported);
            checked.tell();
        }
        Format::Json => answer_json(&as_json(&name, &imported, &checked))?,
    }
    Ok(if checked.refused() {
        Exit::Refused
    } else {
        Exit::Done
    })
}

/// The lab, and what it was read from, for people.
fn read(from: &ImportFrom) -> anyhow::Result<(Imported, String)> {
    let yaml: &[&str] = &["yaml", "yml"];
    let short = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    Ok(match from {
        ImportFrom::Talhelper { file } => (import::talhelper(&beside(file)?)?, short(file)),
        ImportFrom::Flux { dir } => (import::flux(&below(dir, yaml)?)?, short(dir)),
        ImportFrom::Terraform { state } => {
            let name = state.display().to_string();
            let files = BTreeMap::from([(name, one(state)?)]);
            (import::terraform(&files)?, short(state))
        }
        ImportFrom::Nixos { dir } => (import::nixos(&below(dir, &["nix"])?)?, short(dir)),
        ImportFrom::Talos { dir } => (import::talos(&below(dir, yaml)?)?, short(dir)),
        ImportFrom::Cluster {
            dump: Some(path), ..
        } => {
            let files = if path.is_dir() {
                below(path, &["json", "yaml", "yml"])?
            } else {
                BTreeMap::from([(path.display().to_string(), one(path)?)])
            };
            (import::cluster(&files)?, short(path))
        }
        ImportFrom::Cluster {
            kubeconfig,
            context,
            ..
        } => {
            let paths = match kubeconfig {
                Some(path) => vec![path.clone()],
                None => places::kubeconfigs()?,
            };
            let files = drivers::kube::dump(&paths, context.as_deref())?;
            (import::cluster(&files)?, "a running cluster".to_owned())
        }
    })
}

/// A `talconfig.yaml` and the files that it names, as far as they lie in its folder.
fn beside(file: &Path) -> anyhow::Result<Files> {
    let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("opening {}", file.display()))?;
    let text = one(file)?;
    let mut files = BTreeMap::new();
    for name in import::talhelper_names(&text) {
        let Ok(path) = std::fs::canonicalize(folder.join(&name)) else {
            continue;
        };
        // What lies elsewhere is no part of the lab; the import tells that it is missing.
        if path.starts_with(&folder) && path.is_file() {
            files.insert(name, one(&path)?);
        }
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    files.insert(name.into_owned(), text);
    Ok(files)
}

/// All files with such endings below a folder, by their paths in it. Links are not followed.
fn below(root: &Path, endings: &[&str]) -> anyhow::Result<Files> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            let path = format!("{prefix}{name}");
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                if depth == DEEPEST {
                    bail!("{path}: folders are deeper than {DEEPEST} levels");
                }
                folders.push((entry.path(), format!("{path}/"), depth + 1));
            } else if kind.is_file() && endings.iter().any(|end| name.ends_with(&format!(".{end}")))
            {
                files.insert(path, one(&entry.path())?);
            }
            if files.len() > MOST_FILES {
                bail!("{} has more than {MOST_FILES} files", root.display());
            }
        }
    }
    Ok(files)
}

fn one(path: &Path) -> anyhow::Result<String> {
    let doing = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(doing)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(doing)?;
    if bytes.len() as u64 > LARGEST {
        bail!("{} is larger than {LARGEST} bytes", path.display());
    }
    String::from_utf8(bytes).with_context(doing)
}

/// Writes the lab file; without `force` only where there is none, also at that very moment.
fn write(out: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let doing = || format!("writing {}", out.display());
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .create_new(!force);
    let mut file = options.open(out).with_context(doing)?;
    file.write_all(text.as_bytes()).with_context(doing)?;
    file.sync_all().with_context(doing)
}

fn report(imported: &Imported) {
    let style = Style::for_stderr();
    let section = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            tell(&style.bold(title));
            for line in lines {
                tell(&format!("  {line}"));
            }
        }
    };
    section("taken over", &imported.report.took);
    section("derived", &imported.report.derived);
    let unplaced: Vec<String> = imported
        .report
        .unplaced
        .iter()
        .map(|(place, text)| {
            let first = text.lines().next().unwrap_or_default();
            let short: String = first.chars().take(120).collect();
            let more = if short.len() < text.trim_end().len() {
                " …"
            } else {
                ""
            };
            format!("{place}: {short}{more}")
        })
        .collect();
    section(
        "without a place; kept under notes, secrets left out",
        &unplaced,
    );
}

/// What was written, and what is wrong with it. A finding is no failure of the import: the lab file
/// is there, and the exit code tells that it is refused as it is.
struct Checked {
    source: Source,
    findings: Vec<Diagnostic>,
}

impl Checked {
    fn of(out: Option<&Path>, text: String) -> Self {
        let name = out.map_or_else(|| "lab.yaml".to_owned(), |out| out.display().to_string());
        let source = Source { name, text };
        let reading = model::read::read(std::slice::from_ref(&source));
        let mut findings = reading.diagnostics;
        if let Some(lab) = &reading.lab {
            // The files of its folder are looked at where it lies as the folder's lab.
            let lies = out.filter(|out| out.file_stem().is_some_and(|stem| stem == "lab"));
            let folder = lies.and_then(Path::parent).map(|folder| match folder {
                empty if empty.as_os_str().is_empty() => Path::new("."),
                folder => folder,
            });
            findings.extend(check::check(lab, &facts::gather(folder, None)));
        }
        reading.index.locate(&mut findings);
        Self { source, findings }
    }

    fn tell(&self) {
        let sources = std::slice::from_ref(&self.source);
        let colour = Style::for_stderr().colour();
        let shown = model::render::render(&self.findings, sources, colour);
        tell(shown.trim_end());
        tell(&super::check::count(&self.findings));
    }

    fn refused(&self) -> bool {
        let mut all = self.findings.iter();
        all.any(|finding| finding.severity == Severity::Error)
    }
}

/// All that an import says, for programs.
fn as_json(from: &str, imported: &Imported, checked: &Checked) -> serde_json::Value {
    let report = &imported.report;
    let unplaced: Vec<_> = report
        .unplaced
        .iter()
        .map(|(place, text)| json!({ "place": place, "text": text }))
        .collect();
    json!({
        "from": from,
        "file": checked.source.text,
        "report": { "took": report.took, "derived": report.derived, "unplaced": unplaced },
        "findings": checked.findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TALCONFIG: &str = "clusterName: a\nendpoint: https://10.0.0.2:6443\nnodes:\n- { hostname: n, ipAddress: 10.0.0.2, controlPlane: true, patches: [\"@in.yaml\", \"@../out.yaml\", \"@link.yaml\"] }\n";

    #[test]
    fn a_file_is_written_once_and_nothing_outside_the_folder_is_read() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("talos");
        fs::create_dir(&folder).unwrap();
        let patch = |name: &str| format!("machine: {{ sysctls: {{ {name}: \"1\" }} }}");
        fs::write(outside.path().join("out.yaml"), patch("outside")).unwrap();
        fs::write(folder.join("in.yaml"), patch("inside")).unwrap();
        std::os::unix::fs::symlink("../out.yaml", folder.join("link.yaml")).unwrap();
        fs::write(folder.join("talconfig.yaml"), TALCONFIG).unwrap();
        let out = folder.join("lab.yaml");
        let mut arguments = ImportArgs {
            from: ImportFrom::Talhelper {
                file: folder.join("talconfig.yaml"),
            },
            out: Some(out.clone()),
            force: false,
        };
        assert_eq!(run(&arguments, Format::Text).unwrap(), Exit::Done);
        let written = fs::read_to_string(&out).unwrap();
        assert!(written.contains("inside: \"1\""), "{written}");
        assert!(!written.contains("outside: \"1\""), "{written}");

        fs::write(&out, "mine").unwrap();
        assert_eq!(run(&arguments, Format::Text).unwrap(), Exit::Usage);
        assert_eq!(fs::read_to_string(&out).unwrap(), "mine");
        arguments.force = true;
        assert_eq!(run(&arguments, Format::Text).unwrap(), Exit::Done);
        assert_eq!(fs::read_to_string(&out).unwrap(), written);
    }
}
