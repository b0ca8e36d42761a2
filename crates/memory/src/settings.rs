//! Settings of a server that decide how it keeps values.

use std::collections::BTreeMap;

/// What of a server's configuration the memory of its keys hangs on; by default that of a server as it is shipped, in
/// cluster mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `cluster-enabled`.
    pub cluster: bool,
    /// `hash-max-listpack-entries`, before Redis 7.0 `hash-max-ziplist-entries`; and so on.
    pub hash_max_entries: u64,
    /// `hash-max-listpack-value`, bytes.
    pub hash_max_value: u64,
    /// `set-max-intset-entries`.
    pub set_max_intset_entries: u64,
    /// `set-max-listpack-entries`.
    pub set_max_entries: u64,
    /// `set-max-listpack-value`, bytes.
    pub set_max_value: u64,
    /// `zset-max-listpack-entries`.
    pub zset_max_entries: u64,
    /// `zset-max-listpack-value`, bytes.
    pub zset_max_value: u64,
    /// `list-max-listpack-size`: elements of a node, or below zero one of five sizes.
    pub list_max_size: i64,
    /// `list-compress-depth`: nodes at each end that are not compressed; 0 for none compressed.
    pub list_compress_depth: u64,
    /// Objects of the integers 0 to 9999 are shared: not by a server with `maxmemory` and a policy that keeps times or
    /// frequencies of use.
    pub shares_integers: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            cluster: true,
            hash_max_entries: 512,
            hash_max_value: 64,
            set_max_intset_entries: 512,
            set_max_entries: 128,
            set_max_value: 64,
            zset_max_entries: 128,
            zset_max_value: 64,
            list_max_size: -2,
            list_compress_depth: 0,
            shares_integers: true,
        }
    }
}

impl Settings {
    /// Every setting but `cluster-enabled` with its value, by the names since Redis 7.0: two servers with the same keep the
    /// same values alike.
    pub fn values(&self) -> Vec<(&'static str, i64)> {
        let Settings {
            cluster: _,
            hash_max_entries,
            hash_max_value,
            set_max_intset_entries,
            set_max_entries,
            set_max_value,
            zset_max_entries,
            zset_max_value,
            list_max_size,
            list_compress_depth,
            shares_integers,
        } = *self;
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        vec![
            ("hash-max-listpack-entries", count(hash_max_entries)),
            ("hash-max-listpack-value", count(hash_max_value)),
            ("set-max-intset-entries", count(set_max_intset_entries)),
            ("set-max-listpack-entries", count(set_max_entries)),
            ("set-max-listpack-value", count(set_max_value)),
            ("zset-max-listpack-entries", count(zset_max_entries)),
            ("zset-max-listpack-value", count(zset_max_value)),
            ("list-max-listpack-size", list_max_size),
            ("list-compress-depth", count(list_compress_depth)),
            ("shares-integers", i64::from(shares_integers)),
        ]
    }
}

/// Why a saved configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// None of the settings that matter are in it.
    #[error(
        "expected the saved output of CONFIG GET *, or a configuration file, with at least one of the settings that \
         memory hangs on ({})",
        NAMES.join(", ")
    )]
    Nothing,
    /// A setting has a value that it cannot have.
    #[error("{name} is {value:?}, expected {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it could be.
        expected: &'static str,
    },
}

/// The settings that are looked for, by the names since Redis 7.0.
const NAMES: [&str; 12] = [
    "cluster-enabled",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "set-max-listpack-value",
    "zset-max-listpack-entries",
    "zset-max-listpack-value",
    "list-max-listpack-size",
    "list-compress-depth",
    "maxmemory",
    "maxmemory-policy",
];

impl Settings {
    /// The value that a saved configuration has for a setting that memory does not hang on, in any form that
    /// [`Settings::parse`] reads.
    pub fn find(text: &str, name: &'static str) -> Option<String> {
        Found::read(text, &[name]).values.remove(name)
    }

