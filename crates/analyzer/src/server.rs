//! Which server wrote a snapshot.

use std::fmt;

use preshard_parser::{Family, Header};

/// A server by product and version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// The product.
    pub product: Product,
    /// Major and minor version of the release line; for a release candidate, of the release to come.
    pub line: (u32, u32),
    /// The version as the file tells it.
    pub version: String,
}

/// Servers that write RDB files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Product {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
    /// Redict, a fork of Redis 7.2 that numbers its releases 7.3.
    Redict,
}

/// Builds on the way to a release have a patch level above any release's: 6.9.240 is the first release
/// candidate of 7.0, 7.3.240 of 7.4, 7.9.224 the first milestone of 8.0; 8.9.241 is one of 8.10.
const CANDIDATE_PATCH_MIN: u32 = 200;
/// Redis built from the development branch calls itself 255.255.255.
const UNSTABLE_MAJOR: u32 = 255;
/// From here on a tenth minor release follows the ninth.
const TWO_DIGIT_MINORS_SINCE: u32 = 8;

impl Server {
    /// The server that an auxiliary field names: `redis-ver` or `valkey-ver`.
    ///
    /// `None` for any other field and for versions that are not `major.minor.patch`. The field decides,
    /// not the file's magic: Valkey 8 writes `valkey-ver` under the magic `REDIS`, and Redict writes
    /// `redis-ver` 7.3.x, which no release of Redis carries.
    pub fn from_aux(name: &[u8], value: &[u8]) -> Option<Server> {
        let product = match name {
            b"redis-ver" => Product::Redis,
            b"valkey-ver" => Product::Valkey,
            _ => return None,
        };
        let version = str::from_utf8(value).ok()?;
        let mut numbers = version.splitn(3, '.');
        let major: u32 = numbers.next()?.parse().ok()?;
        let minor: u32 = numbers.next()?.parse().ok()?;
        // 7.2.4-rc1 and the like: the patch level is what stands before the first other character.
        let patch = numbers.next()?;
        let digits = patch.bytes().take_while(u8::is_ascii_digit).count();
        let patch: u32 = patch.get(..digits)?.parse().ok()?;

        let candidate = patch >= CANDIDATE_PATCH_MIN && major != UNSTABLE_MAJOR;
        let product = match product {
            Product::Redis if (major, minor) == (7, 3) && !candidate => Product::Redict,
            product => product,
        };
        let line = match (candidate, minor) {
            (false, _) => (major, minor),
            (true, 9) if major < TWO_DIGIT_MINORS_SINCE => (major.saturating_add(1), 0),
            (true, _) => (major, minor.saturating_add(1)),
        };
        Some(Server {
            product,
            line,
            version: version.to_owned(),
        })
    }

    /// Family and version of the snapshots that the server's release line writes, where it is known (files of
    /// these servers; Redis 8.2, 8.4, 8.8 and 8.10 and Valkey 7.2 and 9.2 from their sources and release notes).
    pub fn writes(&self) -> Option<Header> {
        let (family, version) = match (self.product, self.line) {
            (Product::Redis, (3, 2)) => (Family::Redis, 7),
            (Product::Redis, (4, 0)) => (Family::Redis, 8),
            (Product::Redis, (5, 0) | (6, 0) | (6, 2)) => (Family::Redis, 9),
            (Product::Redis, (7, 0)) => (Family::Redis, 10),
            (Product::Redis, (7, 2)) => (Family::Redis, 11),
            (Product::Redis, (7, 4) | (8, 0) | (8, 2) | (8, 4)) => (Family::Redis, 12),
            (Product::Redis, (8, 6)) => (Family::Redis, 13),
            (Product::Redis, (8, 8)) => (Family::Redis, 14),
            (Product::Redis, (8, 10)) => (Family::Redis, 15),
            (Product::Redict, (7, 3)) => (Family::Redis, 12),
            (Product::Valkey, (7, 2) | (8, 0) | (8, 1)) => (Family::Redis, 11),
            (Product::Valkey, (9, 0) | (9, 1)) => (Family::Valkey, 80),
            (Product::Valkey, (9, 2)) => (Family::Valkey, 81),
            _ => return None,
        };
        Some(Header { family, version })
    }

    /// Whether the server is a build on the way to the release of its line.
    pub fn is_candidate(&self) -> bool {
        !self
            .version
            .starts_with(&format!("{}.{}.", self.line.0, self.line.1))
    }
}

impl Product {
    /// The product's name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Product::Redis => "Redis",
            Product::Valkey => "Valkey",
            Product::Redict => "Redict",
        }
    }
}

impl fmt::Display for Server {
    /// `Redis 7.0.15`; `Redis 6.9.240 (on the way to 7.0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product.name(), self.version)?;
        if self.is_candidate() {
            write!(f, " (on the way to {}.{})", self.line.0, self.line.1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions as they stand in files of these servers (format facts: aux fields of 20 servers).
    #[test]
    fn versions_of_real_files_are_understood() {
        let shown = |name: &str, value: &str| {
            Server::from_aux(name.as_bytes(), value.as_bytes())
                .map(|server| (server.to_string(), server.line))
        };
        let some = |text: &str, line| Some((text.to_owned(), line));
        assert_eq!(shown("redis-ver", "7.0.15"), some("Redis 7.0.15", (7, 0)));
        assert_eq!(shown("redis-ver", "3.2.13"), some("Redis 3.2.13", (3, 2)));
        assert_eq!(
            shown("redis-ver", "6.9.240"),
            some("Redis 6.9.240 (on the way to 7.0)", (7, 0))
        );
        assert_eq!(
            shown("redis-ver", "7.3.240"),
            some("Redis 7.3.240 (on the way to 7.4)", (7, 4))
        );
        // A file of a release candidate whose header says REDIS0015, which 8.10 writes.
        assert_eq!(
            shown("redis-ver", "8.9.241"),
            some("Redis 8.9.241 (on the way to 8.10)", (8, 10))
        );
        assert_eq!(
            shown("redis-ver", "255.255.255"),
            some("Redis 255.255.255", (255, 255))
        );
        assert_eq!(shown("redis-ver", "7.3.6"), some("Redict 7.3.6", (7, 3)));
        assert_eq!(shown("valkey-ver", "9.1.2"), some("Valkey 9.1.2", (9, 1)));
        assert_eq!(
            shown("valkey-ver", "9.1.0-rc2"),
            some("Valkey 9.1.0-rc2", (9, 1))
        );
    }

    #[test]
    fn anything_else_names_no_server() {
        for (name, value) in [
            ("redis-bits", "64"),
            ("redis-ver", ""),
            ("redis-ver", "7"),
            ("redis-ver", "7.0"),
            ("redis-ver", "7.0."),
            ("redis-ver", "7.x.1"),
            ("redis-ver", "99999999999.0.0"),
            ("valkey-ver", "9.1.\u{fffd}"),
        ] {
            assert_eq!(
                Server::from_aux(name.as_bytes(), value.as_bytes()),
                None,
                "{name} {value:?}"
            );
        }
        assert_eq!(Server::from_aux(b"redis-ver", b"7.0.\xff"), None);
    }
}
