//! `nodes.json`, which `redis-cli --cluster backup` and `valkey-cli --cluster backup` leave beside
//! the snapshots (`clusterManagerCommandBackup` of `src/redis-cli.c`).
//!
//! An array with an object for each node that answered: `name`, `host`, `port`, `replicate` (an id
//! or null), `slots` (pairs of first and last), `slots_count`, `flags` (words with commas between),
//! `current_epoch`, which despite its name is the node's own configuration epoch, and
//! `cluster_errors`, `migrating` and `importing` only where there is something to tell. The last
//! two map slots to the other side's id.

use serde_json::{Map, Value};

use super::draft::{self, Draft, node_id, word};
use super::nodes_text::flags_and_role;
use super::{Direction, Format, Node, OpenSlot, Role, Topology};
use crate::{Error, SlotSet};

pub(super) fn parse(items: &[Value]) -> Result<Topology, Error> {
    let mut draft = Draft::new(Format::BackupJson);
    for (index, item) in items.iter().enumerate() {
        let at = format!("[{index}]");
        let Value::Object(fields) = item else {
            return Err(Error::unexpected(
                at,
                "an object for a node",
                &item.to_string(),
            ));
        };
        let object = Object { at: &at, fields };
        draft.nodes.push(node(&object)?);
        if let Some(errors) = object.optional_number("cluster_errors")? {
            draft.cluster_errors = draft.cluster_errors.max(errors);
        }
    }
    draft.finish()
}

fn node(object: &Object<'_>) -> Result<Node, Error> {
    let id = node_id(&object.at("name"), object.text("name")?)?;
    let (mut flags, mut role) = (Vec::new(), Role::Unknown);
    if object.fields.contains_key("flags") {
        (flags, role) = flags_and_role(&object.at("flags"), object.text("flags")?)?;
    }
    let primary = match object.fields.get("replicate") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(node_id(&object.at("replicate"), text)?),
        Some(other) => return Err(object.unexpected("replicate", "a node id or null", other)),
    };
    // A node that names its primary is a replica, whether or not the flags say so.
    if primary.is_some() || matches!(role, Role::Replica { .. }) {
        role = Role::Replica { of: primary };
    }
    let mut node = Node {
        host: word(&object.at("host"), object.text("host")?)?,
        port: draft::port(&object.at("port"), &object.number("port")?.to_string())?,
        slots: slots(object)?,
        flags,
        config_epoch: object.optional_number("current_epoch")?,
        ..draft::node(id, role)
    };
    if let Some(told) = object.optional_number("slots_count")?
        && usize::try_from(told) != Ok(node.slots.len())
    {
        let listed = node.slots.len();
        return Err(Error::SlotsCount {
            id: node.id,
            told,
            listed,
        });
    }
    open_slots(object, "migrating", Direction::Migrating, &mut node.open)?;
    open_slots(object, "importing", Direction::Importing, &mut node.open)?;
    Ok(node)
}

fn slots(object: &Object<'_>) -> Result<SlotSet, Error> {
    let value = object.get("slots")?;
    let Value::Array(ranges) = value else {
        return Err(object.unexpected("slots", "an array of slot ranges", value));
    };
    let mut slots = SlotSet::new();
    for (index, range) in ranges.iter().enumerate() {
        let name = format!("slots[{index}]");
        let pair = range.as_array().map(Vec::as_slice);
        let Some([first, last]) = pair else {
            return Err(object.unexpected(&name, "a pair of slots", range));
        };
        let range = draft::range(&object.at(&name), &first.to_string(), &last.to_string())?;
        slots.extend(range.iter());
    }
    Ok(slots)
}

fn open_slots(
    object: &Object<'_>,
    name: &str,
    direction: Direction,
    open: &mut Vec<OpenSlot>,
) -> Result<(), Error> {
    let peers = match object.fields.get(name) {
        None => return Ok(()),
        Some(Value::Object(peers)) => peers,
        Some(other) => {
            return Err(object.unexpected(name, "an object of slots and node ids", other));
        }
    };
    for (slot, peer) in peers {
        let at = object.at(name);
        let Value::String(peer) = peer else {
            return Err(object.unexpected(name, "a node id for each slot", peer));
        };
        open.push(OpenSlot {
            slot: draft::slot(&at, slot)?,
            direction,
            peer: node_id(&at, peer)?,
        });
    }
    Ok(())
}

/// A node's object and where it is in the document.
struct Object<'a> {
    at: &'a str,
    fields: &'a Map<String, Value>,
}

impl Object<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.at)
    }

    #[cold]
    fn unexpected(&self, name: &str, expected: &'static str, found: &Value) -> Error {
        Error::unexpected(self.at(name), expected, &found.to_string())
    }

    fn get(&self, name: &str) -> Result<&Value, Error> {
        self.fields
            .get(name)
            .ok_or_else(|| Error::unexpected(self.at(name), "a value", "nothing"))
    }

    fn text(&self, name: &str) -> Result<&str, Error> {
        let value = self.get(name)?;
        value
            .as_str()
            .ok_or_else(|| self.unexpected(name, "a string", value))
    }

    fn number(&self, name: &str) -> Result<u64, Error> {
        let value = self.get(name)?;
        value
            .as_u64()
            .ok_or_else(|| self.unexpected(name, "a whole number", value))
    }

    fn optional_number(&self, name: &str) -> Result<Option<u64>, Error> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.number(name).map(Some),
        }
    }
}
