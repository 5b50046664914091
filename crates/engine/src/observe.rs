//! Looking at the world through all drivers at once.

use std::collections::BTreeMap;

use driver::{Registry, Scope};
use model::inventory::Inventory;
use model::resource::{Kind, Resource};

use crate::{EngineError, apply};

/// Asks every driver about the things of its kinds.
pub(crate) fn observe(
    scope: &Scope,
    registry: &Registry,
    resources: &[Resource],
) -> Result<Inventory, EngineError> {
    let mut things = BTreeMap::new();
    let mut failure = None;
    std::thread::scope(|threads| {
        let looks: Vec<_> = registry
            .iter()
            .map(|driver| {
                let kinds = driver.kinds();
                let wanted: Vec<&Resource> = resources
                    .iter()
                    .filter(|resource| kinds.contains(&resource.address.kind))
                    .collect();
                (kinds, threads.spawn(move || driver.observe(scope, &wanted)))
            })
            .collect();
        for (kinds, look) in looks {
            let seen = look
                .join()
                .unwrap_or_else(|panic| Err(apply::unexpected(&*panic)));
            match seen {
                Ok(seen) => things.extend(seen),
                Err(source) => {
                    let kind = kinds.first().map_or("nothing", |kind: &Kind| kind.as_str());
                    failure.get_or_insert(EngineError::Observe { kind, source });
                }
            }
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(Inventory { things }),
    }
}
