//! The placing itself.

use super::measure::{fitting, width};
use super::{Item, Layout, MARGIN, Rect, WIDTH};
use crate::scene::{Host, Network, Scene, Site};

/// Between things.
const GAP: f64 = 12.0;
/// From a frame to what is in it, and the height of its title.
const PAD: f64 = 12.0;
const TITLE: f64 = 24.0;
/// A host: its width, the height of its name and of each line.
/// Columns of them fill the width.
const HOST: f64 = (WIDTH - 2.0 * (MARGIN + PAD) - 4.0 * GAP) / 5.0;
const WIDEST: f64 = 280.0;
const NAME: f64 = 24.0;
const LINE: f64 = 16.0;
/// A node: its height without pods.
const NODE: f64 = 40.0;
/// A chip, and a bar.
const CHIP: f64 = 20.0;
const SMALL: f64 = 17.0;
const BAR: f64 = 20.0;
const BAR_GAP: f64 = 6.0;
/// The sizes of letters.
const NORMAL: f64 = 12.0;
/// Letters of 11 that are not bold are as wide as bold ones of 10.
const FINE: f64 = 10.0;
/// Room for the mark of a state beside a name.
const MARK: f64 = 30.0;
/// As many hosts stand beside each other.
const COLUMNS: usize = 5;

/// How the hosts of a place stand.
#[derive(Clone, Copy)]
struct Grid {
    /// Beside each other.
    columns: usize,
    /// The width of each.
    host: f64,
}

impl Grid {
    /// Rows of about the same length; where there are several, they fill the width.
    fn of(hosts: usize) -> Self {
        let rows = hosts.div_ceil(COLUMNS).max(1);
        let columns = hosts.div_ceil(rows).max(1);
        let filling = (WIDTH - 2.0 * (MARGIN + PAD) + GAP) / columns as f64 - GAP;
        let host = if rows > 1 { filling.min(WIDEST) } else { HOST };
        Self { columns, host }
    }

    fn width(self) -> f64 {
        self.columns as f64 * (self.host + GAP) - GAP + 2.0 * PAD
    }
}

/// Places all of a scene.
pub(crate) fn place(scene: &Scene) -> Layout {
    let mut page = Page {
        scene,
        layout: Layout {
            width: WIDTH,
            ..Layout::default()
        },
    };
    let mut y = page.sites(MARGIN);
    y = page.elsewhere(y);
    y = page.storages(y);
    for at in 0..scene.clusters.len() {
        y = page.cluster(at, y);
    }
    page.layout.height = y - GAP + MARGIN;
    page.layout
}

/// A name and what is said of it, without its last parts where there is no room for them: an address
/// that is cut off tells nothing.
fn as_much(name: &str, said: &str, room: f64) -> String {
    let mut parts: Vec<&str> = said.split(", ").filter(|part| !part.is_empty()).collect();
    while !parts.is_empty() {
        let text = format!("{name} · {}", parts.join(", "));
        if width(&text, FINE) <= room {
            return text;
        }
        parts.pop();
    }
    fitting(name, FINE, room)
}

struct Page<'a> {
    scene: &'a Scene,
    layout: Layout,
}

