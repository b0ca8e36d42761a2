//! Bounds that the format does not state but its writers keep, each with its reason.

/// The newest RDB version of the Redis family that this crate knows: Redis 8.10 writes 15.
pub const REDIS_VERSION_MAX: u32 = 15;

/// The first version with hash templates (redis `src/rdb.h`). Below it their numbers are not theirs: special
/// builds of Redis 8.8 wrote rate limiters as type 29, and Dragonfly, which says version 9, has types of
/// its own from 30 on.
pub const HASH_TEMPLATE_VERSION_MIN: u32 = 15;

/// Most hash templates of a file. They are remembered while it is read, and take 64 MiB when there are so many; a server
/// makes one for each set of field names that many hashes share.
pub const HASH_TEMPLATES_MAX: usize = 1 << 19;

/// The first version with the `VALKEY` magic; Redis versions stay below (valkey `src/rdb.h`).
pub const VALKEY_VERSION_MIN: u32 = 80;

/// The newest RDB version of the Valkey family that this crate knows: Valkey 9.2 writes 81.
pub const VALKEY_VERSION_MAX: u32 = 81;

/// The first version that ends in a checksum (redis `src/rdb.c`, `rdbLoadRioWithLoadingCtx`).
pub const CHECKSUM_VERSION_MIN: u32 = 5;

/// Most output bytes that one input byte of LZF can stand for: a three-byte reference copies at
/// most 264 bytes (redis `src/lzf_d.c`). A longer claim cannot be true.
pub const LZF_EXPANSION_MAX: u64 = 88;

/// Strings of at most this many bytes are never compressed when a server saves them (redis
/// `src/rdb.c`, `rdbSaveRawString`).
pub const LZF_TRIED_ABOVE_BYTES: u64 = 20;

/// Most bytes that [`crate::Cursor::take`] may be asked for at once, so that a streaming source can
/// serve it from a fixed buffer. The longest fixed structure of the format is a 40-byte job name.
pub const TAKE_MAX: usize = 256;

/// How much of a file is looked at to call it by its kind when it is no snapshot. The magic of a tar archive ends at byte
/// 262.
pub const KIND_LOOKED_AT_BYTES: usize = 512;

/// Least length of the window through which a snapshot is streamed: it serves [`TAKE_MAX`], and shows what kind of file it is.
pub const WINDOW_BYTES_MIN: usize = KIND_LOOKED_AT_BYTES;

/// Bytes of a value that are decompressed at a time when it is walked.
pub const LZF_STEP_BYTES: usize = 16 * 1_024;

/// Initial room for a decompressed string; more is taken only as output is really produced.
pub const LZF_INITIAL_BYTES: usize = 64 * 1_024;

/// Most ranges of a slot import: there are as many slots (valkey `src/cluster.h`, `CLUSTER_SLOTS`).
pub const SLOT_IMPORT_RANGES_MAX: u64 = 16_384;

/// Bytes of a streamed string that are kept when it is no key. Descriptions of a file are far shorter;
/// cached scripts and function libraries, which nobody asks for, may be longer.
pub const HELD_BYTES_MAX: usize = 4_096;

/// Bytes at the beginning of a string that are told whether or not it is held: one decoded byte takes at most two in
/// the file.
pub const BEGINNING_BYTES: usize = HELD_BYTES_MAX / 4;

/// Bytes of a streamed snapshot that are held at a time. Large enough that the many small records in it
/// outweigh the cost of refilling, small enough to stay in the second-level cache from being read to being measured.
pub const WINDOW_BYTES: usize = 1 << 20;

/// Most wrappings around a snapshot: an archive of a compressed capture of a compressed snapshot has four.
pub const WRAPPINGS_MAX: usize = 4;

/// Decoded bytes that are not compared with the compressed ones: so little harms nobody.
pub const EXPANSION_FREE_BYTES: u64 = 64 << 20;

/// Most decoded bytes for each byte of the file, after [`EXPANSION_FREE_BYTES`]. gzip cannot give more than 1,032
/// (zlib's technical details), LZ4 not more than 255; zstd can, but not of a snapshot with more than one value in it.
pub const EXPANSION_MAX: u64 = 1_100;

/// Most decoded bytes unless stated otherwise: more than any server that one snapshot could be taken of.
pub const DECOMPRESSED_BYTES_MAX: u64 = 1 << 40;

/// Largest window of a zstd frame, as a power of two: what its own tool reads without being told to, which is 128 MiB.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Bytes behind a snapshot that are looked at to tell what they are: a mark and the beginning of a command.
pub const TRAILING_LOOKED_AT_BYTES: usize = 256;

/// First bytes of a snapshot that are at hand before it is read: what tells which server wrote it is in them.
pub const HEAD_BYTES: usize = 64 * 1_024;

/// Size of the pieces in which a snapshot is handed from the thread that decodes it.
pub const STREAM_BLOCK_BYTES: usize = 1 << 20;

/// How many such pieces there are: one that is read, one that is filled, and two that even out the difference.
pub const STREAM_BLOCKS: usize = 4;

/// Most bytes that are shown of a member, and so held: enough to read a document by.
pub const MEMBER_HEAD_BYTES_MAX: usize = 64 * 1_024;