    /// Reads what `CONFIG GET *` answered, as the command-line clients print it (names and values on lines by
    /// themselves, numbered and quoted, or as pairs), or a configuration file. What is not in it keeps its default.
    ///
    /// # Errors
    /// When nothing that matters is in it, or a value cannot be.
    pub fn parse(text: &str) -> Result<Settings, SettingsError> {
        let found = Found::read(text, &NAMES);
        if found.values.is_empty() {
            return Err(SettingsError::Nothing);
        }
        let defaults = Settings::default();
        let maxmemory = found.bytes("maxmemory", 0)?;
        let policy = found.values.get("maxmemory-policy");
        let keeps_use =
            policy.is_some_and(|policy| policy.ends_with("-lru") || policy.ends_with("-lfu"));
        Ok(Settings {
            cluster: found.yes("cluster-enabled", defaults.cluster)?,
            hash_max_entries: found
                .number("hash-max-listpack-entries", defaults.hash_max_entries)?,
            hash_max_value: found.bytes("hash-max-listpack-value", defaults.hash_max_value)?,
            set_max_intset_entries: found
                .number("set-max-intset-entries", defaults.set_max_intset_entries)?,
            set_max_entries: found.number("set-max-listpack-entries", defaults.set_max_entries)?,
            set_max_value: found.bytes("set-max-listpack-value", defaults.set_max_value)?,
            zset_max_entries: found
                .number("zset-max-listpack-entries", defaults.zset_max_entries)?,
            zset_max_value: found.bytes("zset-max-listpack-value", defaults.zset_max_value)?,
            list_max_size: found.number("list-max-listpack-size", defaults.list_max_size)?,
            list_compress_depth: found
                .number("list-compress-depth", defaults.list_compress_depth)?,
            shares_integers: maxmemory == 0 || !keeps_use,
        })
    }
}

/// The settings that matter, with their values as text.
struct Found {
    values: BTreeMap<&'static str, String>,
}

impl Found {
    /// Whatever the form, a value stands behind its name, on the same line or on the next.
    fn read(text: &str, names: &[&'static str]) -> Found {
        let canonical = |word: &str| canonical(word, names);
        let text = text.trim_start_matches('\u{feff}');
        let object = text.trim_start().starts_with('{').then(|| {
            let lines = text.replace(['{', '}', ','], "\n");
            lines.replace("\":\"", "\" \"")
        });
        let text = object.as_deref().unwrap_or(text);
        let mut values = BTreeMap::new();
        let mut waiting = None;
        for line in text.lines() {
            let mut words = line.split_whitespace().filter_map(bare).peekable();
            if let Some(name) = waiting.take()
                && let Some(value) = words.next_if(|word| canonical(word).is_none())
            {
                values.insert(name, value.to_owned());
                continue;
            }
            let Some(name) = words.next().and_then(canonical) else {
                continue;
            };
            match words.next() {
                Some(value) => {
                    values.insert(name, value.to_owned());
                }
                None => waiting = Some(name),
            }
        }
        Found { values }
    }

    fn number<N: std::str::FromStr>(
        &self,
        name: &'static str,
        default: N,
    ) -> Result<N, SettingsError> {
        match self.values.get(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| SettingsError::Value {
                name,
                value: value.clone(),
                expected: "a whole number",
            }),
        }
    }

    /// Sizes may have a unit (redis `src/util.c`, `memtoull`).
    fn bytes(&self, name: &'static str, default: u64) -> Result<u64, SettingsError> {
        let Some(value) = self.values.get(name) else {
            return Ok(default);
        };
        let lower = value.to_ascii_lowercase();
        let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &lower[digits.len()..] {
            "" | "b" => Some(1),
            "k" => Some(1_000),
            "kb" => Some(1 << 10),
            "m" => Some(1_000_000),
            "mb" => Some(1 << 20),
            "g" => Some(1_000_000_000),
            "gb" => Some(1 << 30),
            _ => None,
        };
        digits
            .parse::<u64>()
            .ok()
            .zip(unit)
            .and_then(|(n, unit)| n.checked_mul(unit))
            .ok_or_else(|| SettingsError::Value {
                name,
                value: value.clone(),
                expected: "a size in bytes, or with k, kb, m, mb, g or gb",
            })
    }

