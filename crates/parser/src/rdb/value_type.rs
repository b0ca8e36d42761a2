//! Value types: the type byte, resolved by family.

use super::{Family, Header};
use crate::Error;

/// What a key holds, by the server's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// `string`
    String,
    /// `list`
    List,
    /// `set`
    Set,
    /// `zset`
    Zset,
    /// `hash`
    Hash,
    /// `stream`
    Stream,
    /// `array`: elements at indexes, with gaps (Redis 8.8).
    Array,
    /// `pathhash`: a hash for each of many paths (Valkey 9.2).
    PathHash,
    /// A value of a module's own type; vector sets too.
    Module,
}

impl DataType {
    /// All of them.
    const ALL: [DataType; 9] = [
        DataType::String,
        DataType::List,
        DataType::Set,
        DataType::Zset,
        DataType::Hash,
        DataType::Stream,
        DataType::Array,
        DataType::PathHash,
        DataType::Module,
    ];

    /// The type that [`DataType::name`] calls so.
    pub fn from_name(name: &str) -> Option<DataType> {
        DataType::ALL.into_iter().find(|each| each.name() == name)
    }

    /// The word that `TYPE` answers; `module` for any module's type.
    pub fn name(self) -> &'static str {
        match self {
            DataType::String => "string",
            DataType::List => "list",
            DataType::Set => "set",
            DataType::Zset => "zset",
            DataType::Hash => "hash",
            DataType::Stream => "stream",
            DataType::Array => "array",
            DataType::PathHash => "pathhash",
            DataType::Module => "module",
        }
    }
}

/// How a value lies in the file, by the word that `OBJECT ENCODING` has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// A string, compressed or not.
    Raw,
    /// A string stored as an integer.
    Int,
    /// A list written element by element (Redis 2.x).
    LinkedList,
    /// A set or hash written element by element.
    HashTable,
    /// A sorted set written element by element.
    SkipList,
    /// A hash of Redis 2.4.
    Zipmap,
    /// A compact blob of Redis before 7.0.
    Ziplist,
    /// A compact blob of Redis 7.0 and later.
    Listpack,
    /// A compact hash with field TTLs.
    ListpackEx,
    /// A set of integers in one blob.
    Intset,
    /// A list of compact blobs.
    Quicklist,
    /// A stream.
    Stream,
    /// An array.
    SlicedArray,
    /// A hash in one blob of values, whose field names stand apart (Redis 8.10).
    TemplateListpack,
    /// A hash written value by value, whose field names stand apart (Redis 8.10).
    TemplateArray,
    /// Paths and their hashes.
    PathHash,
    /// A module's items.
    Module,
}

impl Encoding {
    /// All of them.
    const ALL: [Encoding; 17] = [
        Encoding::Raw,
        Encoding::Int,
        Encoding::LinkedList,
        Encoding::HashTable,
        Encoding::SkipList,
        Encoding::Zipmap,
        Encoding::Ziplist,
        Encoding::Listpack,
        Encoding::ListpackEx,
        Encoding::Intset,
        Encoding::Quicklist,
        Encoding::Stream,
        Encoding::SlicedArray,
        Encoding::TemplateListpack,
        Encoding::TemplateArray,
        Encoding::PathHash,
        Encoding::Module,
    ];

    /// The encoding that [`Encoding::name`] calls so.
    pub fn from_name(name: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|each| each.name() == name)
    }

    /// The server's word.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Raw => "raw",
            Encoding::Int => "int",
            Encoding::LinkedList => "linkedlist",
            Encoding::HashTable => "hashtable",
            Encoding::SkipList => "skiplist",
            Encoding::Zipmap => "zipmap",
            Encoding::Ziplist => "ziplist",
            Encoding::Listpack => "listpack",
            Encoding::ListpackEx => "listpackex",
            Encoding::Intset => "intset",
            Encoding::Quicklist => "quicklist",
            Encoding::Stream => "stream",
            Encoding::SlicedArray => "sliced-array",
            Encoding::TemplateListpack => "template-listpack",
            Encoding::TemplateArray => "template-array",
            Encoding::PathHash => "pathhash",
            Encoding::Module => "module",
        }
    }

    /// Whether the elements of the value are in one blob.
    pub fn is_compact(self) -> bool {
        use Encoding::{Intset, Listpack, ListpackEx, TemplateListpack, Ziplist, Zipmap};
        matches!(
            self,
            Intset | Listpack | ListpackEx | TemplateListpack | Ziplist | Zipmap
        )
    }
}

