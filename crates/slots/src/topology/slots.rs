//! The reply of `CLUSTER SLOTS` (`clusterCommandSlots` of `src/cluster.c`): for each range of
//! slots its first, its last, its primary and then its replicas, each node as
//! host, port, id (Redis 4.0 on) and a list of further names (Redis 7.0 on: `ip`, `hostname`).

use super::draft::{self, Draft, is_node_id, node_id, word};
use super::reply::Reply;
use super::{Format, Node, Role, Topology};
use crate::Error;

pub(super) fn parse(reply: &Reply) -> Result<Topology, Error> {
    let mut draft = Draft::new(Format::ClusterSlots);
    for (index, row) in reply.as_array("the reply")?.iter().enumerate() {
        let part = format!("range {}", index + 1);
        let [first, last, members @ ..] = row.as_array(&part)? else {
            return Err(row.unexpected(&part, "first slot, last slot, nodes"));
        };
        let expected = "a slot from 0 to 16383";
        let (from, to) = (
            first.as_text(&part, expected)?,
            last.as_text(&part, expected)?,
        );
        let range = draft::range(&first.at(&part), from, to)?;
        let mut primary = None;
        for (index, member) in members.iter().enumerate() {
            let part = format!("node {} of {part}", index + 1);
            let of = primary.clone();
            let mut node = node(member, &part)?;
            node.role = match of {
                None => Role::Primary,
                Some(_) => Role::Replica { of },
            };
            primary.get_or_insert_with(|| node.id.clone());
            let known = match draft.nodes.iter().position(|known| known.id == node.id) {
                Some(known) => known,
                None => {
                    draft.nodes.push(node.clone());
                    draft.nodes.len() - 1
                }
            };
            let known = &mut draft.nodes[known];
            if known.role != node.role {
                return Err(Error::NodeTwice { id: node.id });
            }
            if node.is_primary() {
                known.slots.extend(range.iter());
            }
        }
        if primary.is_none() {
            return Err(Error::truncated(row.at(&part), "the range's primary"));
        }
    }
    draft.finish()
}

fn node(reply: &Reply, part: &str) -> Result<Node, Error> {
    let (host, port, id, names) = match reply.as_array(part)? {
        [host, port, id, rest @ ..] => (host, port, id, rest.first()),
        _ => {
            let expected = "host, port and id, which CLUSTER SLOTS tells from Redis 4.0 on";
            return Err(reply.unexpected(part, expected));
        }
    };
    let endpoint = word(&host.at(part), host.as_optional_text(part)?)?;
    let port = draft::port(&port.at(part), port.as_text(part, "a port")?)?;
    let id = node_id(&id.at(part), id.as_text(part, "a node id")?)?;
    let (mut ip, mut hostname) = (None, None);
    for (name, value) in names.map_or(Ok(Vec::new()), |names| names.as_pairs(part))? {
        let text = word(&value.at(part), value.as_optional_text(part)?)?;
        match name {
            "ip" => ip = Some(text),
            "hostname" => hostname = Some(text),
            _ => {}
        }
    }
    // The further names are those that the endpoint is not: an `ip` beside it means that the
    // endpoint is the host name.
    let (host, hostname) = match ip {
        Some(ip) => (ip, hostname.or(Some(endpoint))),
        None if endpoint.is_empty() => (hostname.unwrap_or_default(), None),
        None => (endpoint, hostname),
    };
    Ok(Node {
        host,
        hostname: hostname.filter(|name| !name.is_empty()),
        port,
        ..draft::node(id, Role::Unknown)
    })
}

/// Gives the plain output of `redis-cli`, one value a line, its nesting back: a node is where the
/// line after next is an id, a range begins where two numbers follow each other. An empty list of
/// further names is an empty line.
pub(super) fn reply_from_lines(text: &str) -> Result<Reply, Error> {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim).collect();
    let mut rows: Vec<Reply> = Vec::new();
    let mut row: Vec<Reply> = Vec::new();
    let mut index = 0;
    let value = |index: usize| Reply::text(index + 1, lines[index]);
    while index < lines.len() {
        let number = |ahead: usize| lines.get(index + ahead).is_some_and(|l| is_number(l));
        let node_here = number(1) && lines.get(index + 2).is_some_and(|l| is_node_id(l));
        if node_here {
            let mut node = vec![value(index), value(index + 1), value(index + 2)];
            let first = index;
            index += 3;
            let names = names(&lines, &mut index);
            node.push(Reply::array(index, names));
            row.push(Reply::array(first + 1, node));
        } else if number(0) && number(1) {
            if !row.is_empty() {
                rows.push(Reply::array(row[0].line, std::mem::take(&mut row)));
            }
            row.extend([value(index), value(index + 1)]);
            index += 2;
        } else if lines.len() - index < 3 {
            let at = format!("line {}", lines.len());
            return Err(Error::truncated(at, "host, port and id of a node"));
        } else {
            let at = format!("line {}", index + 1);
            let expected = "host, port and id of a node, or a range's first and last slot";
            return Err(Error::unexpected(at, expected, lines[index]));
        }
    }
    if !row.is_empty() {
        rows.push(Reply::array(row[0].line, row));
    }
    Ok(Reply::array(1, rows))
}

/// The further names of a node, in pairs. A pair can only be mistaken for the next node when the
/// two lines after its name were a port and an id, which no value is.
fn names(lines: &[&str], index: &mut usize) -> Vec<Reply> {
    let mut names = Vec::new();
    while let Some(&name) = lines.get(*index) {
        let next_is_node = lines.get(*index + 2).is_some_and(|l| is_node_id(l));
        if name.is_empty() && !next_is_node {
            *index += 1;
            break;
        }
        if !matches!(name, "ip" | "hostname" | "availability-zone") || next_is_node {
            break;
        }
        let Some(&value) = lines.get(*index + 1) else {
            break;
        };
        names.push(Reply::text(*index + 1, name));
        names.push(Reply::text(*index + 2, value));
        *index += 2;
    }
    names
}

fn is_number(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit())
}