impl Page<'_> {
    fn add(&mut self, item: Item) {
        self.layout.items.push(item);
    }

    /// The sites, beside each other as far as there is room.
    fn sites(&mut self, mut y: f64) -> f64 {
        let mut x = MARGIN;
        let mut below = y;
        for site in &self.scene.sites {
            let grid = Grid::of(site.hosts.len());
            let wide = grid.width();
            if x > MARGIN && x + wide > WIDTH - MARGIN + 0.5 {
                (x, y) = (MARGIN, below);
            }
            let height = self.site(site, grid, x, y);
            below = below.max(y + height + GAP);
            x += wide + GAP;
        }
        below
    }

    fn site(&mut self, site: &Site, grid: Grid, x: f64, y: f64) -> f64 {
        let wide = grid.width();
        let frame = self.layout.items.len();
        let title = site.name.as_ref().map_or("hosts", |name| name.as_str());
        let mut at = y + TITLE;
        for row in site.hosts.chunks(grid.columns) {
            at = self.row(row, grid, x + PAD, at) + GAP;
        }
        let height = at - y - GAP + PAD;
        let at = Rect {
            x,
            y,
            width: wide,
            height,
        };
        let mut room = wide - 2.0 * PAD;
        if let Some(part) = site.uplink {
            // It has no host to be drawn above: it leads out of the place as a whole.
            let text = fitting(&self.scene.part(part).name, FINE, room / 2.0);
            let long = width(&text, FINE) + 16.0 + MARK;
            let at = Rect {
                x: x + wide - PAD - long,
                y: y + 3.0,
                width: long,
                height: SMALL,
            };
            self.add(Item::Chip { at, part, text });
            room -= long;
        }
        let title = fitting(title, NORMAL, room);
        self.layout.items.insert(frame, Item::Frame { at, title });
        height
    }

    /// Hosts beside each other, below the networks that they are in; gives where it ends.
    fn row(&mut self, hosts: &[Host], grid: Grid, x: f64, y: f64) -> f64 {
        let scene = self.scene;
        let is_here = |part: &usize| hosts.iter().any(|host| host.part == *part);
        let networks: Vec<&Network> = scene
            .networks
            .iter()
            .filter(|network| network.hosts.iter().any(is_here))
            .collect();
        let top = y + networks.len() as f64 * (BAR + BAR_GAP) + GAP / 2.0;
        // Wires first: bars that they only pass lie above them.
        let mut plugs = Vec::new();
        for (row, network) in networks.iter().enumerate() {
            for (column, host) in hosts.iter().enumerate() {
                if network.hosts.contains(&host.part) {
                    let step = (grid.host - 28.0) / networks.len().max(6) as f64;
                    let at = x + column as f64 * (grid.host + GAP) + 14.0 + row as f64 * step;
                    let from = y + row as f64 * (BAR + BAR_GAP) + BAR;
                    let part = network.part;
                    self.add(Item::Wire {
                        part,
                        x: at,
                        from,
                        to: top,
                    });
                    plugs.push(Item::Plug {
                        part,
                        x: at,
                        y: from,
                    });
                }
            }
        }
        for (row, network) in networks.iter().enumerate() {
            let at = Rect {
                x,
                y: y + row as f64 * (BAR + BAR_GAP),
                width: grid.width() - 2.0 * PAD,
                height: BAR,
            };
            self.bar(network, at);
        }
        self.layout.items.append(&mut plugs);
        let mut height: f64 = 0.0;
        for (column, host) in hosts.iter().enumerate() {
            let tall = self.host(host, grid.host, x + column as f64 * (grid.host + GAP), top);
            height = height.max(tall);
        }
        top + height
    }

    fn bar(&mut self, network: &Network, at: Rect) {
        let name = &self.scene.part(network.part).name;
        let text = as_much(name, &network.line, at.width - 2.0 * PAD - MARK);
        let part = network.part;
        self.add(Item::Bar { at, part, text });
    }

    /// Networks that no host is drawn at.
    fn elsewhere(&mut self, y: f64) -> f64 {
        let scene = self.scene;
        let alone: Vec<usize> = scene
            .networks
            .iter()
            .filter(|network| network.hosts.is_empty())
            .filter(|network| {
                scene
                    .sites
                    .iter()
                    .all(|site| site.uplink != Some(network.part))
            })
            .map(|network| network.part)
            .collect();
        if alone.is_empty() {
            return y;
        }
        self.panel("further networks", &[("", alone)], y)
    }

    fn host(&mut self, host: &Host, wide: f64, x: f64, y: f64) -> f64 {
        let room = wide - 2.0 * PAD;
        let tag = host.on.as_ref().map(|on| fitting(on, FINE, room / 2.0));
        let beside = tag.as_ref().map_or(0.0, |tag| width(tag, FINE) + GAP);
        let name = &self.scene.part(host.part).name;
        let mut lines = vec![fitting(name, NORMAL, room - MARK - beside)];
        lines.extend(host.lines.iter().map(|line| fitting(line, FINE, room)));
        let frame = self.layout.items.len();
        let mut at = y + NAME + (lines.len() - 1) as f64 * LINE + 6.0;
        if !host.disks.is_empty() {
            at = self.chips(&host.disks, x + PAD, at, room, SMALL) + 8.0;
        }
        for node in &host.nodes {
            let begins = self.layout.items.len();
            let (inner, node_room) = (x + PAD, room);
            let mut below = at + NODE;
            if !node.pods.is_empty() {
                below = self.chips(&node.pods, inner + 8.0, below, node_room - 16.0, SMALL) + 6.0;
            }
            let name = &self.scene.part(node.part).name;
            let lines = vec![
                fitting(name, NORMAL, node_room - 16.0 - MARK),
                fitting(&node.line, FINE, node_room - 16.0),
            ];
            let item = Item::Box {
                at: Rect {
                    x: inner,
                    y: at,
                    width: node_room,
                    height: below - at,
                },
                part: node.part,
                lines,
                tag: None,
            };
            self.layout.items.insert(begins, item);
            at = below + 8.0;
        }
        let height = at - y + 4.0;
        let item = Item::Box {
            at: Rect {
                x,
                y,
                width: wide,
                height,
            },
            part: host.part,
            lines,
            tag,
        };
        self.layout.items.insert(frame, item);
        height
    }

    /// Chips in as many rows as they take; gives where they end.
    fn chips(&mut self, parts: &[usize], left: f64, y: f64, room: f64, height: f64) -> f64 {
        let (mut x, mut y) = (left, y);
        for part in parts {
            let text = fitting(&self.scene.part(*part).name, FINE, room - 16.0 - MARK);
            // Always room for a mark: chips do not move when their state changes.
            let wide = (width(&text, FINE) + 16.0 + MARK).min(room);
            if x > left && x + wide > left + room {
                (x, y) = (left, y + height + 5.0);
            }
            let at = Rect {
                x,
                y,
                width: wide,
                height,
            };
            self.add(Item::Chip {
                at,
                part: *part,
                text,
            });
            x += wide + 6.0;
        }
        y + height
    }

    fn storages(&mut self, y: f64) -> f64 {
        let scene = self.scene;
        if scene.storages.is_empty() {
            return y;
        }
        let frame = self.layout.items.len();
        let wide = (WIDTH - 2.0 * MARGIN - 2.0 * PAD - 2.0 * GAP) / 3.0;
        let mut at = y + TITLE;
        for row in scene.storages.chunks(3) {
            for (column, part) in row.iter().enumerate() {
                let of = scene.part(*part);
                let lines = vec![
                    fitting(&of.name, NORMAL, wide - 2.0 * PAD - MARK),
                    fitting(&of.about, FINE, wide - 2.0 * PAD),
                ];
                let at = Rect {
                    x: MARGIN + PAD + column as f64 * (wide + GAP),
                    y: at,
                    width: wide,
                    height: NODE,
                };
                self.add(Item::Box {
                    at,
                    part: *part,
                    lines,
                    tag: None,
                });
            }
            at += NODE + GAP;
        }
        self.frame(frame, "storage", y, at - y - GAP + PAD)
    }

    fn cluster(&mut self, at: usize, y: f64) -> f64 {
        let cluster = &self.scene.clusters[at];
        let title = format!("cluster {}", cluster.title);
        self.panel(&title, &cluster.rows, y)
    }

    /// A frame of rows of chips.
    fn panel(&mut self, title: &str, rows: &[(&str, Vec<usize>)], y: f64) -> f64 {
        let frame = self.layout.items.len();
        let headed = rows.iter().any(|(heading, _)| !heading.is_empty());
        let left = MARGIN + PAD + if headed { 90.0 } else { 0.0 };
        let mut at = y + TITLE + 2.0;
        for (heading, parts) in rows {
            if !heading.is_empty() {
                self.add(Item::Heading {
                    x: MARGIN + PAD,
                    y: at + 14.0,
                    text: (*heading).to_owned(),
                });
            }
            at = self.chips(parts, left, at, WIDTH - MARGIN - PAD - left, CHIP) + 8.0;
        }
        self.frame(frame, title, y, at - y - 8.0 + PAD)
    }

    /// A frame over the whole width behind what was added since; gives where the next thing begins.
    fn frame(&mut self, since: usize, title: &str, y: f64, height: f64) -> f64 {
        let at = Rect {
            x: MARGIN,
            y,
            width: WIDTH - 2.0 * MARGIN,
            height,
        };
        let title = fitting(title, NORMAL, at.width - 2.0 * PAD);
        self.layout.items.insert(since, Item::Frame { at, title });
        y + height + GAP
    }
}
