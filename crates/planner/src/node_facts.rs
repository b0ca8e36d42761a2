//! What is known of a node besides what it holds: which server it runs, and how it is set.

use preshard_analyzer::{Family, Product, Server};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was stated of a node, or told by its backup; `null` for what nobody said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeFacts {
    /// The server: `redis-7.0.15`, `valkey-9.1.2`.
    pub server: Option<String>,
    /// `maxmemory`; `null` also where the server has no limit.
    pub maxmemory_bytes: Option<u64>,
    /// `maxmemory-policy`.
    pub maxmemory_policy: Option<String>,
    /// Replicas of the shard.
    pub replicas: Option<u32>,
    /// Modules loaded, by name.
    pub modules: Option<Vec<String>>,
}

/// The server of a name such as `redis-7.0.15` or `valkey-9.1`.
///
/// # Examples
/// ```
/// use preshard_planner::server_named;
///
/// let server = server_named("valkey-9.1").expect("a server");
/// assert_eq!(server.line, (9, 1));
/// assert_eq!(server_named("memcached-1.6"), None);
/// ```
pub fn server_named(name: &str) -> Option<Server> {
    let (product, version) = name.split_once('-')?;
    let field: &[u8] = match product {
        "redis" | "redict" => b"redis-ver",
        "valkey" => b"valkey-ver",
        _ => return None,
    };
    let version = match version.split('.').count() {
        2 => format!("{version}.0"),
        _ => version.to_owned(),
    };
    let server = Server::from_aux(field, version.as_bytes())?;
    let is_redict = server.product == Product::Redict;
    (is_redict == (product == "redict")).then_some(server)
}

/// The name that [`server_named`] reads.
pub fn name_of_server(server: &Server) -> String {
    let product = match server.product {
        Product::Valkey => "valkey",
        Product::Redict => "redict",
        _ => "redis",
    };
    format!("{product}-{}", server.version)
}

/// Whether a target takes what DUMP on a source writes; `None` where that was not measured.
///
/// The footer of a payload carries the RDB version of its source. A server takes versions up to its own; Valkey 9 takes none
/// of Redis from 12 on, and no Redis takes Valkey's (a matrix of restores on 6.2, 7.0, 8.0, Valkey 8.1 and 9.1).
pub(crate) fn restores(source: &Server, target: &Server) -> Option<bool> {
    const LAST_COMMON: u32 = 11;
    if source.product == Product::Redict || target.product == Product::Redict {
        return None;
    }
    let (source, target) = (source.writes()?, target.writes()?);
    Some(if source.version <= LAST_COMMON {
        target.version >= source.version
    } else {
        target.family == source.family && target.version >= source.version
    })
}

/// Whether a server moves slots by itself, by `CLUSTER MIGRATESLOTS` or `CLUSTER MIGRATION IMPORT`.
pub(crate) fn migrates_atomically(server: &Server) -> bool {
    match server.product {
        Product::Redis => server.line >= (8, 4),
        Product::Valkey => server.line >= (9, 0),
        _ => false,
    }
}

/// Whether two servers write snapshots of one family.
pub(crate) fn same_family(one: &Server, other: &Server) -> bool {
    let family =
        |server: &Server| -> Option<Family> { server.writes().map(|header| header.family) };
    one.product == other.product && family(one) == family(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str) -> Server {
        server_named(name).unwrap_or_else(|| panic!("{name} is a server"))
    }

    /// The pairs of the measured matrix.
    #[test]
    fn payloads_are_taken_as_servers_were_seen_to_take_them() {
        for (source, target, taken) in [
            ("redis-6.2", "redis-7.0", true),
            ("redis-6.2", "valkey-9.1", true),
            ("redis-7.0", "redis-6.2", false),
            ("redis-7.0", "redis-8.0", true),
            ("redis-7.0", "valkey-9.1", true),
            ("redis-8.0", "redis-7.0", false),
            ("redis-8.0", "valkey-8.1", false),
            ("redis-8.0", "valkey-9.1", false),
            ("valkey-8.1", "redis-8.0", true),
            ("valkey-8.1", "redis-7.0", false),
            ("valkey-8.1", "valkey-9.1", true),
            ("valkey-9.1", "valkey-8.1", false),
            ("valkey-9.1", "redis-8.0", false),
            ("valkey-9.1", "valkey-9.1", true),
        ] {
            let found = restores(&server(source), &server(target));
            assert_eq!(found, Some(taken), "{source} to {target}");
        }
        assert_eq!(restores(&server("redict-7.3"), &server("redis-8.0")), None);
    }

    #[test]
    fn servers_are_named_as_people_write_them() {
        for name in ["redis-7.0.15", "valkey-9.1.2", "redict-7.3.0"] {
            assert_eq!(name_of_server(&server(name)), name);
        }
        for name in [
            "",
            "redis",
            "redis-",
            "redis-7",
            "redict-7.0.1",
            "keydb-6.3",
            "redis-7.x",
        ] {
            assert_eq!(server_named(name), None, "{name}");
        }
        for (name, atomic) in [
            ("redis-8.2", false),
            ("redis-8.4", true),
            ("valkey-8.1.9", false),
            ("valkey-9.0", true),
        ] {
            assert_eq!(migrates_atomically(&server(name)), atomic, "{name}");
        }
    }
}
