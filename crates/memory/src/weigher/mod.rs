//! What a value takes, from its parts as they go by.

mod hash;
mod list;
mod set;
mod stream;
mod vector_set;
mod zset;

use crate::{Model, Text};

use hash::Hash;
use list::List;
use set::Set;
pub use stream::{NAME_BYTES_MAX, Stream};
pub use vector_set::VectorSet;
use zset::Zset;

/// How a value is stored, as far as its memory hangs on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// A string.
    String,
    /// A list of items one by one, or of one ziplist, which servers since 3.2 lay out anew.
    Items,
    /// A list of nodes.
    Nodes,
    /// A set; with a blob, one that is an intset or a listpack.
    Set,
    /// A sorted set.
    Zset,
    /// A hash; its fields may have expiries.
    Hash {
        /// They may.
        fields_expire: bool,
    },
    /// A stream.
    Stream,
    /// A vector set, which is a value of a module.
    VectorSet,
}

/// A compact blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blob {
    /// Integers of one width.
    Intset,
    /// redis `src/ziplist.c`.
    Ziplist,
    /// redis `src/listpack.c`.
    Listpack,
    /// redis 2.4 `src/zipmap.c`.
    Zipmap,
}

/// The score of a sorted set's member, as it would stand in a blob.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// A number, of which the server makes a text.
    Number(f64),
    /// A text of so many bytes.
    Text(Text),
}

/// How a server keeps a value, in the word of OBJECT ENCODING.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loaded {
    /// `int`
    Int,
    /// `embstr`
    Embstr,
    /// `raw`
    Raw,
    /// `intset`
    Intset,
    /// `ziplist`
    Ziplist,
    /// `listpack`
    Listpack,
    /// `listpackex`
    ListpackEx,
    /// `quicklist`
    Quicklist,
    /// `hashtable`
    Hashtable,
    /// `skiplist`
    Skiplist,
    /// `stream`
    Stream,
}

impl Loaded {
    /// The server's word.
    pub fn name(self) -> &'static str {
        match self {
            Loaded::Int => "int",
            Loaded::Embstr => "embstr",
            Loaded::Raw => "raw",
            Loaded::Intset => "intset",
            Loaded::Ziplist => "ziplist",
            Loaded::Listpack => "listpack",
            Loaded::ListpackEx => "listpackex",
            Loaded::Quicklist => "quicklist",
            Loaded::Hashtable => "hashtable",
            Loaded::Skiplist => "skiplist",
            Loaded::Stream => "stream",
        }
    }
}

/// What a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weight {
    /// A string; where it lies hangs on the key.
    String {
        /// Its length.
        bytes: u64,
    },
    /// A string that is a 64-bit integer.
    Integer {
        /// It is one of 0 to 9999, which servers may share.
        is_small: bool,
    },
    /// Anything else, without its object.
    Collection {
        /// As [`crate::Footprint::reported_bytes`].
        reported_bytes: u64,
        /// As [`crate::Footprint::used_bytes`].
        used_bytes: u64,
        /// As [`crate::Footprint::variance`].
        variance: u64,
        /// As [`crate::Footprint::loaded`].
        loaded: Loaded,
    },
}

impl Weight {
    /// That of a string, by its length and the integer that it is, if it is one.
    pub fn of_string(text: Text) -> Weight {
        match text.integer {
            Some(n) => Weight::Integer {
                is_small: (0..10_000).contains(&n),
            },
            None => Weight::String { bytes: text.len },
        }
    }
}

/// A weight with its parts not yet rounded.
struct Sum {
    loaded: Loaded,
    reported: f64,
    used: f64,
    variance: f64,
}

impl Sum {
    fn exact(loaded: Loaded, reported: u64, used: u64) -> Weight {
        Weight::Collection {
            reported_bytes: reported,
            used_bytes: used,
            variance: 0,
            loaded,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are not negative, and what is too large for them saturates"
    )]
    fn weight(self) -> Weight {
        Weight::Collection {
            reported_bytes: self.reported as u64,
            used_bytes: self.used.round() as u64,
            variance: self.variance.round() as u64,
            loaded: self.loaded,
        }
    }
}

/// Is told what a value is made of, part by part.
///
/// The parts of large values come in runs, by their lengths alone. [`Weigher::wants_texts`] says when more is needed.
#[derive(Debug, Clone)]
pub struct Weigher<'m> {
    model: &'m Model,
    state: State<'m>,
    /// Something of the value could not be told, so that nothing is known.
    failed: bool,
}

