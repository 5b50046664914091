//! `steading plan`, and the showing of plans.

use std::collections::BTreeMap;

use driver::Cancel;
use drivers::image::recipe::Recipe;
use model::plan::{Action, Plan, Step};
use model::resource::{Address, Kind, Spec};
use serde::Serialize;
use whatif::steps::Reviewed;

use crate::args::{Format, PlanArgs};
use crate::commands::{check, review};
use crate::exit::Exit;
use crate::output::plan::{StepNotes, plan_text};
use crate::output::replica;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::Session;

pub(crate) fn run(arguments: &PlanArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(checked) = check::usable(arguments.rung.which())? else {
        return Ok(Exit::Refused);
    };
    let session = Session::open(checked, arguments.sources.artifacts.as_deref())?;
    let cancel = Cancel::default();
    let engine = session.engine(&cancel);
    let inventory = engine.observe(session.resources())?;
    let generation = session.store.generation()?;
    let forced = arguments.force.iter().cloned().collect();
    let reviewed = review::planned(&session, &engine, generation, &inventory, &forced);
    match format {
        Format::Json => answer_json(&Told::of(&reviewed))?,
        Format::Text => answer(&shown(&session, &reviewed, Style::for_stdout())),
    }
    let plan = reviewed.plan;
    if let Some(file) = &arguments.out {
        // A lab that has never been up has no id yet; the plan carries it, so it must stay.
        session.lock.save().map_err(driver::DriverError::from)?;
        std::fs::write(file, serde_json::to_vec_pretty(&plan)?)?;
        tell(&format!(
            "saved; apply it with: steading up {} --plan {}",
            arguments.rung.lab.lab.display(),
            file.display()
        ));
    }
    Ok(if plan.notes.iter().any(|note| note.refused) {
        Exit::Refused
    } else if arguments.exit_code && !plan.is_empty() {
        Exit::ChangesDue
    } else {
        Exit::Done
    })
}

/// A plan as programs get it: as it is saved, and beside it what its steps mean for what runs.
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    consequences: &'a BTreeMap<Address, Vec<String>>,
}

impl<'a> Told<'a> {
    pub(crate) const fn of(reviewed: &'a Reviewed) -> Self {
        Self {
            plan: &reviewed.plan,
            consequences: &reviewed.consequences,
        }
    }
}

/// A plan as text, with what this machine knows about its steps; of a replica, what is other in it.
pub(crate) fn shown(session: &Session, reviewed: &Reviewed, style: Style) -> String {
    let plan = &reviewed.plan;
    let known = Known {
        session,
        consequences: &reviewed.consequences,
    };
    let mut text = plan_text(plan, &known, style);
    for one in session.container.troubles(&session.scope) {
        let trouble = &one.trouble;
        let what = format!("{trouble}: {}", trouble.does());
        text = format!(
            "  {} {what}; steading on {} ends that\n{text}",
            style.warn("made to go wrong"),
            trouble.key()
        );
    }
    match &session.checked.replica {
        Some(changes) if creates(plan) => format!("{}\n{text}", replica::text(changes, style)),
        _ => text,
    }
}

/// Whether a plan makes the lab, rather than mends it.
fn creates(plan: &Plan) -> bool {
    let member = |step: &&Step| step.address.kind == Kind::Member;
    let mut members = plan.steps.iter().filter(member);
    members.any(|step| step.action == Action::Create)
}

struct Known<'a> {
    session: &'a Session,
    consequences: &'a BTreeMap<Address, Vec<String>>,
}

impl StepNotes for Known<'_> {
    fn remark(&self, step: &Step) -> String {
        match &step.resource.spec {
            Spec::Artifact(artifact) => Recipe::find(artifact.name.as_str()).map_or_else(
                |_| String::new(),
                |recipe| {
                    format!(
                        "{}: downloaded or built, {}, at most about {}",
                        recipe.about, recipe.size, recipe.build_time
                    )
                },
            ),
            Spec::Image(image) => format!(
                "Debian {} with {} packages, about 130 MB to download, 1 GB on disk, shared by all nodes",
                image.debian,
                image.packages.len()
            ),
            Spec::Objects(objects) if step.action != Action::Delete => {
                format!("{}, {} objects", objects.source, objects.objects.len())
            }
            _ => String::new(),
        }
    }

    fn usually(&self, step: &Step) -> Option<u64> {
        let past = self.session.store.past();
        Some(past.usual(&step.address, step.action)?.as_secs())
    }

    fn consequences(&self, step: &Step) -> &[String] {
        self.consequences
            .get(&step.address)
            .map_or(&[], Vec::as_slice)
    }
}
