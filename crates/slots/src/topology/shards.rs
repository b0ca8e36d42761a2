//! The reply of `CLUSTER SHARDS` (Redis 7.0 on; `addShardReplyForClusterShards` of
//! `src/cluster_legacy.c`): for each shard `slots` (a flat array of firsts and lasts) and `nodes`
//! (maps of `id`, `port` or `tls-port`, `ip`, `endpoint`, `hostname`, `role`, `replication-offset`
//! and `health`), from Valkey 8.1 on also an `id` of its own. The slots belong to the shard; its
//! one primary is taken for their owner.

use super::draft::{self, Draft, node_id, word};
use super::reply::Reply;
use super::{Format, Node, NodeId, Role, Topology};
use crate::{Error, SlotSet};

pub(super) fn parse(reply: &Reply) -> Result<Topology, Error> {
    let mut draft = Draft::new(Format::ClusterShards);
    for (index, reply) in reply.as_array("the reply")?.iter().enumerate() {
        let part = format!("shard {}", index + 1);
        shard(reply, &part, &mut draft.nodes)?;
    }
    draft.finish()
}

fn shard(reply: &Reply, part: &str, nodes: &mut Vec<Node>) -> Result<(), Error> {
    let fields = reply.as_pairs(part)?;
    let find = |name: &str| fields.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let Some(slots) = find("slots") else {
        return Err(reply.unexpected(part, "slots"));
    };
    let slots = slot_set(slots, &format!("slots of {part}"))?;
    let Some(members) = find("nodes") else {
        return Err(reply.unexpected(part, "nodes"));
    };
    let mut shard = Vec::new();
    for (index, member) in members.as_array(part)?.iter().enumerate() {
        let part = format!("node {} of {part}", index + 1);
        shard.push(node(member, &part)?);
    }
    let owner = owner(&shard);
    match owner {
        Ok(owner) => {
            let of = shard[owner].id.clone();
            shard[owner].slots = slots;
            for node in &mut shard {
                if let Role::Replica { of: primary } = &mut node.role {
                    *primary = Some(of.clone());
                }
            }
        }
        Err(_) if slots.is_empty() => {}
        Err(primaries) => {
            let at = reply.at(part);
            return Err(Error::ShardPrimaries { at, primaries });
        }
    }
    nodes.append(&mut shard);
    Ok(())
}

/// Which of the nodes is the shard's primary: the only one or, after a failover, the only one
/// that is in good health. Otherwise how many there are.
fn owner(shard: &[Node]) -> Result<usize, usize> {
    let primaries = |healthy: bool| -> Vec<usize> {
        let fits = |node: &Node| node.is_primary() && (!healthy || node.flags.is_empty());
        (0..shard.len()).filter(|&i| fits(&shard[i])).collect()
    };
    match (&primaries(false)[..], &primaries(true)[..]) {
        (&[only], _) | (_, &[only]) => Ok(only),
        (all, _) => Err(all.len()),
    }
}

fn slot_set(reply: &Reply, part: &str) -> Result<SlotSet, Error> {
    let mut slots = SlotSet::new();
    for pair in reply.as_array(part)?.chunks(2) {
        let [first, last] = pair else {
            return Err(reply.unexpected(part, "firsts and lasts in pairs"));
        };
        let expected = "a slot from 0 to 16383";
        let (from, to) = (
            first.as_text(part, expected)?,
            last.as_text(part, expected)?,
        );
        slots.extend(draft::range(&first.at(part), from, to)?.iter());
    }
    Ok(slots)
}

fn node(reply: &Reply, part: &str) -> Result<Node, Error> {
    let (mut id, mut role): (Option<NodeId>, Option<Role>) = (None, None);
    let (mut ip, mut endpoint, mut hostname) = (String::new(), String::new(), String::new());
    let (mut port, mut tls_port) = (0, 0);
    let mut flags = Vec::new();
    for (name, value) in reply.as_pairs(part)? {
        let part = format!("{name:?} of {part}");
        let text = value.as_optional_text(&part)?;
        let at = value.at(&part);
        match name {
            "id" => id = Some(node_id(&at, text)?),
            "port" => port = draft::port(&at, text)?,
            "tls-port" => tls_port = draft::port(&at, text)?,
            "ip" => ip = word(&at, text)?,
            "endpoint" => endpoint = word(&at, text)?,
            "hostname" => hostname = word(&at, text)?,
            "role" => {
                role = Some(match text {
                    "master" | "primary" => Role::Primary,
                    "slave" | "replica" => Role::Replica { of: None },
                    _ => return Err(Error::unexpected(at, "master or replica", text)),
                });
            }
            "health" if text != "online" => flags.push(word(&at, text)?),
            _ => {}
        }
    }
    let (Some(id), Some(role)) = (id, role) else {
        return Err(Error::truncated(reply.at(part), "the node's id and role"));
    };
    // An endpoint is one of the two others, whichever the server was told to prefer.
    let hostname = Some(hostname).filter(|name| !name.is_empty());
    let (host, hostname) = match (ip.is_empty(), hostname) {
        (false, hostname) => (ip, hostname),
        (true, Some(name)) => (name, None),
        (true, None) => (endpoint, None),
    };
    Ok(Node {
        host,
        hostname,
        port: if port == 0 { tls_port } else { port },
        flags,
        ..draft::node(id, role)
    })
}

