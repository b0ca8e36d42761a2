//! RDB 14, 15 and 81: layouts that no server at hand writes, assembled byte for byte from what the servers' own
//! sources and tests say of them. Each test names its source.
//!
//! - `redis_8_8`: streams v5 and arrays. `templates`: hash templates of Redis 8.10. `valkey`: path hashes and commands.
//! - `numbers`: which family and version a number means what in.
//! - `all_of_it`: everything new in two files: its members, streamed, damaged.

#[path = "frontier/all_of_it.rs"]
mod all_of_it;
mod assembled;
#[path = "frontier/numbers.rs"]
mod numbers;
#[path = "frontier/read.rs"]
mod read;
#[path = "frontier/redis_8_8.rs"]
mod redis_8_8;
#[path = "frontier/templates.rs"]
mod templates;
#[path = "frontier/valkey.rs"]
mod valkey;
