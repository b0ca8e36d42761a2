//! Topologies that real servers and `redis-cli` wrote; `fixtures/topologies/README.md` says how.
//!
//! Each directory holds one moment of one cluster in every form there is, so the forms are checked
//! against each other: `nodes.txt` is read a second time here, by splitting its lines, and every
//! other file must tell the same owners.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use preshard_slots::topology::{Direction, Format, Role};
use preshard_slots::{Error, Node, NodeId, Slot, Topology};

const SERVERS: [&str; 3] = ["redis-7.0", "redis-8.6", "valkey-9.1"];

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/topologies")
        .join(name)
}

fn parse(path: &Path) -> Topology {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Topology::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What the lines of `nodes.txt` say of a node, field by field.
struct Line {
    port: String,
    host: String,
    hostname: String,
    flags: String,
    primary: String,
    epoch: String,
    slots: String,
    open: Vec<String>,
}

fn nodes_txt(directory: &Path) -> BTreeMap<String, Line> {
    let text = std::fs::read_to_string(directory.join("nodes.txt")).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let (address, hostname) = fields[1].split_once(',').unwrap_or((fields[1], ""));
        let (host, port) = address.split_once('@').unwrap().0.split_once(':').unwrap();
        let (open, slots): (Vec<&str>, Vec<&str>) =
            fields[8..].iter().partition(|slot| slot.starts_with('['));
        let line = Line {
            port: port.to_owned(),
            host: host.to_owned(),
            hostname: hostname.to_owned(),
            flags: fields[2].to_owned(),
            primary: fields[3].to_owned(),
            epoch: fields[6].to_owned(),
            slots: slots.join(","),
            open: open.iter().map(|&slot| slot.to_owned()).collect(),
        };
        (fields[0].to_owned(), line)
    };
    text.lines().filter(|l| !l.is_empty()).map(line).collect()
}

fn role_word(node: &Node) -> &'static str {
    match node.role {
        Role::Primary => "master",
        Role::Replica { .. } => "slave",
        Role::Unknown => "handshake",
    }
}

fn open_as_written(node: &Node) -> Vec<String> {
    let write = |open: &preshard_slots::topology::OpenSlot| {
        let arrow = match open.direction {
            Direction::Migrating => "->-",
            Direction::Importing => "-<-",
        };
        format!("[{}{arrow}{}]", open.slot, open.peer)
    };
    node.open.iter().map(write).collect()
}

/// Compares what all forms tell.
fn assert_same_node(path: &Path, node: &Node, line: &Line) {
    let context = || format!("{}: node {}", path.display(), node.id);
    assert_eq!(node.slots.to_string(), line.slots, "{}", context());
    assert_eq!(node.host, line.host, "{}", context());
    assert_eq!(node.port.to_string(), line.port, "{}", context());
    let roles: Vec<&str> = line.flags.split(',').collect();
    assert!(roles.contains(&role_word(node)), "{}: {roles:?}", context());
    if let Role::Replica { of } = &node.role {
        let of = of.as_ref().map_or("-", |id| id.0.as_str());
        assert_eq!(of, line.primary, "{}", context());
    }
}

#[test]
fn every_form_tells_what_cluster_nodes_told() {
    let mut files = 0;
    for server in SERVERS {
        for state in ["open", "plain", "unknown", "noaddr"] {
            let directory = directory(&format!("{server}-{state}"));
            let lines = nodes_txt(&directory);
            let mut names: Vec<_> = std::fs::read_dir(&directory)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            names.sort();
            for path in names {
                let name = path.file_name().unwrap().to_str().unwrap();
                let topology = parse(&path);
                let format = match name {
                    "nodes.txt" => Format::ClusterNodes,
                    "nodes.conf" => Format::NodesConf,
                    "nodes.json" => Format::BackupJson,
                    _ if name.starts_with("shards") => Format::ClusterShards,
                    _ => Format::ClusterSlots,
                };
                assert_eq!(topology.format, format, "{}", path.display());
                for node in &topology.nodes {
                    let line = &lines[&node.id.0];
                    assert_same_node(&path, node, line);
                }
                // Nodes that fail are not in a backup, and CLUSTER SLOTS leaves out those too
                // that have nothing to do with any slot.
                let told = |line: &&Line| match format {
                    Format::BackupJson => {
                        !line.flags.contains("fail") && !line.flags.contains("noaddr")
                    }
                    Format::ClusterSlots => {
                        !line.flags.contains("fail")
                            && (!line.slots.is_empty() || line.primary != "-")
                    }
                    _ => true,
                };
                let expected = lines.values().filter(told).count();
                assert_eq!(topology.nodes.len(), expected, "{}", path.display());
                files += 1;
            }
        }
    }
    assert_eq!(files, 3 * (13 + 13 + 12 + 13), "files read");
}

