//! `steading graph`, and the writing of pictures.

use std::path::Path;

use anyhow::Context as _;
use pictures::{Scene, picture, text};
use whatif::semantics::Model;

use super::whatif::asked;
use crate::args::{Format, GraphArgs};
use crate::exit::Exit;
use crate::output::{answer, answer_json, tell};

pub(crate) fn run(arguments: &GraphArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(asked) = asked(&arguments.lab.lab, &arguments.live)? else {
        return Ok(Exit::Refused);
    };
    let scene = Scene::of(&asked.readable.lab, &Model::new(asked.world));
    if let Some(file) = &arguments.svg {
        written(file, &picture(&scene))?;
    }
    match (format, &arguments.svg) {
        (Format::Json, _) => answer_json(&scene)?,
        (Format::Text, None) => answer(&text(&scene)),
        (Format::Text, Some(_)) => {}
    }
    Ok(Exit::Done)
}

/// Writes a picture or a page, and says so.
pub(crate) fn written(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    tell(&format!("written: {}", file.display()));
    Ok(())
}
