//! A server, its allocator and its settings.

use crate::strings::Strings;
use crate::target::Layout;
use crate::{Allocator, Settings, Tables, Target};

/// Levels of a skip list node (`src/server.h`, `ZSKIPLIST_MAXLEVEL`).
const LEVELS_MAX: u64 = 32;
/// A level of a node: a pointer and a span.
pub(crate) const LEVEL_BYTES: u64 = 16;
/// A further level is one of four (`ZSKIPLIST_P`).
const NEXT_LEVEL: f64 = 0.25;
/// Elements whose node sizes are looked up, by the bytes of the element inside the node.
const LOOKED_UP_BYTES: usize = 512;

/// Sums of expectations are kept in this part of a byte, as integers, so that their order changes nothing.
pub(crate) const PARTS: f64 = 4_096.0;

/// How much memory values take on a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    target: Target,
    pub(crate) layout: &'static Layout,
    pub(crate) allocator: Allocator,
    pub(crate) settings: Settings,
    pub(crate) strings: Strings,
    /// A skip list node without its element.
    pub(crate) node: Drawn,
    /// One with an element of so many bytes inside.
    nodes: Vec<Drawn>,
    name: String,
}

/// A size that is drawn by lot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Model {
    /// The model of a server.
    pub fn new(target: Target, allocator: Allocator, settings: Settings) -> Model {
        let layout = target.layout();
        let nodes = match layout.embeds_members {
            Some(members) => (0..LOOKED_UP_BYTES as u64)
                .map(|bytes| drawn(allocator, members.head + bytes))
                .collect(),
            None => Vec::new(),
        };
        Model {
            target,
            layout,
            allocator,
            strings: Strings::new(layout, allocator),
            node: drawn(allocator, NODE_BYTES),
            nodes,
            name: Tables::new(target, allocator, settings.cluster).to_string(),
            settings,
        }
    }

    /// What it is called in documents: server, allocator and mode.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server.
    pub fn target(&self) -> Target {
        self.target
    }

    /// The allocator.
    pub fn allocator(&self) -> Allocator {
        self.allocator
    }

    /// The server's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What a node needs besides its keys.
    pub fn tables(&self) -> Tables {
        Tables::new(self.target, self.allocator, self.settings.cluster)
    }

    #[inline]
    pub(crate) fn usable(&self, request: u64) -> u64 {
        self.allocator.usable(request)
    }

    /// What MEMORY USAGE counts for a blob of so many bytes.
    pub(crate) fn reported_blob(&self, request: u64) -> u64 {
        match self.layout.has_ziplists || self.layout.keeps_totals {
            true => request,
            false => self.usable(request),
        }
    }

    /// What it counts for a structure of so many bytes.
    pub(crate) fn reported_struct(&self, request: u64) -> u64 {
        match self.layout.keeps_totals {
            true => self.usable(request),
            false => request,
        }
    }

    /// A skip list node with a string of so many bytes in it, behind a head of so many.
    pub(crate) fn node_with(&self, head: u64, member_bytes: u64) -> Drawn {
        let at = usize::try_from(member_bytes).unwrap_or(usize::MAX);
        match self.nodes.get(at) {
            Some(&node) => node,
            None => drawn(self.allocator, head.saturating_add(member_bytes)),
        }
    }
}

/// A skip list node without levels (`src/server.h`, `zskiplistNode`).
const NODE_BYTES: u64 = 24;

/// A node of so many bytes and its levels.
fn drawn(allocator: Allocator, bytes: u64) -> Drawn {
    let mut probability = 1.0 - NEXT_LEVEL;
    let (mut mean, mut square) = (0.0, 0.0);
    for levels in 1..=LEVELS_MAX {
        let size = allocator.usable(bytes.saturating_add(LEVEL_BYTES * levels));
        let size = crate::table::as_float(size);
        mean += probability * size;
        square += probability * size * size;
        probability *= NEXT_LEVEL;
    }
    Drawn {
        mean,
        variance: (square - mean * mean).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured over the skip lists of running servers: means and standard deviations of a node.
    #[test]
    fn nodes_of_skip_lists_have_the_sizes_that_were_measured() {
        for (allocator, mean, deviation) in [
            (Allocator::Je3, 45.84, 12.26),
            (Allocator::Je4, 53.34, 10.70),
        ] {
            let node = drawn(allocator, NODE_BYTES);
            assert!((node.mean - mean).abs() < 0.01, "{allocator}: {node:?}");
            assert!(
                (node.variance.sqrt() - deviation).abs() < 0.01,
                "{allocator}: {node:?}"
            );
        }
    }
}