/// Gives the plain output of `redis-cli`, one value a line, its nesting back. With RESP3
/// (`redis-cli -3`) a name and its value share a line. An empty array is an empty line.
pub(super) fn reply_from_lines(text: &str) -> Result<Reply, Error> {
    let tokens: Vec<(usize, &str)> = text
        .trim_end()
        .lines()
        .zip(1..)
        .flat_map(|(line, number)| line.split(' ').map(move |token| (number, token)))
        .collect();
    let mut lines = Lines { tokens: &tokens };
    let mut shards = Vec::new();
    while !lines.tokens.is_empty() {
        shards.push(lines.shard()?);
    }
    Ok(Reply::array(1, shards))
}

struct Lines<'a> {
    tokens: &'a [(usize, &'a str)],
}

impl<'a> Lines<'a> {
    fn take(&mut self, expected: &'static str) -> Result<(usize, &'a str), Error> {
        match self.tokens.split_first() {
            Some((&first, rest)) => {
                self.tokens = rest;
                Ok(first)
            }
            None => Err(Error::truncated("the last line", expected)),
        }
    }

    fn peek(&self, ahead: usize) -> Option<&'a str> {
        self.tokens.get(ahead).map(|&(_, token)| token)
    }

    /// An `id` that belongs to the shard stands before its slots or at its end, one that belongs
    /// to a node before the node's other fields.
    fn at_shard_id(&self) -> bool {
        self.peek(0) == Some("id") && matches!(self.peek(2), None | Some("slots"))
    }

    fn shard(&mut self) -> Result<Reply, Error> {
        let first_line = self.tokens[0].0;
        let mut fields: Vec<(String, Reply)> = Vec::new();
        while let Some(name) = self.peek(0) {
            if fields.iter().any(|(known, _)| known == name) {
                break;
            }
            let (line, name) = self.take("a field of the shard")?;
            let value = match name {
                "slots" => self.numbers(line),
                "nodes" => self.nodes(line)?,
                "id" => {
                    let (line, id) = self.take("the shard's id")?;
                    Reply::text(line, id)
                }
                _ => {
                    let expected = "slots, nodes or id of a shard";
                    return Err(Error::unexpected(format!("line {line}"), expected, name));
                }
            };
            fields.push((name.to_owned(), value));
        }
        Ok(Reply::map(first_line, fields))
    }

    fn numbers(&mut self, line: usize) -> Reply {
        let mut numbers = Vec::new();
        while let Some((&(line, token), rest)) = self.tokens.split_first()
            && (token.is_empty() || token.bytes().all(|b| b.is_ascii_digit()))
        {
            self.tokens = rest;
            if !token.is_empty() {
                numbers.push(Reply::text(line, token));
            }
        }
        Reply::array(line, numbers)
    }

    fn nodes(&mut self, line: usize) -> Result<Reply, Error> {
        let mut nodes = Vec::new();
        if self.peek(0) == Some("") {
            self.take("an empty line")?;
        }
        while self.peek(0) == Some("id") && !self.at_shard_id() {
            nodes.push(self.node()?);
        }
        Ok(Reply::array(line, nodes))
    }

    fn node(&mut self) -> Result<Reply, Error> {
        let first_line = self.tokens[0].0;
        let mut fields: Vec<(String, Reply)> = Vec::new();
        while let Some(name) = self.peek(0) {
            if name == "slots" || (name == "id" && !fields.is_empty()) {
                break;
            }
            let (_, name) = self.take("a field of the node")?;
            let (line, value) = self.take("the value of a node's field")?;
            fields.push((name.to_owned(), Reply::text(line, value)));
        }
        Ok(Reply::map(first_line, fields))
    }
}
