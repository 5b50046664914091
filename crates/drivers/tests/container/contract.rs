//! The contract suite that the simulated twins pass, too.

use model::plan::Step;
use model::resource::Spec;
use testkit::contract::Case;

use crate::lab::{Image, Lab};
use crate::life::teardown;

pub fn the_contract_is_kept(image: &Image) {
    let lab = Lab::new(image, 5);
    let case = |step: &Step| Case::new(&lab.driver, lab.scope.clone(), step.resource.clone());
    let (network, machine, forward) = (lab.network(), lab.machine(1, 2, 1), lab.forward(&["n1"]));
    let mut narrow = network.resource.spec.clone();
    if let Spec::Network(spec) = &mut narrow {
        spec.mtu = 1400;
    }
    case(&network).change(narrow).run();
    lab.apply(&network);
    let host = lab.host("a");
    let mut narrow = host.resource.spec.clone();
    if let Spec::Host(spec) = &mut narrow {
        spec.links.values_mut().for_each(|link| link.mtu = 1400);
    }
    case(&host).change(narrow).run();
    case(&machine)
        .change(lab.machine(1, 4, 2).resource.spec)
        .run();
    lab.apply(&machine);
    case(&forward)
        .change(lab.forward(&["n1", "n2"]).resource.spec)
        .run();
    teardown(&lab, &[&machine, &network]);
}
