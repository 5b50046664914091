//! `steading`: your whole homelab from one file.
//!
//! This crate parses, asks, shows and picks exit codes. It decides nothing about labs.

mod args;
mod commands;
mod exit;
mod facts;
mod output;
mod places;
mod promises;
mod secrets;
mod session;
mod signals;
mod snapshots;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command, Format, SnapshotWhat};
use exit::Exit;
use output::style::Style;
use output::tell;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().map(String::as_str) == Some("internal") {
        return commands::internal::run(words.get(1..).unwrap_or_default()).into();
    }
    match run(Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(error) => report(&error).into(),
    }
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let any = cli.format;
    // Check answers in formats of its own.
    let own = matches!(cli.command, Command::Check(_)).then_some(Format::Json);
    let Some(format) = any.common().or(own) else {
        tell("error: only check answers as SARIF");
        tell("hint: write --format json, or leave it out");
        return Ok(Exit::Usage);
    };
    match cli.command {
        Command::Check(arguments) => commands::check::run(&arguments, any),
        Command::Explain {
            what,
            derived: true,
        } => commands::explain::derived(what.as_deref().unwrap_or("."), format),
        Command::Explain { what, .. } => commands::explain::run(what.as_deref(), format),
        Command::Init(arguments) => commands::init::run(&arguments, format),
        Command::Import(arguments) => commands::import::run(&arguments, format),
        Command::Plan(arguments) => commands::plan::run(&arguments, format),
        Command::Up(arguments) => commands::up::run(&arguments, format),
        Command::Status(arguments) => commands::status::run(&arguments, format),
        Command::Heal(arguments) => commands::up::heal(&arguments, format),
        Command::Down(arguments) => commands::up::down(&arguments, format),
        Command::Snapshot { lab, what } => {
            commands::snapshot::run(&lab, what.unwrap_or(SnapshotWhat::List), format)
        }
        Command::Restore(arguments) => commands::restore::run(&arguments, format),
        Command::Off(arguments) => commands::power::off(&arguments, format),
        Command::On(arguments) => commands::power::on(&arguments, format),
        Command::Prove(arguments) => commands::prove::run(&arguments, format),
        Command::Rehearse(arguments) => commands::rehearse::run(&arguments, format),
        Command::Graph(arguments) => commands::graph::run(&arguments, format),
        Command::Whatif(arguments) => commands::whatif::run(&arguments, format),
        Command::Kubectl {
            lab,
            cluster,
            arguments,
        } => commands::inside::kubectl(lab.which(), cluster.as_deref(), &arguments),
        Command::Logs {
            lab,
            node,
            of,
            lines,
        } => commands::inside::logs(lab.which(), &node, of, lines),
        Command::Ssh { lab, node, command } => commands::inside::ssh(lab.which(), &node, &command),
        Command::Schema => commands::texts::schema(),
        Command::Completions { shell } => commands::texts::completions(shell),
        Command::Man { out } => commands::texts::man(out.as_deref()),
    }
}

/// Prints an error with its causes and what to do about it.
fn report(error: &anyhow::Error) -> Exit {
    let style = Style::for_stderr();
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    tell(&format!("{} {}", style.bad("error:"), causes.join(": ")));
    let (hint, exit) = session::advice(error);
    if let Some(hint) = hint {
        tell(&format!("{} {hint}", style.bold("hint:")));
    }
    exit
}
