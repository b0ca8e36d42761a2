//! The lines of `CLUSTER NODES`, and of `nodes.conf`, which has the same lines, auxiliary fields
//! in the addresses and a line `vars currentEpoch N lastVoteEpoch N`
//! (`clusterGenNodeDescription` and `clusterLoadConfig` of `src/cluster_legacy.c`).
//!
//! ```text
//! id address flags primary ping-sent pong-received config-epoch link-state slot...
//! ```
//! The address is `ip:port@bus-port`, from Redis 7.0 on `,hostname` when there is one, in
//! `nodes.conf` from 7.2 on also `,name=value` pairs. A slot is `5`, `0-5460`,
//! `[5000->-id]` (being given away) or `[5000-<-id]` (being taken).

use super::draft::{self, Draft, node_id, number, word};
use super::{Direction, Format, Node, OpenSlot, Role, Topology};
use crate::Error;

pub(super) fn parse(text: &str) -> Result<Topology, Error> {
    let mut draft = Draft::new(Format::ClusterNodes);
    let whole = text.ends_with('\n');
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let place = Line {
            number: index + 1,
            cut: !whole && lines.peek().is_none(),
        };
        if line.trim().is_empty() {
            continue;
        }
        if let Some(vars) = line.strip_prefix("vars ") {
            draft.format = Format::NodesConf;
            draft.current_epoch = current_epoch(&place, vars)?;
        } else {
            draft.nodes.push(node(&place, line)?);
        }
    }
    let topology = draft.finish()?;
    // Without its newline the last line may have been cut in the middle of a slot range, which
    // then reads as another range. Where every slot has its owner nothing can be missing.
    if !whole && !topology.unassigned().is_empty() {
        let at = format!("line {}", text.lines().count());
        return Err(Error::truncated(
            at,
            "a newline, or an owner for every slot",
        ));
    }
    Ok(topology)
}

/// Where a field is.
struct Line {
    number: usize,
    /// Whether this is the last line and has no end: then a missing field was cut off.
    cut: bool,
}

impl Line {
    fn at(&self, field: usize, name: &str) -> String {
        format!("line {}, field {field} ({name})", self.number)
    }

    fn next<'a>(
        &self,
        fields: &mut impl Iterator<Item = (usize, &'a str)>,
        field: usize,
        name: &'static str,
    ) -> Result<(String, &'a str), Error> {
        let at = self.at(field, name);
        match fields.next() {
            Some((_, text)) => Ok((at, text)),
            None if self.cut => Err(Error::truncated(at, name)),
            None => Err(Error::unexpected(at, name, "the end of the line")),
        }
    }
}

fn current_epoch(line: &Line, vars: &str) -> Result<Option<u64>, Error> {
    let mut words = vars.split_ascii_whitespace();
    while let (Some(name), value) = (words.next(), words.next()) {
        if name == "currentEpoch" {
            let at = format!("line {}, currentEpoch", line.number);
            let value = value.unwrap_or_default();
            return number(&at, "an epoch", value).map(Some);
        }
    }
    Ok(None)
}

fn node(line: &Line, text: &str) -> Result<Node, Error> {
    let mut fields = text.split_ascii_whitespace().zip(1..).map(|(t, n)| (n, t));
    let (at, id) = line.next(&mut fields, 1, "node id")?;
    let id = node_id(&at, id)?;
    let (at, address) = line.next(&mut fields, 2, "address")?;
    let address = Address::parse(&at, address)?;
    let (at, flags) = line.next(&mut fields, 3, "flags")?;
    let (flags, mut role) = flags_and_role(&at, flags)?;
    let (at, primary) = line.next(&mut fields, 4, "primary")?;
    if let Role::Replica { of } = &mut role
        && primary != "-"
    {
        *of = Some(node_id(&at, primary)?);
    }
    line.next(&mut fields, 5, "ping sent")?;
    line.next(&mut fields, 6, "pong received")?;
    let (at, epoch) = line.next(&mut fields, 7, "config epoch")?;
    let config_epoch = Some(number(&at, "an epoch", epoch)?);
    let (at, link) = line.next(&mut fields, 8, "link state")?;
    if !matches!(link, "connected" | "disconnected") {
        let expected = "connected or disconnected";
        return Err(Error::unexpected(at, expected, link));
    }
    let mut node = Node {
        host: address.host,
        hostname: address.hostname,
        port: address.port,
        flags,
        config_epoch,
        ..draft::node(id, role)
    };
    for (field, text) in fields {
        let at = line.at(field, "slots");
        if text.starts_with('[') {
            node.open.push(open_slot(&at, text, line.cut)?);
        } else {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            node.slots.extend(draft::range(&at, first, last)?.iter());
        }
    }
    Ok(node)
}

/// The flags without the role words, and the role that these give.
pub(super) fn flags_and_role(at: &str, text: &str) -> Result<(Vec<String>, Role), Error> {
    let mut role = Role::Unknown;
    let mut flags = Vec::new();
    for flag in text.split(',').filter(|flag| !flag.is_empty()) {
        match flag {
            "master" | "primary" => role = Role::Primary,
            "slave" | "replica" => role = Role::Replica { of: None },
            "noflags" => {}
            other => flags.push(word(at, other)?),
        }
    }
    Ok((flags, role))
}

struct Address {
    host: String,
    port: u16,
    hostname: Option<String>,
}

impl Address {
    fn parse(at: &str, text: &str) -> Result<Address, Error> {
        let (endpoint, aux) = text.split_once(',').unwrap_or((text, ""));
        // Redis 3 wrote no bus port. An IPv6 address has colons of its own.
        let client = endpoint.split_once('@').map_or(endpoint, |(c, _)| c);
        let Some((host, port)) = client.rsplit_once(':') else {
            return Err(Error::unexpected(at, "ip:port@bus-port", text));
        };
        // The host name comes first when there is one, and is left empty before other fields
        // when there is none.
        let hostname = aux.split(',').next().filter(|name| !name.contains('='));
        let hostname = word(at, hostname.unwrap_or_default())?;
        let hostname = Some(hostname).filter(|name| !name.is_empty());
        let host = word(at, host)?;
        let (host, hostname) = match hostname {
            Some(name) if host.is_empty() => (name, None),
            hostname => (host, hostname),
        };
        Ok(Address {
            host,
            port: draft::port(at, port)?,
            hostname,
        })
    }
}

fn open_slot(at: &str, text: &str, cut: bool) -> Result<OpenSlot, Error> {
    let expected = "an open slot like [5000->-id] or [5000-<-id]";
    let unexpected = || {
        if cut && !text.ends_with(']') {
            Error::truncated(at, expected)
        } else {
            Error::unexpected(at, expected, text)
        }
    };
    let inner = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .ok_or_else(unexpected)?;
    let (slot, direction, peer) = if let Some((slot, peer)) = inner.split_once("->-") {
        (slot, Direction::Migrating, peer)
    } else if let Some((slot, peer)) = inner.split_once("-<-") {
        (slot, Direction::Importing, peer)
    } else {
        return Err(unexpected());
    };
    Ok(OpenSlot {
        slot: draft::slot(at, slot)?,
        direction,
        peer: node_id(at, peer)?,
    })
}
