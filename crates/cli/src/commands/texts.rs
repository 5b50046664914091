//! Texts about the program itself: schema, completions, manual.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{answer, answer_json, tell};

pub(crate) fn schema() -> anyhow::Result<Exit> {
    answer_json(&model::schema::schema())?;
    Ok(Exit::Done)
}

pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "steading", &mut text);
    answer(&String::from_utf8(text)?);
    Ok(Exit::Done)
}

pub(crate) fn man(folder: Option<&Path>) -> anyhow::Result<Exit> {
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(Cli::command(), folder)?;
            tell(&format!("written to {}", folder.display()));
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            answer(&String::from_utf8(text)?);
        }
    }
    Ok(Exit::Done)
}