#[derive(Debug, Clone)]
enum State<'m> {
    String(Option<Text>),
    List(List),
    Set(Set),
    Zset(Zset),
    Hash(Hash),
    Stream(Box<Stream<'m>>),
    VectorSet(Box<VectorSet<'m>>),
}

impl<'m> Weigher<'m> {
    /// For a value of this kind.
    #[inline]
    pub fn new(model: &'m Model, kind: ValueKind) -> Weigher<'m> {
        let state = match kind {
            ValueKind::String => State::String(None),
            ValueKind::Items => State::List(List::new(true)),
            ValueKind::Nodes => State::List(List::new(false)),
            ValueKind::Set => State::Set(Set::default()),
            ValueKind::Zset => State::Zset(Zset::default()),
            ValueKind::Hash { fields_expire } => State::Hash(Hash::new(fields_expire)),
            ValueKind::Stream => State::Stream(Box::new(Stream::new(model))),
            ValueKind::VectorSet => State::VectorSet(Box::new(VectorSet::new(model))),
        };
        Weigher {
            model,
            state,
            failed: false,
        }
    }

    /// How many nodes of a list are said to follow.
    pub fn announce_nodes(&mut self, n: u64) {
        if let State::List(list) = &mut self.state {
            list.announce_nodes(n);
        }
    }

    /// How many elements of a collection are said to follow.
    #[inline]
    pub fn announce(&mut self, n: u64) {
        match &mut self.state {
            State::Set(set) => set.announced = n,
            State::Zset(zset) => zset.announced = n,
            State::Hash(hash) => hash.announced = n,
            State::String(_) | State::List(_) | State::Stream(_) | State::VectorSet(_) => {}
        }
    }

    /// Whether elements must be told one by one, with the integers that they are.
    #[inline]
    pub fn wants_texts(&self) -> bool {
        match &self.state {
            State::String(_) => true,
            State::List(list) => list.wants_texts(),
            State::Set(set) => set.wants_texts(self.model),
            State::Zset(zset) => zset.wants_texts(self.model),
            State::Hash(hash) => hash.wants_texts(self.model),
            State::Stream(_) | State::VectorSet(_) => false,
        }
    }

    /// Elements, by their lengths.
    #[inline]
    pub fn elements(&mut self, lengths: &[u32]) {
        match &mut self.state {
            State::Set(set) => set.add_run(lengths, self.model),
            State::Zset(zset) => zset.add_run(lengths, self.model),
            _ => {
                for &len in lengths {
                    self.element(Text {
                        len: len.into(),
                        integer: None,
                    });
                }
            }
        }
    }

    /// Fields of a hash, by the lengths of name and value.
    #[inline]
    pub fn fields(&mut self, lengths: &[[u32; 2]]) {
        if let State::Hash(hash) = &mut self.state {
            hash.add_run(lengths, self.model);
        }
    }

    /// An item, a member, or the string itself; of a list of nodes, one that is an item by itself.
    #[inline]
    pub fn element(&mut self, text: Text) {
        match &mut self.state {
            State::String(string) => *string = Some(text),
            State::List(list) => list.add_item(text, self.model),
            State::Set(set) => set.add(text, self.model),
            State::Zset(zset) => zset.add(text, self.model),
            State::Hash(_) | State::Stream(_) | State::VectorSet(_) => {}
        }
    }

    /// The score of the member told last.
    #[inline]
    pub fn score(&mut self, score: Score) {
        if let State::Zset(zset) = &mut self.state {
            zset.add_score(score, self.model);
        }
    }

    /// A field of a hash; [`Weigher::field_ends`] stands behind it.
    #[inline]
    pub fn field(&mut self, name: Text) {
        if let State::Hash(hash) = &mut self.state {
            hash.name = name;
        }
    }

    /// The value of the field told last.
    #[inline]
    pub fn field_value(&mut self, value: Text) {
        if let State::Hash(hash) = &mut self.state {
            hash.value = value;
        }
    }

    /// The expiry of the field in progress, Unix milliseconds.
    #[inline]
    pub fn field_expiry(&mut self, expires_at_ms: Option<i64>) {
        if let State::Hash(hash) = &mut self.state {
            hash.expires_at_ms = expires_at_ms;
        }
    }

    /// All parts of a field were told.
    #[inline]
    pub fn field_ends(&mut self) {
        if let State::Hash(hash) = &mut self.state {
            hash.add_field(self.model);
        }
    }

    /// A blob of so many bytes; in the file it may be compressed to fewer. Of a list, a node. `entries` are those that its
    /// header tells, if it does. True when its elements must be told, [`Weigher::blob_ends`] behind them.
    #[inline]
    pub fn blob(
        &mut self,
        blob: Blob,
        bytes: u64,
        compressed_bytes: Option<u64>,
        entries: Option<u64>,
    ) -> bool {
        match &mut self.state {
            State::List(list) => list.blob(blob, bytes, compressed_bytes, entries, self.model),
            State::Set(set) => set.blob(blob, bytes, entries, self.model),
            State::Zset(zset) => zset.blob(blob, bytes, entries, self.model),
            State::Hash(hash) => hash.blob(blob, bytes, entries, self.model),
            State::String(_) | State::Stream(_) | State::VectorSet(_) => false,
        }
    }

    /// The elements of a blob were told, which are so many entries.
    pub fn blob_ends(&mut self, entries: u64) {
        if let State::List(list) = &mut self.state {
            list.blob_ends(entries, self.model);
        }
    }

    /// Elements that were asked for cannot be told.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// What a stream is told; nothing for other values.
    pub fn stream(&mut self) -> Option<&mut Stream<'m>> {
        match &mut self.state {
            State::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// What a vector set is told; nothing for other values.
    #[inline]
    pub fn vector_set(&mut self) -> Option<&mut VectorSet<'m>> {
        match &mut self.state {
            State::VectorSet(set) => Some(set),
            _ => None,
        }
    }

    /// What the value takes; `None` where too little was told.
    #[inline]
    pub fn finish(&mut self) -> Option<Weight> {
        if self.failed {
            return None;
        }
        match &mut self.state {
            State::String(text) => text.map(Weight::of_string),
            State::List(list) => list.finish(self.model),
            State::Set(set) => set.finish(self.model),
            State::Zset(zset) => zset.finish(self.model),
            State::Hash(hash) => hash.finish(self.model),
            State::Stream(stream) => Some(stream.finish()),
            State::VectorSet(set) => set.finish(),
        }
    }
}

/// A sum of floats as a server takes it: an average times a count, truncated (`src/object.c`, `objectComputeSize`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as the server does"
)]
fn averaged(base: u64, total: u64, samples: u64) -> u64 {
    use crate::table::as_float;
    let samples = as_float(samples);
    (as_float(base) + as_float(total) / samples * samples) as u64
}
