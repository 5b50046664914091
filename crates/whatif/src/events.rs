//! What happens: things are switched off or fail, and may return.

use model::lab::Availability;

use crate::semantics::Course;
use crate::span::Ms;
use crate::world::{Element, Failure, NotFound, World};

/// What happens at time 0, and what was the case before.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What is off already.
    pub away: Failure,
    /// What is switched off.
    pub off: Failure,
    /// What fails.
    pub fail: Failure,
    /// What is switched off is shut down in order, instead of losing its power.
    pub graceful: bool,
    /// Nodes that go are marked out-of-service at once, because somebody knows that they are off.
    pub fenced: bool,
    /// Nodes that go are drained first.
    pub drained: bool,
    /// What was switched off returns after that time.
    pub back: Option<Ms>,
    /// A battery carries it for that long first; all times are from when that is empty.
    pub carried: Ms,
    all: Failure,
}

impl Scenario {
    /// Nothing happens.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            away: world.no_failure(),
            off: world.no_failure(),
            fail: world.no_failure(),
            graceful: false,
            fenced: false,
            drained: false,
            back: None,
            carried: 0,
            all: world.no_failure(),
        }
    }

    /// These things, named as a person names them, are switched off.
    ///
    /// # Errors
    /// Where nothing is called so.
    pub fn off(mut self, world: &World, name: &str) -> Result<Self, NotFound> {
        world.add_named(name, &mut self.off)?;
        Ok(self)
    }

    /// These things fail.
    ///
    /// # Errors
    /// Where nothing is called so.
    pub fn fail(mut self, world: &World, name: &str) -> Result<Self, NotFound> {
        world.add_named(name, &mut self.fail)?;
        Ok(self)
    }

    /// Exactly these elements fail; allocates nothing.
    pub fn fail_only(&mut self, failure: &Failure) {
        self.off.clear();
        self.away.clear();
        self.fail.copy_from(failure);
    }

    /// It happens at that minute of the day: hosts with hours are off outside of them. If nothing
    /// else happens, their going off is what happens.
    #[must_use]
    pub fn at(mut self, world: &World, minute: u16) -> Self {
        let mut closed = world.no_failure();
        for (id, host) in world.hosts.iter() {
            if matches!(host.availability, Availability::On(hours) if !hours.contains(minute)) {
                closed.insert(world.element(Element::Host(id)));
            }
        }
        if self.off.is_empty() && self.fail.is_empty() {
            self.off = closed;
        } else {
            closed.less(&self.off);
            closed.less(&self.fail);
            self.away = closed;
        }
        self
    }

    /// In order.
    #[must_use]
    pub const fn graceful(mut self) -> Self {
        self.graceful = true;
        self
    }

    /// Its nodes are marked out-of-service.
    #[must_use]
    pub const fn fenced(mut self) -> Self {
        self.fenced = true;
        self
    }

    /// Its nodes are drained first.
    #[must_use]
    pub const fn drained(mut self) -> Self {
        self.drained = true;
        self
    }

    /// What was switched off returns.
    #[must_use]
    pub const fn then_on(mut self, after: Ms) -> Self {
        self.back = Some(after);
        self
    }

    /// Everything that is gone once it has happened.
    pub fn gone(&mut self) -> &Failure {
        self.all.copy_from(&self.away);
        self.all.add(&self.off);
        self.all.add(&self.fail);
        &self.all
    }

    /// Whether pods can end before their machine does.
    #[must_use]
    pub fn in_order(&self) -> bool {
        self.graceful && self.fail.is_empty()
    }

    /// A course, with what the scenario says of it. What fails is not drained.
    #[must_use]
    pub fn course(&self, course: Course) -> Course {
        Course {
            fenced: self.fenced,
            ended: self.in_order(),
            drained: self.drained && self.fail.is_empty(),
            ..course
        }
    }
}

/// A question in names, so that it can be asked of several worlds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// What is switched off.
    pub off: Vec<String>,
    /// What fails.
    pub fail: Vec<String>,
    /// At which minute of the day.
    pub at: Option<u16>,
    /// In order.
    pub graceful: bool,
    /// Its nodes are marked out-of-service.
    pub fenced: bool,
    /// Its nodes are drained first.
    pub drained: bool,
    /// What was switched off returns after that time.
    pub back: Option<Ms>,
}

impl Question {
    /// The question for a world.
    ///
    /// # Errors
    /// Where nothing is called as the question says.
    pub fn of(&self, world: &World) -> Result<Scenario, NotFound> {
        let mut scenario = Scenario::new(world);
        for name in &self.off {
            scenario = scenario.off(world, name)?;
        }
        for name in &self.fail {
            scenario = scenario.fail(world, name)?;
        }
        if let Some(minute) = self.at {
            scenario = scenario.at(world, minute);
        }
        let carried = self.off.iter().chain(&self.fail);
        scenario.carried = carried
            .filter_map(|names| world.carried(names))
            .min()
            .unwrap_or(0);
        scenario.graceful = self.graceful;
        scenario.fenced = self.fenced;
        scenario.drained = self.drained;
        // Power that is back before the battery is empty was never gone.
        if self.back.is_some_and(|back| back <= scenario.carried) && scenario.carried > 0 {
            scenario.off.clear();
            scenario.fail.clear();
        }
        scenario.back = self.back.map(|back| back.saturating_sub(scenario.carried));
        Ok(scenario)
    }
}