#[test]
fn open_slots_epochs_flags_and_host_names() {
    for server in SERVERS {
        let directory = directory(&format!("{server}-open"));
        let lines = nodes_txt(&directory);
        for name in ["nodes.txt", "nodes.conf", "nodes.json"] {
            let path = directory.join(name);
            let topology = parse(&path);
            for node in &topology.nodes {
                let line = &lines[&node.id.0];
                let context = format!("{}: node {}", path.display(), node.id);
                let epoch = node.config_epoch.unwrap().to_string();
                assert_eq!(epoch, line.epoch, "{context}");
                if name == "nodes.json" {
                    continue; // asks every node for its own open slots and knows no host names
                }
                assert_eq!(open_as_written(node), line.open, "{context}");
                assert_eq!(
                    node.hostname.as_deref(),
                    Some(&line.hostname[..]),
                    "{context}"
                );
                let flags: Vec<&str> = line.flags.split(',').collect();
                let flags = flags
                    .into_iter()
                    .filter(|f| !matches!(*f, "master" | "slave"));
                assert!(flags.eq(node.flags.iter()), "{context}: {:?}", node.flags);
            }
            assert_eq!(topology.unassigned().to_string(), "7", "{}", path.display());
        }
        assert_eq!(parse(&directory.join("nodes.conf")).current_epoch, Some(6));
        let shards = parse(&directory.join("shards.tty.txt"));
        let failed = shards.nodes.iter().filter(|node| node.flags == ["fail"]);
        assert_eq!(failed.count(), 1, "{server}: one replica had been killed");
    }
}

/// Slot 5000 goes from the first node to the third, slot 12000 the other way; both sides tell.
#[test]
fn a_backup_tells_both_sides_of_an_open_slot() {
    for server in SERVERS {
        let topology = parse(&directory(&format!("{server}-open")).join("nodes.json"));
        let owner = |slot| topology.owner_of(Slot::new(slot).unwrap()).unwrap();
        let (first, third) = (owner(0), owner(16383));
        let [from, to] = [&first.id, &third.id];
        let giving = [format!("[5000->-{to}]"), format!("[12000-<-{to}]")];
        let taking = [format!("[5000-<-{from}]"), format!("[12000->-{from}]")];
        assert_eq!(open_as_written(first), giving, "{server}");
        assert_eq!(open_as_written(third), taking, "{server}");
        assert!(
            topology.cluster_errors > 0,
            "{server}: redis-cli had complained"
        );
        let clean = parse(&directory(&format!("{server}-plain")).join("nodes.json"));
        assert_eq!(clean.cluster_errors, 0);
    }
}

#[test]
fn nodes_without_address_or_role_stay_visible() {
    for server in SERVERS {
        for name in [
            "nodes.txt",
            "nodes.conf",
            "shards.raw.txt",
            "shards.tty.txt",
        ] {
            let path = directory(&format!("{server}-noaddr")).join(name);
            let topology = parse(&path);
            let lost: Vec<_> = topology
                .nodes
                .iter()
                .filter(|n| n.address().is_none())
                .collect();
            assert_eq!(lost.len(), 1, "{}", path.display());
            assert_eq!(
                (&lost[0].host[..], lost[0].port),
                ("", 0),
                "{}",
                path.display()
            );
            if name.starts_with("nodes") {
                assert!(
                    lost[0].flags.contains(&"noaddr".to_owned()),
                    "{:?}",
                    lost[0]
                );
            }
        }
        let topology = parse(&directory(&format!("{server}-handshake")).join("nodes.txt"));
        let unknown: Vec<_> = topology
            .nodes
            .iter()
            .filter(|n| n.role == Role::Unknown)
            .collect();
        assert_eq!(unknown.len(), 1, "{server}");
        assert_eq!(unknown[0].flags, ["handshake"], "{server}");
        assert_eq!(topology.primaries().count(), 4, "{server}");
    }
}

