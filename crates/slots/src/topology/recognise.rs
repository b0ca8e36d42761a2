//! Which text is it? Told by content alone.

use super::draft::is_node_id;
use super::{Topology, backup_json, nodes_text, reply, shards, slots};
use crate::Error;
use crate::error::excerpt;

/// Beginnings of the errors that servers answer a `CLUSTER` command with, and that end up in a
/// file instead of the topology.
const ERROR_PREFIXES: [&str; 8] = [
    "(error)",
    "ERR ",
    "NOAUTH ",
    "NOPERM ",
    "WRONGPASS ",
    "LOADING ",
    "DENIED ",
    "Could not connect to ",
];

/// Reads any of the texts.
pub(super) fn parse(bytes: &[u8]) -> Result<Topology, Error> {
    let unrecognised = || Error::Unrecognised {
        found: excerpt(&String::from_utf8_lossy(&bytes[..bytes.len().min(200)])),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| unrecognised())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(first) = text.lines().find(|line| !line.trim().is_empty()) else {
        return Err(Error::Empty);
    };
    if let Some(reply) = server_error(first) {
        return Err(Error::ServerError { reply });
    }
    match first.trim_start().chars().next() {
        Some('[' | '{' | '"') => return json(text),
        Some('(') if reply::is_empty_aggregate(first.trim()) => return Err(Error::Empty),
        _ => {}
    }
    let (word, rest) = first.split_once([' ', ',']).unwrap_or((first, ""));
    if is_node_id(word) || (word == "vars" && rest.starts_with("currentEpoch ")) {
        nodes_text::parse(text)
    } else if reply::looks_like_tree(first) {
        let reply = reply::parse_tree(text)?;
        // Only CLUSTER SHARDS has names in it on this level.
        if reply.first_of_first_is_text() {
            shards::parse(&reply)
        } else {
            slots::parse(&reply)
        }
    } else if word == "slots" || word == "id" {
        shards::parse(&shards::reply_from_lines(text)?)
    } else if first.trim_end().parse::<u16>().is_ok() {
        slots::parse(&slots::reply_from_lines(text)?)
    } else {
        Err(unrecognised())
    }
}

fn json(text: &str) -> Result<Topology, Error> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_eof() {
            let at = format!("line {line}, column {column}");
            return Error::truncated(at, "the rest of the JSON document");
        }
        let message = error.to_string();
        // The position is in fields of its own.
        let message = message.split(" at line ").next().unwrap_or(&message);
        Error::Json {
            line,
            column,
            message: message.to_owned(),
        }
    })?;
    match &value {
        // Some versions of `redis-cli --json` wrap the text of CLUSTER NODES into a JSON string.
        serde_json::Value::String(inner) => match server_error(inner) {
            Some(reply) => Err(Error::ServerError { reply }),
            None => nodes_text::parse(inner),
        },
        serde_json::Value::Array(items) => match items.first() {
            None => Err(Error::Empty),
            Some(first) if first.get("name").is_some() => backup_json::parse(items),
            Some(first) => {
                let reply = reply::from_json(&value, 0)?;
                if first.is_object() || reply.first_of_first_is_text() {
                    shards::parse(&reply)
                } else {
                    slots::parse(&reply)
                }
            }
        },
        _ => Err(Error::Unrecognised {
            found: excerpt(text),
        }),
    }
}

fn server_error(line: &str) -> Option<String> {
    let known = ERROR_PREFIXES.iter().any(|prefix| line.starts_with(prefix));
    known.then(|| excerpt(line))
}
