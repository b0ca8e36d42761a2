//! What a snapshot is wrapped in, layer by layer: whether each is whole, and what it takes of the file.

use preshard_parser::source::{Container, Leftover, Source};

use super::behind::Behind;
use crate::{Layer, Part};

/// A wrapping, once what it holds was read.
pub(super) struct Wrapped {
    pub(super) container: Container,
    /// Its own bytes in what holds it; `None` when its end was not reached.
    bytes: Option<u64>,
    /// What stands behind it, up to the end of what holds it. Behind a capture that is what stands behind the snapshot.
    pub(super) behind: Option<Behind>,
    /// What it should hold and does not.
    pub(super) missing: Option<Missing>,
}

/// What a capture lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The last bytes of as many as it says.
    Bytes { announced: u64, there: u64 },
    /// The mark, or the end of it.
    Mark { there: u64 },
}

/// The layers of a source whose snapshot, with what stands behind it, has `bytes` bytes; `behind` is that, where the
/// snapshot's end was reached.
pub(super) fn layers(
    source: &Source,
    leftovers: &[Leftover],
    bytes: u64,
    behind: Option<&Behind>,
) -> Vec<Wrapped> {
    let (wrapping, starts) = (source.wrapping(), source.starts());
    let start = |index: usize| starts.get(index).copied().unwrap_or_default();
    let end_of = |index| leftovers.iter().find(|leftover| leftover.behind == index);
    let layer = |(index, container): (usize, &Container)| {
        if container.is_compressed() {
            let end = end_of(index);
            let outside = wrapping.get(..index).unwrap_or_default();
            return Wrapped {
                container: container.clone(),
                bytes: end.map(|end| end.at - start(index)),
                behind: end.map(|end| Behind::judge(&end.first, end.bytes, outside)),
                missing: None,
            };
        }
        let inner = (index + 1..wrapping.len()).find(|&inner| wrapping[inner].is_compressed());
        let held_to = match inner {
            None => Some(start(wrapping.len()) + bytes),
            Some(inner) => end_of(inner).map(|end| end.at + end.bytes),
        };
        let there = held_to.map(|to| to - start(index + 1));
        Wrapped {
            container: container.clone(),
            bytes: Some(start(index + 1) - start(index)),
            behind: None,
            missing: match (container, there) {
                (&Container::CaptureSized { bytes: announced }, Some(there)) => {
                    (there < announced).then_some(Missing::Bytes { announced, there })
                }
                _ => None,
            },
        }
    };
    let mut layers: Vec<Wrapped> = wrapping.iter().enumerate().map(layer).collect();
    // The mark of a capture stands behind what it holds, be that the snapshot or a container.
    for index in (0..layers.len()).rev() {
        let cut = match layers.get(index + 1) {
            None => behind.filter(|behind| behind.mark_is_cut),
            Some(held) => held.behind.as_ref().filter(|behind| behind.mark_is_cut),
        };
        let there = cut.map(|behind| behind.bytes);
        if let (Some(there), Some(layer)) = (there, layers.get_mut(index)) {
            layer.missing = Some(Missing::Mark { there });
        }
    }
    layers
}

impl Wrapped {
    /// As results tell it.
    pub(super) fn layer(&self) -> Layer {
        let behind = self.behind.iter().flat_map(Behind::parts);
        Layer {
            container: self.container.clone(),
            bytes: self.bytes,
            whole: self.bytes.is_some() && self.missing.is_none(),
            behind: behind
                .filter(|&(_, bytes)| bytes > 0)
                .map(|(kind, bytes)| Part {
                    kind,
                    count: 1,
                    bytes,
                })
                .collect(),
        }
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Missing::Bytes { announced, there } => {
                write!(
                    f,
                    "it says that it holds {announced} bytes, and {there} are there"
                )
            }
            Missing::Mark { there: 0 } => f.write_str("its mark does not stand at its end"),
            Missing::Mark { there } => write!(f, "of its mark {there} bytes stand at its end"),
        }
    }
}