#[test]
fn finds_nodes_as_people_name_them() {
    let topology = parse(&directory("redis-7.0-open").join("nodes.txt"));
    let id = "04743310d3b6eab1731f12936853b1a850e70ae6";
    for name in [
        id,
        "0",
        "0474",
        "127.0.0.1:21000",
        "[127.0.0.1]:21000",
        "host-0.example.net:21000",
    ] {
        assert_eq!(topology.find(name).unwrap().id.0, id, "{name}");
    }
    // 9ed2..., 68322..., 39b9..., 04743..., 581418..., c8e51...: no two begin alike.
    for name in [
        "",
        "f",
        "0474331x",
        "127.0.0.1:1",
        "other:21000",
        ":21000",
        "127.0.0.1",
        "04743310D3",
    ] {
        let error = topology.find(name).unwrap_err();
        assert!(
            matches!(error, Error::NodeNotFound { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn an_ambiguous_prefix_names_all_it_may_mean() {
    let (a, b) = ("a".repeat(40), format!("a{}", "b".repeat(39)));
    let text = format!(
        "{b} 127.0.0.1:1@2 master - 0 0 1 connected 0-99\n{a} 127.0.0.1:3@4 slave {b} 0 0 1 connected\n"
    );
    let topology = Topology::parse(text.as_bytes()).unwrap();
    let expected = Error::NodeAmbiguous {
        name: "a".into(),
        matches: vec![NodeId(a.clone()), NodeId(b.clone())],
    };
    assert_eq!(topology.find("a").unwrap_err(), expected);
    assert_eq!(topology.find("ab").unwrap().id.0, b);
}

/// Every prefix of these texts is a topology or an error; never a panic, and never an owner that
/// the whole text does not tell.
#[test]
fn cut_anywhere_nothing_false_is_told() {
    for entry in std::fs::read_dir(directory("redis-7.0-open")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        let whole = parse(&path);
        for end in 0..text.len() {
            let Ok(part) = Topology::parse(&text[..end]) else {
                continue;
            };
            for node in &part.nodes {
                let known = whole.node(&node.id).unwrap_or_else(|| {
                    panic!("{} cut at {end}: {} is not there", path.display(), node.id)
                });
                let mut slots = node.slots.iter();
                let false_slot = slots.find(|&slot| !known.slots.contains(slot));
                assert_eq!(false_slot, None, "{} cut at {end}", path.display());
            }
        }
    }
}

/// Redis 3 wrote no bus port; an IPv6 address has colons of its own; a node that is known by its
/// host name only has that for a host.
#[test]
fn addresses_of_every_shape() {
    for (address, host, hostname, port) in [
        ("127.0.0.1:7000", "127.0.0.1", None, 7000),
        ("2001:db8::1:7000@17000", "2001:db8::1", None, 7000),
        ("10.0.0.1:7000@17000,db-1", "10.0.0.1", Some("db-1"), 7000),
        (
            "10.0.0.1:7000@17000,,tls-port=0,shard-id=1",
            "10.0.0.1",
            None,
            7000,
        ),
        (
            "10.0.0.1:7000@17000,db-1,tls-port=0",
            "10.0.0.1",
            Some("db-1"),
            7000,
        ),
        (":7000@17000,db-1", "db-1", None, 7000),
        (":0@0", "", None, 0),
    ] {
        let id = "a".repeat(40);
        let text = format!("{id} {address} myself,master - 0 0 1 connected 0-16383\n");
        let topology = Topology::parse(text.as_bytes()).unwrap();
        let node = &topology.nodes[0];
        let read = (&node.host[..], node.hostname.as_deref(), node.port);
        assert_eq!(read, (host, hostname, port), "{address}");
    }
}
