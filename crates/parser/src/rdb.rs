//! placeholder: filled by the parser
/// Redis data types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// string
    String,
    /// list
    List,
    /// set
    Set,
    /// sorted set
    Zset,
    /// hash
    Hash,
    /// stream
    Stream,
    /// module value
    Module,
}
impl DataType {
    /// the server's word: `string` ... `module`
    pub fn name(self) -> &'static str {
        "string"
    }
}
/// How a value lies in the file, by the server's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// raw
    Raw,
    /// int
    Int,
    /// linkedlist (a list written element by element)
    LinkedList,
    /// hashtable
    HashTable,
    /// skiplist
    SkipList,
    /// zipmap
    Zipmap,
    /// ziplist
    Ziplist,
    /// listpack
    Listpack,
    /// listpackex (hash with field TTLs)
    ListpackEx,
    /// intset
    Intset,
    /// quicklist
    Quicklist,
    /// stream
    Stream,
    /// module
    Module,
}
impl Encoding {
    /// the server's word
    pub fn name(self) -> &'static str {
        "raw"
    }
    /// ziplist, listpack, listpackex, intset, zipmap: one blob
    pub fn is_compact(self) -> bool {
        false
    }
}
/// A type byte of the file, resolved by family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// placeholder
    String,
}
impl ValueType {
    /// data type
    pub fn data_type(self) -> DataType {
        DataType::String
    }
}
/// 64-bit module id
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u64);
