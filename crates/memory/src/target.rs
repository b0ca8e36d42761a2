//! Servers whose memory is modelled.

use std::fmt;
use std::str::FromStr;

/// A name that stands for nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {what} is called {name:?}; there are {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

impl UnknownName {
    pub(crate) fn new(
        what: &'static str,
        name: &str,
        known: impl Iterator<Item = &'static str>,
    ) -> UnknownName {
        UnknownName {
            what,
            name: name.to_owned(),
            known: known.collect::<Vec<_>>().join(", "),
        }
    }
}

/// A release line of servers that keep values in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Redis 6.2.
    Redis62,
    /// Redis 7.0.
    Redis70,
    /// Redis 7.2.
    Redis72,
    /// Redis 7.4.
    Redis74,
    /// Redis 8.0.
    Redis80,
    /// Redis 8.6.
    Redis86,
    /// Valkey 8.0.
    Valkey80,
    /// Valkey 8.1.
    Valkey81,
    /// Valkey 9.1.
    Valkey91,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 9] = [
        Target::Redis62,
        Target::Redis70,
        Target::Redis72,
        Target::Redis74,
        Target::Redis80,
        Target::Redis86,
        Target::Valkey80,
        Target::Valkey81,
        Target::Valkey91,
    ];

    /// The name that `--target` takes.
    pub fn name(self) -> &'static str {
        match self {
            Target::Redis62 => "redis-6.2",
            Target::Redis70 => "redis-7.0",
            Target::Redis72 => "redis-7.2",
            Target::Redis74 => "redis-7.4",
            Target::Redis80 => "redis-8.0",
            Target::Redis86 => "redis-8.6",
            Target::Valkey80 => "valkey-8.0",
            Target::Valkey81 => "valkey-8.1",
            Target::Valkey91 => "valkey-9.1",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Target, UnknownName> {
        let known = Target::ALL.into_iter();
        known
            .clone()
            .find(|target| target.name() == name)
            .ok_or_else(|| UnknownName::new("server", name, known.map(Target::name)))
    }
}

/// How the servers of a line lay things out: sizes of their structures in bytes, on 64-bit machines.
///
/// Read from their sources and held against running servers (`tests/memory.rs` of the root package does it again).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Hashes whose fields expire are always tables.
    pub(crate) is_valkey: bool,
    /// The limits of a string's headers count the header and the final zero in.
    pub(crate) has_exact_headers: bool,
    /// MEMORY USAGE answers a sum that the server keeps up to date, in place of one that it makes up when it is asked:
    /// structures as they were handed out, blobs and short strings as they were requested (Redis 8.6).
    pub(crate) keeps_totals: bool,
    /// A chained table's header (`src/dict.h`).
    pub(crate) dict: u64,
    /// The header of Valkey's table (`src/hashtable.c`), where there is that.
    pub(crate) hashtable: Option<u64>,
    /// What the table of a hash keeps besides in its header.
    pub(crate) hash_metadata: u64,
    /// A list and a node of it (`src/quicklist.h`).
    pub(crate) list: u64,
    pub(crate) list_node: u64,
    /// `src/stream.h`.
    pub(crate) stream: u64,
    pub(crate) group: u64,
    pub(crate) consumer: u64,
    /// A pending entry.
    pub(crate) pending: u64,
    /// Lists and sets may be one listpack.
    pub(crate) packs_lists: bool,
    pub(crate) packs_sets: bool,
    /// Compact blobs are ziplists, and their sizes are reported as requested, not as handed out.
    pub(crate) has_ziplists: bool,
    /// Fields of hashes are strings of their own kind (`src/mstr.h`).
    pub(crate) has_mstr_fields: bool,
    /// Members of sets stand in their buckets; only those that share one have an entry.
    pub(crate) has_keyless_entries: bool,
    /// What MEMORY USAGE counts for each member of a set even so.
    pub(crate) counts_set_entries: bool,
    /// A blob that becomes a table gets one made for all of its elements.
    pub(crate) presizes: bool,
    /// The shortest text of a double, not `%.17g`.
    pub(crate) short_doubles: bool,
    /// MEMORY USAGE averages the nodes of lists over elements.
    pub(crate) averages_by_element: bool,
    /// Members of skip lists lie in their nodes.
    pub(crate) embeds_members: Option<EmbeddedMembers>,
    /// Entries of other tables than those of sets hold no key either, see `has_keyless_entries`; fields lie with their
    /// values, see [`Layout::has_pairs`].
    pub(crate) has_keyless_pairs: bool,
    /// There is the module of vector sets.
    pub(crate) has_vector_sets: bool,
    /// In cluster mode, a radix tree holds every key behind its slot (`src/cluster.c`, `slotToKeyAdd`).
    pub(crate) has_slot_tree: bool,
    /// How keys and their values lie in the main table.
    pub(crate) keys: Keys,
    /// Metadata behind the header of each slot's table in cluster mode; `None` where one table serves all slots.
    pub(crate) slot_table: Option<SlotTable>,
}

/// How a key lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// An entry, a string and an object; in cluster mode the entry is longer by `links`, for which MEMORY USAGE counts
    /// `counted`.
    Apart { links: u64, counted: u64 },
    /// The string lies in the entry (Valkey 8.0).
    InEntry,
    /// The string lies in the object, and a short value behind it: since 9.0 in place of the pointer to it. MEMORY USAGE
    /// counts the object since then.
    InObject { since_9: bool },
    /// Key, expiry and a short value are one allocation; the tables of keys have keyless entries (Redis 8.2).
    WithValue,
}

