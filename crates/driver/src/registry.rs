//! The list of drivers that a front end hands to the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::resource::Kind;

use crate::Driver;

/// Drivers by the kinds that they look after.
#[derive(Clone, Default)]
pub struct Registry {
    drivers: Vec<Arc<dyn Driver>>,
    by_kind: BTreeMap<Kind, usize>,
}

impl Registry {
    /// The registry of these drivers. Where two claim one kind, the first has it.
    #[must_use]
    pub fn new(drivers: Vec<Arc<dyn Driver>>) -> Self {
        let mut by_kind = BTreeMap::new();
        for (index, driver) in drivers.iter().enumerate() {
            for kind in driver.kinds() {
                by_kind.entry(*kind).or_insert(index);
            }
        }
        Self { drivers, by_kind }
    }

    /// The driver that looks after a kind.
    #[must_use]
    pub fn driver(&self, kind: Kind) -> Option<&Arc<dyn Driver>> {
        self.drivers.get(*self.by_kind.get(&kind)?)
    }

    /// All drivers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Driver>> {
        self.drivers.iter()
    }
}