    fn yes(&self, name: &'static str, default: bool) -> Result<bool, SettingsError> {
        match self.values.get(name).map(String::as_str) {
            None => Ok(default),
            Some("yes" | "1") => Ok(true),
            Some("no" | "0") => Ok(false),
            Some(value) => Err(SettingsError::Value {
                name,
                value: value.to_owned(),
                expected: "yes or no",
            }),
        }
    }
}

/// A word without quotes; none for what clients number (`1)`, `1#`) and join (`=>`) lines with.
fn bare(word: &str) -> Option<&str> {
    let is_number = word.strip_suffix([')', '#']).is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    let word = word.trim_matches(['"', '\'']);
    (!is_number && word != "=>" && !word.is_empty()).then_some(word)
}

/// The name since Redis 7.0 of a setting that is looked for.
fn canonical(name: &str, names: &[&'static str]) -> Option<&'static str> {
    let name = name
        .trim_end_matches(':')
        .to_ascii_lowercase()
        .replace("-ziplist-", "-listpack-");
    names.iter().copied().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `redis-cli` and `valkey-cli` print it to a file and to a terminal, in both protocols, and `redis.conf`.
    #[test]
    fn a_saved_configuration_is_read_in_every_form() {
        let wanted = Settings {
            cluster: false,
            hash_max_entries: 128,
            list_max_size: -3,
            shares_integers: false,
            ..Settings::default()
        };
        for text in [
            "appendonly\nno\nhash-max-ziplist-entries\n128\nmaxmemory\n1073741824\nmaxmemory-policy\nallkeys-lru\n\
             cluster-enabled\nno\nlist-max-ziplist-size\n-3\n",
            "1) \"hash-max-listpack-entries\"\n2) \"128\"\n3) \"maxmemory\"\n4) \"100\"\n5) \"maxmemory-policy\"\n\
             6) \"volatile-lfu\"\n7) \"cluster-enabled\"\n8) \"no\"\n 9) \"list-max-listpack-size\"\n10) \"-3\"\n",
            "1# \"hash-max-listpack-entries\" => \"128\"\n2# \"maxmemory\" => \"1\"\n3# \"maxmemory-policy\" => \
             \"allkeys-lfu\"\n4# \"cluster-enabled\" => \"no\"\n5# \"list-max-listpack-size\" => \"-3\"\n",
            "# comment about maxmemory\nmaxmemory 2gb\nmaxmemory-policy allkeys-lru\nhash-max-listpack-entries 128\n\
             cluster-enabled no\nlist-max-listpack-size -3\n",
            "\u{feff}{\"appendonly\":\"no\",\"hash-max-listpack-entries\":\"128\",\"maxmemory\":\"5\",\"maxmemory-policy\":\
             \"allkeys-lru\",\"cluster-enabled\":\"no\",\"list-max-listpack-size\":\"-3\"}",
        ] {
            assert_eq!(Settings::parse(text).as_ref(), Ok(&wanted), "{text}");
        }
    }

    #[test]
    fn an_empty_value_does_not_swallow_the_next_name() {
        let text = "maxmemory-policy\n\nhash-max-listpack-value\n32\n";
        assert_eq!(Settings::parse(text).map(|it| it.hash_max_value), Ok(32));
    }

    #[test]
    fn a_setting_beside_those_of_memory_is_found_in_every_form() {
        for text in [
            "maxmemory\n0\nrdbcompression\nno\nport\n6379\n",
            "1) \"port\"\n2) \"6379\"\n3) \"rdbcompression\"\n4) \"no\"\n",
            "1# \"rdbcompression\" => \"no\"\n",
            "# rdbcompression yes\nrdbcompression no\n",
        ] {
            assert_eq!(
                Settings::find(text, "rdbcompression").as_deref(),
                Some("no"),
                "{text}"
            );
            assert_eq!(Settings::find(text, "rdbchecksum"), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        assert_eq!(
            Settings::parse("hello\nworld\n"),
            Err(SettingsError::Nothing)
        );
        for text in [
            "hash-max-listpack-entries many",
            "maxmemory 1tb",
            "cluster-enabled maybe",
        ] {
            assert!(
                matches!(Settings::parse(text), Err(SettingsError::Value { .. })),
                "{text}"
            );
        }
    }
}