/// A type byte whose layout is known (redis and valkey `src/rdb.h`, `RDB_TYPE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// 0
    String,
    /// 1
    List,
    /// 2
    Set,
    /// 3: scores as text, Redis up to 3.2
    ZsetTextScores,
    /// 4
    Hash,
    /// 5: scores as doubles, Redis 4.0
    Zset,
    /// 7
    Module,
    /// 9: Redis 2.4
    HashZipmap,
    /// 10
    ListZiplist,
    /// 11
    SetIntset,
    /// 12
    ZsetZiplist,
    /// 13
    HashZiplist,
    /// 14: nodes are ziplists, Redis 3.2
    ListQuicklist,
    /// 15: Redis 5.0
    StreamV1,
    /// 16: Redis 7.0
    HashListpack,
    /// 17: Redis 7.0
    ZsetListpack,
    /// 18: nodes are listpacks or single elements, Redis 7.0
    ListQuicklist2,
    /// 19: Redis 7.0
    StreamV2,
    /// 20: Redis 7.2
    SetListpack,
    /// 21: Redis 7.2
    StreamV3,
    /// 22 of the Redis family: release candidates of Redis 7.4
    HashTtlPreGa,
    /// 23 of the Redis family: release candidates of Redis 7.4
    HashTtlListpackPreGa,
    /// 24 of the Redis family: Redis 7.4
    HashTtl,
    /// 25 of the Redis family: Redis 7.4
    HashTtlListpack,
    /// 26 of the Redis family: Redis 8.6
    StreamV4,
    /// 27 of the Redis family: Redis 8.8
    StreamV5,
    /// 28 of the Redis family: Redis 8.8
    Array,
    /// 29 of the Redis family: Redis 8.10, in DUMP payloads
    HashTemplateListpack,
    /// 30 of the Redis family: Redis 8.10, refers to a template of the file
    HashTemplateListpackRef,
    /// 31 of the Redis family: Redis 8.10, in DUMP payloads
    HashTemplateArray,
    /// 32 of the Redis family: Redis 8.10, refers to a template of the file
    HashTemplateArrayRef,
    /// 22 of the Valkey family: Valkey 9.0
    HashTtlValkey,
    /// 23 of the Valkey family: Valkey 9.2
    PathHash,
}

impl ValueType {
    pub(crate) fn from_byte(byte: u8, header: Header, offset: u64) -> Result<ValueType, Error> {
        use ValueType as T;
        Ok(match (byte, header.family) {
            (0, _) => T::String,
            (1, _) => T::List,
            (2, _) => T::Set,
            (3, _) => T::ZsetTextScores,
            (4, _) => T::Hash,
            (5, _) => T::Zset,
            (7, _) => T::Module,
            (9, _) => T::HashZipmap,
            (10, _) => T::ListZiplist,
            (11, _) => T::SetIntset,
            (12, _) => T::ZsetZiplist,
            (13, _) => T::HashZiplist,
            (14, _) => T::ListQuicklist,
            (15, _) => T::StreamV1,
            (16, _) => T::HashListpack,
            (17, _) => T::ZsetListpack,
            (18, _) => T::ListQuicklist2,
            (19, _) => T::StreamV2,
            (20, _) => T::SetListpack,
            (21, _) => T::StreamV3,
            (22, Family::Redis) => T::HashTtlPreGa,
            (23, Family::Redis) => T::HashTtlListpackPreGa,
            (24, Family::Redis) => T::HashTtl,
            (25, Family::Redis) => T::HashTtlListpack,
            (26, Family::Redis) => T::StreamV4,
            (27, Family::Redis) => T::StreamV5,
            (28, Family::Redis) => T::Array,
            (29, Family::Redis) if header.has_hash_templates() => T::HashTemplateListpack,
            (30, Family::Redis) if header.has_hash_templates() => T::HashTemplateListpackRef,
            (31, Family::Redis) if header.has_hash_templates() => T::HashTemplateArray,
            (32, Family::Redis) if header.has_hash_templates() => T::HashTemplateArrayRef,
            (22, Family::Valkey) => T::HashTtlValkey,
            (23, Family::Valkey) => T::PathHash,
            (other, family) => {
                let what = format!(
                    "type {other}{} in a file that says {header}",
                    name_of_unknown(other, family)
                );
                return Err(Error::unsupported(offset, what).reading("value type or opcode"));
            }
        })
    }

