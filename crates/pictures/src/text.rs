//! A lab as a drawing of letters, for the terminal.

use crate::scene::{Host, Scene};

/// The lab as text, about as wide as a terminal.
#[must_use]
pub fn text(scene: &Scene) -> String {
    let mut text = format!("{}\n", clean(&scene.lab));
    for site in &scene.sites {
        let name = site.name.as_ref().map_or("hosts", |name| name.as_str());
        text.push_str(&format!("\n{}\n", clean(name)));
        let last = site.hosts.len().saturating_sub(1);
        for (at, host) in site.hosts.iter().enumerate() {
            text.push_str(&one_host(scene, host, at == last));
        }
    }
    text.push_str(&networks(scene));
    if !scene.storages.is_empty() {
        text.push_str("\nstorage\n");
        text.push_str(&rows(scene.storages.iter().map(|part| {
            let part = scene.part(*part);
            (clean(&part.name), clean(&part.about))
        })));
    }
    for cluster in &scene.clusters {
        text.push_str(&format!("\ncluster {}\n", clean(&cluster.title)));
        text.push_str(&rows(cluster.rows.iter().map(|(heading, parts)| {
            let names: Vec<String> = parts
                .iter()
                .map(|part| clean(&scene.part(*part).name))
                .collect();
            ((*heading).to_owned(), names.join(", "))
        })));
    }
    text
}

/// Text of a lab without what would move the cursor.
fn clean(text: &str) -> String {
    let visible = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(visible).collect()
}

fn one_host(scene: &Scene, host: &Host, last: bool) -> String {
    let (branch, trunk) = if last {
        ("└─", "   ")
    } else {
        ("├─", "│  ")
    };
    let part = scene.part(host.part);
    let mut words = Vec::new();
    if !part.about.is_empty() {
        words.push(clean(&part.about));
    }
    let networks: Vec<String> = scene
        .networks
        .iter()
        .filter(|network| network.hosts.contains(&host.part))
        .map(|network| clean(&scene.part(network.part).name))
        .collect();
    if !networks.is_empty() {
        words.push(format!("in {}", networks.join(", ")));
    }
    let mut text = format!("{branch} {}", clean(&part.name));
    if !words.is_empty() {
        text.push_str(&format!("  ({})", words.join("; ")));
    }
    text.push('\n');
    let disks = disks(scene, host);
    let inner = usize::from(disks.is_some()) + host.nodes.len();
    let lines = disks.into_iter().chain(host.nodes.iter().map(|node| {
        let name = clean(&scene.part(node.part).name);
        let pods: Vec<String> = node
            .pods
            .iter()
            .map(|pod| clean(&scene.part(*pod).name))
            .collect();
        let pods = if pods.is_empty() {
            String::new()
        } else {
            format!("; runs {}", pods.join(", "))
        };
        format!("node {name}  ({}{pods})", node.line)
    }));
    for (at, line) in lines.enumerate() {
        let branch = if at + 1 == inner { "└─" } else { "├─" };
        text.push_str(&format!("{trunk}{branch} {line}\n"));
    }
    text
}

fn disks(scene: &Scene, host: &Host) -> Option<String> {
    let names: Vec<String> = host
        .disks
        .iter()
        .map(|disk| clean(&scene.part(*disk).name))
        .collect();
    (!names.is_empty()).then(|| format!("disks {}", names.join(", ")))
}

fn networks(scene: &Scene) -> String {
    if scene.networks.is_empty() {
        return String::new();
    }
    let told = scene.networks.iter().map(|network| {
        let part = scene.part(network.part);
        let hosts: Vec<String> = network
            .hosts
            .iter()
            .map(|host| clean(&scene.part(*host).name))
            .collect();
        let line = clean(&network.line);
        let mut words: Vec<String> = (!line.is_empty()).then_some(line).into_iter().collect();
        if !hosts.is_empty() {
            words.push(hosts.join(", "));
        }
        (clean(&part.name), words.join(": "))
    });
    format!("\nnetworks\n{}", rows(told))
}

/// Names and what there is to say of them, in two columns.
fn rows(all: impl Iterator<Item = (String, String)>) -> String {
    const ROOM: usize = 76;
    let all: Vec<(String, String)> = all.collect();
    let wide = all.iter().map(|(name, _)| name.chars().count()).max();
    let wide = wide.unwrap_or(0);
    let mut text = String::new();
    for (name, about) in all {
        let mut line = format!("  {name:<wide$}");
        let mut used = wide + 2;
        for (at, word) in about.split(' ').enumerate() {
            let long = word.chars().count();
            if at > 0 && used + 1 + long > ROOM.max(wide + 30) {
                text.push_str(line.trim_end());
                text.push('\n');
                line = " ".repeat(wide + 3);
                used = wide + 3;
            }
            line.push_str(if at == 0 { "  " } else { " " });
            line.push_str(word);
            used += long + 1;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
