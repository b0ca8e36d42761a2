//! Milliseconds with three decimals.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A predicted time, written as milliseconds with at most three decimals.
///
/// Held as whole microseconds, so that the same prediction is the same text on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Millis {
    /// The time in microseconds.
    pub us: u64,
}

impl Millis {
    /// Nanoseconds, rounded up: a prediction is not made smaller by writing it down.
    pub fn from_ns(ns: u64) -> Millis {
        Millis {
            us: ns.div_ceil(1_000),
        }
    }
}

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.us / 1_000, self.us % 1_000)
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Division is correctly rounded, and the shortest decimal that reads back as the quotient has at
        // most three places for any time below 285 years.
        serializer.serialize_f64(self.us as f64 / 1_000.0)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        let ms = f64::deserialize(deserializer)?;
        Ok(Millis {
            us: (ms * 1_000.0).round() as u64,
        })
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Milliseconds, with at most three decimals.",
            "type": "number",
            "minimum": 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_three_decimals_are_written_and_all_come_back() {
        for (ns, text) in [
            (0, "0.0"),
            (1, "0.001"),
            (1_000, "0.001"),
            (123_456, "0.124"),
            (100_000_000, "100.0"),
            (100_000_001, "100.001"),
            (987_654_321_987_654, "987654321.988"),
        ] {
            let millis = Millis::from_ns(ns);
            let written = serde_json::to_string(&millis).expect("a number can be written");
            assert_eq!(written, text, "{ns} ns");
            let back: Millis = serde_json::from_str(&written).expect("a number can be read");
            assert_eq!(back, millis, "{ns} ns");
        }
    }
}
