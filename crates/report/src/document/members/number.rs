//! Numbers as JSON can tell them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of a module.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Number {
    /// An unsigned integer.
    Unsigned(u64),
    /// A signed integer.
    Signed(i64),
    /// Any other number.
    Real(Real),
}

/// A real number: a JSON number, or one of the strings `inf`, `-inf` and `nan` that stand for what is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Real(pub f64);

impl Real {
    /// The word for what is no JSON number.
    fn word(self) -> Option<&'static str> {
        match self.0 {
            f64::INFINITY => Some("inf"),
            f64::NEG_INFINITY => Some("-inf"),
            number if number.is_nan() => Some("nan"),
            _ => None,
        }
    }
}

impl std::fmt::Display for Real {
    /// The shortest decimal that reads back as the number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.word() {
            Some(word) => f.write_str(word),
            // Beyond that many digits in front of the point, an exponent reads better.
            None if self.0.abs() >= 1e17 || (self.0 != 0.0 && self.0.abs() < 1e-5) => {
                write!(f, "{:e}", self.0)
            }
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.word() {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Real, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Word(String),
        }
        let number = match Form::deserialize(deserializer)? {
            Form::Number(number) => number,
            Form::Word(word) => match word.as_str() {
                "inf" => f64::INFINITY,
                "-inf" => f64::NEG_INFINITY,
                "nan" => f64::NAN,
                other => return Err(D::Error::custom(format!("no number: {other}"))),
            },
        };
        Ok(Real(number))
    }
}

impl JsonSchema for Real {
    fn schema_name() -> Cow<'static, str> {
        "Real".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or a word for what is none in JSON.",
            "oneOf": [{ "type": "number" }, { "enum": ["inf", "-inf", "nan"] }]
        })
    }
}
