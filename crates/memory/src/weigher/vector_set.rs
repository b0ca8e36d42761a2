//! Vector sets (redis `modules/vector-sets/vset.c`, `hnsw.c`): what the module writes tells every allocation of the
//! loaded set.
//!
//! The module writes the dimension, the count of elements, the kind of vectors and flags, the matrix of a set that reduces
//! its vectors; then for each element its name, its attribute if any element has one, its vector, and what the graph's node
//! is made of, as a counted run of numbers. What differs from that by as much as one item is not weighed, nor is what no
//! server loads.

use super::{Loaded, Sum, Weight};
use crate::Model;
use crate::key::{AROUND_EMBEDDED_BYTES, EMBEDDED_MAX, OBJECT_BYTES};
use crate::radix::{COMPARED_BYTES_MAX, RadixTree};
use crate::target::Layout;

/// Names are held until the set ends, because their tree needs them in order and the file has them in the order in which
/// they came. Of a set with more bytes of names nothing is known, so that no set takes more memory than this to weigh.
const NAMES_BYTES_MAX: usize = 4 << 20;
/// What a name takes besides its bytes while it is held.
const SPAN_BYTES: usize = size_of::<Span>();

/// `moduleValue` (`src/server.h`), `struct vsetObject`, `HNSW`, and the holder of the radix tree (`src/module.c`,
/// `RedisModuleDict`).
const VALUE_BYTES: u64 = 16;
const SET_BYTES: u64 = 112;
const GRAPH_BYTES: u64 = 1_672;
const TREE_HOLDER_BYTES: u64 = 8;
/// `hnswNode` without layers, `hnswNodeLayer`, and `struct vsetNodeVal`.
const NODE_BYTES: u64 = 312;
const LAYER_BYTES: u64 = 24;
const NODE_VALUE_BYTES: u64 = 16;
const POINTER_BYTES: u64 = 8;
const FLOAT_BYTES: u64 = 4;

const DIMENSION_MAX: u64 = 1 << 16;
/// `HNSW_DEFAULT_M`, `HNSW_MAX_M`, and what the loader takes for links of one layer.
const LINKS_DEFAULT: u64 = 16;
const LINKS_MAX: u64 = 4_096;
const STORED_LINKS_MAX: u64 = 4 * LINKS_MAX;

const HAS_MATRIX: u64 = 1;
const HAS_ATTRIBUTES: u64 = 2;

/// Elements that MEMORY USAGE looks at, and what it takes for an attribute when none of them has one.
const SAMPLED: u64 = 20;
const ATTRIBUTE_GUESSED_BYTES: u64 = 64;
/// What it counts for the tree, for each element.
const COUNTED_IN_TREE: u64 = 16;

/// Sizes a vector set while the items of its module go by.
#[derive(Debug, Clone)]
pub struct VectorSet<'m> {
    model: &'m Model,
    next: Next,
    dimension: u64,
    /// Elements that are said to be there, and those that went by.
    announced: u64,
    elements: u64,
    vector_bytes: u64,
    /// Links of a node in the upper layers; there are twice as many in the lowest.
    links: u64,
    has_attributes: bool,
    matrix_bytes: u64,
    used_bytes: u64,
    names: Names,
    /// What the names and attributes of the last elements are reported to take: the last one loaded is the first of the
    /// server's list.
    sampled: [Sample; SAMPLED as usize],
    with_attribute: u64,
    /// Links in the lowest layer of the last node.
    lowest_links: u64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Dimension,
    Count,
    Kind,
    Flags,
    MatrixDimension,
    Matrix,
    Name,
    Attribute,
    Vector,
    Parameters,
    Parameter {
        left: u64,
        what: Parameter,
    },
    End,
    /// This is no vector set as servers write it.
    Unknown,
}

/// A number of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Id,
    Levels,
    Links(Layer),
    LinksMax { layer: Layer, links: u64 },
    Link { layer: Layer, left: u64 },
    WorstLink(Layer),
    Range,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layer {
    level: u64,
    /// The highest level of the node.
    top: u64,
    has_worst_link: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    name: u64,
    attribute: u64,
}

/// Names, one behind the other.
#[derive(Debug, Clone, Default)]
struct Names {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from: u32,
    to: u32,
}

impl Names {
    /// Whether there was room for it.
    fn push(&mut self, name: &[u8]) -> bool {
        let held = self.bytes.len() + SPAN_BYTES * self.spans.len();
        if held + name.len() + SPAN_BYTES > NAMES_BYTES_MAX {
            return false;
        }
        let from = self.bytes.len();
        let Ok(span) = Span::new(from, from + name.len()) else {
            return false;
        };
        self.bytes.extend_from_slice(name);
        self.spans.push(span);
        true
    }

    fn into_tree(mut self, model: &Model) -> RadixTree {
        let bytes = &self.bytes;
        self.spans.sort_unstable_by_key(|span| span.of(bytes));
        let mut tree = RadixTree::new(model.allocator);
        for span in &self.spans {
            tree.add(span.of(bytes));
        }
        tree
    }
}

