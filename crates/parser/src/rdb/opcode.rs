//! Opcodes, by number (redis and valkey `src/rdb.h`; the Enterprise ones: librdb `src/lib/parser.c`).

pub(super) const EOF: u8 = 255;
pub(crate) const SELECTDB: u8 = 254;
pub(crate) const EXPIRETIME: u8 = 253;
pub(crate) const EXPIRETIME_MS: u8 = 252;
pub(crate) const RESIZEDB: u8 = 251;
pub(super) const AUX: u8 = 250;
pub(crate) const FREQ: u8 = 249;
pub(crate) const IDLE: u8 = 248;
pub(super) const MODULE_AUX: u8 = 247;
/// Written by release candidates of Redis 7.0 only.
pub(super) const FUNCTION_PRE_GA: u8 = 246;
pub(super) const FUNCTION2: u8 = 245;
pub(super) const SLOT_INFO: u8 = 244;
/// Redis 8.6: metadata of the next key.
pub(super) const REDIS_KEY_META: u8 = 243;
/// Valkey 9.0: an atomic slot import in progress.
pub(super) const VALKEY_SLOT_IMPORT: u8 = 243;
/// Redis 8.10: the field names that hashes refer to.
pub(super) const REDIS_HASH_TEMPLATE: u8 = 242;
/// Valkey 9.2: a command that came in while a forkless full synchronisation was written.
pub(super) const VALKEY_UPDATE: u8 = 242;
/// No opcode is below this one; value types are.
pub(super) const LOWEST: u8 = ENTERPRISE_RAM_LRU;
/// Redis Enterprise: slot of the keys that follow.
pub(super) const ENTERPRISE_SLOT: u8 = 121;
/// Redis Enterprise: LRU of the next key in RAM.
pub(super) const ENTERPRISE_RAM_LRU: u8 = 107;

/// The sub-opcode in front of MODULE_AUX's `when` (redis `src/rdb.h`, `RDB_MODULE_OPCODE_UINT`).
pub(super) const MODULE_OPCODE_UINT: u64 = 2;