/// Skip lists with their members in their nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EmbeddedMembers {
    /// Bytes of a node in front of its levels and its member.
    pub(crate) head: u64,
    /// The list, and its first node; 0 where they are one.
    pub(crate) list: u64,
    pub(crate) first_node: u64,
}

/// Metadata of the tables of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotTable {
    pub(crate) keys: u64,
    pub(crate) expires: u64,
    /// They are there without a slot as well, for a database with keys (Redis 8.6).
    pub(crate) of_databases: bool,
}

const REDIS_7_0: Layout = Layout {
    is_valkey: false,
    has_exact_headers: false,
    keeps_totals: false,
    dict: 56,
    hashtable: None,
    hash_metadata: 0,
    list: 40,
    list_node: 40,
    stream: 80,
    group: 40,
    consumer: 24,
    pending: 24,
    packs_lists: false,
    packs_sets: false,
    has_ziplists: false,
    has_mstr_fields: false,
    has_keyless_entries: false,
    counts_set_entries: true,
    presizes: true,
    short_doubles: false,
    averages_by_element: false,
    embeds_members: None,
    has_keyless_pairs: false,
    has_slot_tree: false,
    has_vector_sets: false,
    keys: Keys::Apart {
        links: 16,
        counted: 16,
    },
    slot_table: None,
};

const REDIS_6_2: Layout = Layout {
    dict: 96,
    list_node: 32,
    stream: 40,
    group: 32,
    has_ziplists: true,
    has_slot_tree: true,
    presizes: false,
    keys: Keys::Apart {
        links: 0,
        counted: 0,
    },
    ..REDIS_7_0
};

const REDIS_7_2: Layout = Layout {
    consumer: 32,
    packs_lists: true,
    packs_sets: true,
    has_keyless_entries: true,
    short_doubles: true,
    // The size of another field, where the links are meant.
    keys: Keys::Apart {
        links: 16,
        counted: 8,
    },
    ..REDIS_7_0
};

const REDIS_7_4: Layout = Layout {
    has_mstr_fields: true,
    keys: Keys::Apart {
        links: 0,
        counted: 0,
    },
    slot_table: Some(SlotTable {
        keys: 8,
        expires: 8,
        of_databases: false,
    }),
    ..REDIS_7_2
};

const REDIS_8_0: Layout = Layout {
    averages_by_element: true,
    has_vector_sets: true,
    slot_table: Some(SlotTable {
        // Histograms of five types, 60 bins each (`src/server.h`, `keysizesHist`).
        keys: 8 + 8 * 60 * 5,
        expires: 8,
        of_databases: false,
    }),
    ..REDIS_7_4
};

/// Read in the sources of 8.6.3 and held against that server.
const REDIS_8_6: Layout = Layout {
    has_exact_headers: true,
    keeps_totals: true,
    list: 48,
    stream: 160,
    group: 56,
    pending: 64,
    has_mstr_fields: false,
    has_keyless_pairs: true,
    averages_by_element: false,
    embeds_members: Some(EmbeddedMembers {
        head: 16,
        list: 40,
        first_node: 528,
    }),
    keys: Keys::WithValue,
    slot_table: Some(SlotTable {
        keys: 40 + 8 * 60 * 5,
        expires: 8,
        of_databases: true,
    }),
    ..REDIS_8_0
};

const VALKEY_8_0: Layout = Layout {
    is_valkey: true,
    has_exact_headers: true,
    counts_set_entries: false,
    keys: Keys::InEntry,
    slot_table: Some(SlotTable {
        keys: 16,
        expires: 16,
        of_databases: false,
    }),
    ..REDIS_7_2
};

const VALKEY_8_1: Layout = Layout {
    hashtable: Some(72),
    keys: Keys::InObject { since_9: false },
    ..VALKEY_8_0
};

const VALKEY_9_1: Layout = Layout {
    hashtable: Some(80),
    hash_metadata: 8,
    embeds_members: Some(EmbeddedMembers {
        head: 17,
        list: 0,
        first_node: 528,
    }),
    keys: Keys::InObject { since_9: true },
    ..VALKEY_8_0
};

impl Target {
    pub(crate) fn layout(self) -> &'static Layout {
        match self {
            Target::Redis62 => &REDIS_6_2,
            Target::Redis70 => &REDIS_7_0,
            Target::Redis72 => &REDIS_7_2,
            Target::Redis74 => &REDIS_7_4,
            Target::Redis80 => &REDIS_8_0,
            Target::Redis86 => &REDIS_8_6,
            Target::Valkey80 => &VALKEY_8_0,
            Target::Valkey81 => &VALKEY_8_1,
            Target::Valkey91 => &VALKEY_9_1,
        }
    }
}

impl Layout {
    /// A field and its value are one allocation where they are short.
    pub(crate) fn has_pairs(&self) -> bool {
        self.hashtable.is_some() || self.has_keyless_pairs
    }

    /// Metadata of a chained table with keyless entries.
    pub(crate) fn keyless_metadata(&self) -> u64 {
        if self.has_keyless_pairs { 8 } else { 0 }
    }

    /// Radix trees know how much memory they take.
    pub(crate) fn has_sized_trees(&self) -> bool {
        self.hashtable.is_some() || self.keeps_totals
    }

    /// Hashes keep an index of the expiries of their fields that counts as memory of the key, and nodes a table of
    /// such hashes (Valkey 9).
    pub(crate) fn has_expiry_index(&self) -> bool {
        self.hash_metadata > 0
    }
}