impl Span {
    fn new(from: usize, to: usize) -> Result<Span, std::num::TryFromIntError> {
        Ok(Span {
            from: from.try_into()?,
            to: to.try_into()?,
        })
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.from as usize..self.to as usize)
            .unwrap_or_default()
    }
}

impl<'m> VectorSet<'m> {
    pub(super) fn new(model: &'m Model) -> VectorSet<'m> {
        let structures = [VALUE_BYTES, SET_BYTES, GRAPH_BYTES, TREE_HOLDER_BYTES];
        VectorSet {
            model,
            next: match model.layout.has_vector_sets {
                true => Next::Dimension,
                false => Next::Unknown,
            },
            dimension: 0,
            announced: 0,
            elements: 0,
            vector_bytes: 0,
            links: 0,
            has_attributes: false,
            matrix_bytes: 0,
            used_bytes: structures.map(|bytes| model.usable(bytes)).iter().sum(),
            names: Names::default(),
            sampled: [Sample::default(); SAMPLED as usize],
            with_attribute: 0,
            lowest_links: 0,
        }
    }

    /// Whether the string that comes next is a name, of which [`VectorSet::string`] must be told the bytes.
    #[inline]
    pub fn wants_name(&self) -> bool {
        self.next == Next::Name
    }

    /// Something that vector sets do not have.
    pub fn other(&mut self) {
        self.next = Next::Unknown;
    }

    /// An unsigned number.
    #[inline]
    pub fn number(&mut self, number: u64) {
        self.next = self.after_number(number).unwrap_or(Next::Unknown);
    }

    /// A string of so many bytes, and whether it is compressed in the file. `name` are its bytes where
    /// [`VectorSet::wants_name`], and all of them.
    pub fn string(&mut self, bytes: u64, is_compressed: bool, name: Option<&[u8]>) {
        self.next = self
            .after_string(bytes, is_compressed, name)
            .unwrap_or(Next::Unknown);
    }

    #[inline]
    fn after_number(&mut self, number: u64) -> Option<Next> {
        Some(match self.next {
            Next::Dimension if (1..=DIMENSION_MAX).contains(&number) => {
                self.dimension = number;
                Next::Count
            }
            Next::Count => {
                self.announced = number;
                Next::Kind
            }
            Next::Kind => {
                self.vector_bytes = match number & 0xff {
                    0 => FLOAT_BYTES * self.dimension,
                    1 => self.dimension,
                    2 => 8 * self.dimension.div_ceil(64),
                    _ => return None,
                };
                self.links = match number >> 8 {
                    0 => LINKS_DEFAULT,
                    links @ 1..=0xffff => links.min(LINKS_MAX),
                    _ => return None,
                };
                Next::Flags
            }
            Next::Flags if number <= HAS_MATRIX | HAS_ATTRIBUTES => {
                self.has_attributes = number & HAS_ATTRIBUTES != 0;
                match number & HAS_MATRIX {
                    0 => self.element_or_end(),
                    _ => Next::MatrixDimension,
                }
            }
            Next::MatrixDimension if (self.dimension..=DIMENSION_MAX).contains(&number) => {
                self.matrix_bytes = FLOAT_BYTES * number * self.dimension;
                self.allocate(self.matrix_bytes);
                Next::Matrix
            }
            Next::Parameters if number > 0 => Next::Parameter {
                left: number,
                what: Parameter::Id,
            },
            Next::Parameter { left, what } => {
                let next = self.after_parameter(what, number)?;
                match (next, left - 1) {
                    (None, 0) => {
                        self.elements += 1;
                        self.element_or_end()
                    }
                    (Some(_), 0) | (None, _) => return None,
                    (Some(what), left) => Next::Parameter { left, what },
                }
            }
            _ => return None,
        })
    }

    fn element_or_end(&self) -> Next {
        match self.elements < self.announced {
            true => Next::Name,
            false => Next::End,
        }
    }

    /// The number of the node that follows this one, if any does.
    #[inline]
    fn after_parameter(&mut self, what: Parameter, number: u64) -> Option<Option<Parameter>> {
        Some(Some(match what {
            Parameter::Id => Parameter::Levels,
            Parameter::Levels => {
                let layer = Layer::lowest(number)?;
                self.allocate(NODE_BYTES + LAYER_BYTES * (layer.top + 1));
                Parameter::Links(layer)
            }
            Parameter::Links(layer) => Parameter::LinksMax {
                layer,
                links: number,
            },
            Parameter::LinksMax { layer, links } => {
                if number > STORED_LINKS_MAX || links > number {
                    return None;
                }
                self.add_links(layer, number);
                layer.after_links(links)
            }
            Parameter::Link { layer, left } => layer.after_links(left - 1),
            Parameter::WorstLink(layer) => layer.above(),
            Parameter::Range => return Some(None),
        }))
    }

    /// Room for links: a node has room for as many as its set says, or for more where it was saved with more.
    fn add_links(&mut self, layer: Layer, stored_max: u64) {
        let links = match layer.level {
            0 => stored_max.max(2 * self.links),
            _ => stored_max.max(self.links),
        };
        if layer.level == 0 {
            self.lowest_links = links;
        }
        self.allocate(POINTER_BYTES * links);
    }

    fn allocate(&mut self, bytes: u64) {
        self.used_bytes = self.used_bytes.saturating_add(self.model.usable(bytes));
    }

    fn after_string(
        &mut self,
        bytes: u64,
        is_compressed: bool,
        name: Option<&[u8]>,
    ) -> Option<Next> {
        Some(match self.next {
            Next::Matrix if bytes == self.matrix_bytes => self.element_or_end(),
            Next::Name => {
                let name = name.filter(|name| {
                    name.len() as u64 == bytes && name.len() <= COMPARED_BYTES_MAX
                })?;
                if !self.names.push(name) {
                    return None;
                }
                let reported = self.add_string(bytes, is_compressed);
                *self.sample() = Sample {
                    name: reported,
                    attribute: 0,
                };
                match self.has_attributes {
                    true => Next::Attribute,
                    false => Next::Vector,
                }
            }
            Next::Attribute => {
                if bytes > 0 {
                    let reported = self.add_string(bytes, is_compressed);
                    self.sample().attribute = reported;
                    self.with_attribute += 1;
                }
                Next::Vector
            }
            Next::Vector if bytes == self.vector_bytes => {
                self.allocate(bytes);
                self.allocate(NODE_VALUE_BYTES);
                Next::Parameters
            }
            _ => return None,
        })
    }

    /// Where the element in progress is put down.
    fn sample(&mut self) -> &mut Sample {
        &mut self.sampled[(self.elements % SAMPLED) as usize]
    }

    /// Adds a string with its object, and tells what of it is reported. The loader never puts a string into its object
    /// that it decompresses (`src/rdb.c`, `rdbLoadLzfStringObject`).
    fn add_string(&mut self, bytes: u64, is_compressed: bool) -> u64 {
        if bytes <= EMBEDDED_MAX && !is_compressed {
            self.allocate(AROUND_EMBEDDED_BYTES + bytes);
            return self.model.usable(AROUND_EMBEDDED_BYTES + bytes);
        }
        let string = self.model.strings.heap(bytes);
        self.allocate(OBJECT_BYTES);
        self.used_bytes = self.used_bytes.saturating_add(string);
        string.saturating_add(OBJECT_BYTES)
    }

    /// `VectorSetMemUsage`, each quotient truncated as it is there.
    fn reported_bytes(&self) -> u64 {
        let base = SET_BYTES + GRAPH_BYTES + self.matrix_bytes - uncounted(self.model.layout);
        let elements = self.elements;
        if elements == 0 {
            return base;
        }
        let seen = &self.sampled[..elements.min(SAMPLED) as usize];
        let names: u64 = seen.iter().map(|sample| sample.name).sum();
        let attributes = seen.iter().map(|sample| sample.attribute);
        let having = attributes.clone().filter(|&bytes| bytes > 0).count() as u64;
        let attribute = match having {
            0 => ATTRIBUTE_GUESSED_BYTES,
            _ => attributes.fold(0, u64::saturating_add) / having,
        };
        let attributes = attribute.saturating_mul(self.with_attribute);
        let each = NODE_BYTES
            + self.vector_bytes
            + POINTER_BYTES * self.lowest_links
            + names / seen.len() as u64
            + COUNTED_IN_TREE;
        let all = base
            + each * elements
            + LAYER_BYTES * elements * 4 / 3
            + POINTER_BYTES * (self.lowest_links / 2) * elements / 3;
        all.saturating_add(attributes)
    }

    /// `None` where it is not known, or where it is no vector set.
    pub(super) fn finish(&mut self) -> Option<Weight> {
        if self.next != Next::End {
            return None;
        }
        let reported = self.reported_bytes();
        let tree = std::mem::take(&mut self.names).into_tree(self.model);
        // Two elements of one name are one to the tree and two to the graph, which no server saves.
        if tree.keys() != self.elements {
            return None;
        }
        let tree = tree.finish().used_bytes(self.model);
        let used = self.used_bytes.saturating_add(tree);
        Some(Sum::exact(Loaded::Raw, reported, used))
    }
}

/// What is not counted of the object, which belongs to the key here: Redis 8.0 counts the object of any value but a
/// module's (`src/object.c`, `objectComputeSize`).
fn uncounted(layout: &Layout) -> u64 {
    match layout.keeps_totals {
        true => 0,
        false => OBJECT_BYTES,
    }
}

impl Layer {
    /// The first of the layers that a number tells: the highest level, and far above it a version.
    fn lowest(number: u64) -> Option<Layer> {
        let has_worst_link = match number >> 24 {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Layer {
            level: 0,
            top: number & 0xff,
            has_worst_link,
        })
    }

    fn after_links(self, left: u64) -> Parameter {
        match left {
            0 if self.has_worst_link => Parameter::WorstLink(self),
            0 => self.above(),
            left => Parameter::Link { layer: self, left },
        }
    }

    fn above(self) -> Parameter {
        match self.level < self.top {
            true => Parameter::Links(Layer {
                level: self.level + 1,
                ..self
            }),
            false => Parameter::Range,
        }
    }
}