    /// What the key holds.
    pub fn data_type(self) -> DataType {
        use ValueType as T;
        match self {
            T::String => DataType::String,
            T::List | T::ListZiplist | T::ListQuicklist | T::ListQuicklist2 => DataType::List,
            T::Set | T::SetIntset | T::SetListpack => DataType::Set,
            T::ZsetTextScores | T::Zset | T::ZsetZiplist | T::ZsetListpack => DataType::Zset,
            T::Hash
            | T::HashZipmap
            | T::HashZiplist
            | T::HashListpack
            | T::HashTtlPreGa
            | T::HashTtlListpackPreGa
            | T::HashTtl
            | T::HashTtlListpack
            | T::HashTemplateListpack
            | T::HashTemplateListpackRef
            | T::HashTemplateArray
            | T::HashTemplateArrayRef
            | T::HashTtlValkey => DataType::Hash,
            T::StreamV1 | T::StreamV2 | T::StreamV3 | T::StreamV4 | T::StreamV5 => DataType::Stream,
            T::Array => DataType::Array,
            T::PathHash => DataType::PathHash,
            T::Module => DataType::Module,
        }
    }

    /// Bytes in front of the blob in a value of a compact encoding: the least expiry of its fields.
    pub(crate) fn bytes_before_blob(self) -> u64 {
        match self {
            ValueType::HashTtlListpack => 8,
            _ => 0,
        }
    }

    /// Whether its field names stand in a template of the file, without which its end cannot be found.
    pub(crate) fn refers_to_template(self) -> bool {
        matches!(
            self,
            ValueType::HashTemplateListpackRef | ValueType::HashTemplateArrayRef
        )
    }

    /// How the value lies in the file; a string may turn out to be [`Encoding::Int`].
    pub fn encoding(self) -> Encoding {
        use ValueType as T;
        match self {
            T::String => Encoding::Raw,
            T::List => Encoding::LinkedList,
            T::Set | T::Hash | T::HashTtlPreGa | T::HashTtl | T::HashTtlValkey => {
                Encoding::HashTable
            }
            T::ZsetTextScores | T::Zset => Encoding::SkipList,
            T::HashZipmap => Encoding::Zipmap,
            T::ListZiplist | T::ZsetZiplist | T::HashZiplist => Encoding::Ziplist,
            T::SetIntset => Encoding::Intset,
            T::ListQuicklist | T::ListQuicklist2 => Encoding::Quicklist,
            T::HashListpack | T::ZsetListpack | T::SetListpack => Encoding::Listpack,
            T::HashTtlListpackPreGa | T::HashTtlListpack => Encoding::ListpackEx,
            T::HashTemplateListpack | T::HashTemplateListpackRef => Encoding::TemplateListpack,
            T::HashTemplateArray | T::HashTemplateArrayRef => Encoding::TemplateArray,
            T::StreamV1 | T::StreamV2 | T::StreamV3 | T::StreamV4 | T::StreamV5 => Encoding::Stream,
            T::Array => Encoding::SlicedArray,
            T::PathHash => Encoding::PathHash,
            T::Module => Encoding::Module,
        }
    }
}

/// What is known of a type or opcode that cannot be read, with a blank in front.
fn name_of_unknown(byte: u8, family: Family) -> &'static str {
    match (byte, family) {
        (6, _) => " (module, first serialisation: it has no lengths and cannot be skipped)",
        (29..=32, Family::Redis) => {
            " (hash template of Redis 8.10, which says REDIS0015; something else in older files)"
        }
        (33, Family::Redis) => " (rate limiter of special builds of Redis 8.10)",
        (34 | 35, Family::Redis) => " (a type of Dragonfly)",
        (64, Family::Redis) => " (cron job of KeyDB)",
        (101 | 102, Family::Redis) => " (field of old Redis Enterprise)",
        (200..=223, Family::Redis) => " (a field of Dragonfly)",
        _ => "",
    }
}
