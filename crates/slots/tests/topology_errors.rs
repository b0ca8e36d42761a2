//! What is wrong with a topology must be said: where, what was expected, what was found.

use preshard_slots::{Error, NodeId, Topology};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

/// Puts the ids in and reads the text, which must fail.
fn error(text: &str) -> Error {
    let text = text.replace("<A>", A).replace("<B>", B).replace("<C>", C);
    match Topology::parse(text.as_bytes()) {
        Err(error) => error,
        Ok(topology) => panic!("read without an error: {text}\n{topology:?}"),
    }
}

fn assert_says(text: &str, expected: &str) {
    let expected = expected
        .replace("<A>", A)
        .replace("<B>", B)
        .replace("<C>", C);
    assert_eq!(error(text).to_string(), expected, "text: {text}");
}

fn id(text: &str) -> NodeId {
    NodeId(text.to_owned())
}

/// Found by fuzzing: what follows a number may be more than one byte long.
#[test]
fn a_number_before_a_letter_that_is_not_ascii_is_no_tree() {
    for text in ["1é", "12ĜĜ", "1)é", " 1) 2é", "1#\u{1f30d} => 2"] {
        let error = error(text);
        assert!(
            matches!(error, Error::Unrecognised { .. } | Error::Unexpected { .. }),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn texts_that_are_no_topology() {
    let kinds = "nodes.json, nodes.conf or a saved reply of CLUSTER NODES, SHARDS or SLOTS";
    for text in [
        "",
        "\n \r\n",
        "[]",
        "(empty array)\n",
        "(empty list or set)\n",
        "\u{feff}\n",
    ] {
        assert_eq!(error(text), Error::Empty, "{text:?}");
    }
    for text in [
        "REDIS0010\u{fa}\tredis-ver",
        "hello world",
        "{\"name\": 1}",
        "a,b,c\n",
        "slotsx\n",
    ] {
        let error = error(text);
        assert!(
            matches!(error, Error::Unrecognised { .. }),
            "{text:?}: {error}"
        );
        assert!(error.to_string().contains(kinds), "{error}");
    }
    let error = Topology::parse(b"REDIS0010\xfa\xff\x1b[31m").unwrap_err();
    assert!(matches!(error, Error::Unrecognised { .. }), "{error}");
    assert!(
        !error.to_string().contains('\u{1b}'),
        "a terminal would act on: {error}"
    );
}

#[test]
fn errors_of_the_server_are_told_as_such() {
    for reply in [
        "ERR This instance has cluster support disabled",
        "(error) ERR This instance has cluster support disabled",
        "NOAUTH Authentication required.",
        "Could not connect to Redis at 127.0.0.1:1: Connection refused",
    ] {
        let expected = Error::ServerError {
            reply: reply.into(),
        };
        assert_eq!(error(&format!("{reply}\n\n")), expected);
    }
}

#[test]
fn lines_of_cluster_nodes() {
    let good = "<A> 127.0.0.1:7000@17000 master - 0 0 1 connected 0-5";
    let bad = |from: &str, to: &str| format!("{}\n", good.replace(from, to));
    for (text, expected) in [
        (
            bad("0-5", "0-16384"),
            "line 1, field 9 (slots): expected a slot from 0 to 16383, found \"16384\"",
        ),
        (
            bad("0-5", "5-0"),
            "line 1, field 9 (slots): expected a slot range that does not end before it begins, found \"5-0\"",
        ),
        (
            bad("0-5", "0-5 x"),
            "line 1, field 10 (slots): expected a slot from 0 to 16383, found \"x\"",
        ),
        (
            bad(":7000@", ":70000@"),
            "line 1, field 2 (address): expected a port from 0 to 65535, found \"70000\"",
        ),
        (
            bad("127.0.0.1:7000@17000", "127.0.0.1"),
            "line 1, field 2 (address): expected ip:port@bus-port, found \"127.0.0.1\"",
        ),
        (
            bad(" 1 conn", " one conn"),
            "line 1, field 7 (config epoch): expected an epoch, found \"one\"",
        ),
        (
            bad(" connected 0-5", ""),
            "line 1, field 8 (link state): expected link state, found \"the end of the line\"",
        ),
        (
            bad(" connected", ""),
            "line 1, field 8 (link state): expected connected or disconnected, found \"0-5\"",
        ),
        (
            bad("master -", "slave 1234"),
            "line 1, field 4 (primary): expected a node id of 40 hexadecimal digits, found \"1234\"",
        ),
        (
            bad("0-5", "[5-><A>]"),
            "line 1, field 9 (slots): expected an open slot like [5000->-id] or [5000-<-id], found \"[5-><A>]\"",
        ),
        (
            format!("{good}\nvars currentEpoch x lastVoteEpoch 0\n"),
            "line 2, currentEpoch: expected an epoch, found \"x\"",
        ),
        (
            format!("{good}\nnonsense\n"),
            "line 2, field 1 (node id): expected a node id of 40 hexadecimal digits, found \"nonsense\"",
        ),
    ] {
        assert_says(&text, expected);
    }
    for cut in [
        "<A> 127.0.0.1:7000@17000 master - 0",
        good,
        "<A> 127.0.0.1:7000@17000 master - 0 0 1 connected 0-16383 [5->-<B",
    ] {
        let error = error(cut);
        assert!(error.is_truncated(), "{cut}: {error}");
    }
    // Nothing can be missing here, although the newline is.
    let whole = good.replace("<A>", A).replace("0-5", "0-16383");
    assert!(Topology::parse(whole.as_bytes()).is_ok());
}

#[test]
fn contradictions_between_nodes() {
    let node = |id: &str, flags: &str, slots: &str| {
        format!("{id} 127.0.0.1:7000@17000 {flags} 0 0 1 connected {slots}\n")
    };
    let two = |a: &str, b: &str| node("<A>", "master -", a) + &node("<B>", "master -", b);
    assert_eq!(
        error(&two("0-100 300", "101-299 300-400")),
        Error::SlotOwnedTwice {
            slot: "300".parse().unwrap(),
            first: id(A),
            second: id(B)
        }
    );
    assert_says(&two("0-9", "9"), "slot 9 is owned by both <A> and <B>");
    assert_says(
        &two("0-9 [5->-<C>]", "10"),
        "node <A> has slot 5 open towards <C>, which is not in the topology",
    );
    assert_says(
        &(node("<A>", "master -", "0") + &node("<A>", "master -", "1")),
        "node <A> appears twice",
    );
    assert_says(
        &(node("<A>", "master -", "0") + &node("<B>", "slave <A>", "1-2")),
        "node <B> is no primary but owns slots {1-2}",
    );
    assert_says(&node("<A>", "slave <B>", ""), "no primary among 1 nodes");
}

#[test]
fn nodes_json() {
    let good = r#"[{"name": "<A>", "host": "127.0.0.1", "port": 7000, "replicate": null,
        "slots": [[0,5]], "slots_count": 6, "flags": "master", "current_epoch": 1}]"#;
    let bad = |from: &str, to: &str| good.replace(from, to);
    for (text, expected) in [
        (
            bad("[0,5]", "[0,16384]"),
            "[0].slots[0]: expected a slot from 0 to 16383, found \"16384\"",
        ),
        (
            bad("[0,5]", "[0,-1]"),
            "[0].slots[0]: expected a slot from 0 to 16383, found \"-1\"",
        ),
        (
            bad("[0,5]", "[0]"),
            "[0].slots[0]: expected a pair of slots, found \"[0]\"",
        ),
        (
            bad("[0,5]", "0"),
            "[0].slots[0]: expected a pair of slots, found \"0\"",
        ),
        (
            bad("[[0,5]]", "7"),
            "[0].slots: expected an array of slot ranges, found \"7\"",
        ),
        (
            bad("\"slots\": [[0,5]],", ""),
            "[0].slots: expected a value, found \"nothing\"",
        ),
        (
            bad("6", "7"),
            "node <A>: slots_count is 7, but 6 slots are listed",
        ),
        (
            bad("7000", "70000"),
            "[0].port: expected a port from 0 to 65535, found \"70000\"",
        ),
        (
            bad("7000", "\"7000\""),
            "[0].port: expected a whole number, found \"\\\"7000\\\"\"",
        ),
        (
            bad("<A>", "abc"),
            "[0].name: expected a node id of 40 hexadecimal digits, found \"abc\"",
        ),
        (
            bad("127.0.0.1", "a\\u001b[31mb"),
            "[0].host: expected printable ASCII without blanks, found \"a\\u{1b}[31mb\"",
        ),
        (
            bad("\"flags\"", "\"migrating\": {\"3\": \"<B>\"}, \"flags\""),
            "node <A> has slot 3 open towards <B>, which is not in the topology",
        ),
        (
            bad("\"flags\"", "\"importing\": {\"x\": \"<B>\"}, \"flags\""),
            "[0].importing: expected a slot from 0 to 16383, found \"x\"",
        ),
        (bad("null", "\"<B>\""), "no primary among 1 nodes"),
        (
            "[{\"name\": \"<A>\"}, 7]".to_owned(),
            "[0].host: expected a value, found \"nothing\"",
        ),
        (
            bad("7000,", "7000;"),
            "not valid JSON at line 1, column 88: expected `,` or `}`",
        ),
    ] {
        assert_says(&text, expected);
    }
    for end in 1..good.len() {
        let error = error(&good[..end]);
        assert!(error.is_truncated(), "cut at {end}: {error}");
    }
}

#[test]
fn shards_and_slots() {
    let shard = |slots: &str, role: &str| {
        format!(
            "{{\"slots\": [{slots}], \"nodes\": [{{\"id\": \"<A>\", \"port\": 1, \"role\": \"{role}\"}}]}}"
        )
    };
    for (text, expected) in [
        (
            format!("[{}]", shard("1", "master")),
            "slots of shard 1: expected firsts and lasts in pairs, found \"an array\"",
        ),
        (
            format!("[{}]", shard("1,99999", "master")),
            "slots of shard 1: expected a slot from 0 to 16383, found \"99999\"",
        ),
        (
            format!("[{}]", shard("1,2", "boss")),
            "\"role\" of node 1 of shard 1: expected master or replica, found \"boss\"",
        ),
        (
            format!("[{}]", shard("1,2", "replica")),
            "shard 1: 0 primaries in one shard with slots, so nothing says who owns them; save CLUSTER NODES instead",
        ),
        (
            format!("[{}]", shard("", "replica")),
            "no primary among 1 nodes",
        ),
        (
            "[{\"slots\": []}]".to_owned(),
            "shard 1: expected nodes, found \"a map\"",
        ),
        (
            "[[0, 5, [\"h\", 1, \"<A>\"]], [6, 9, [\"h\", 1, \"<B>\"], [\"h\", 1, \"<A>\"]]]"
                .to_owned(),
            "node <A> appears twice",
        ),
        (
            "[[0, 5, [\"h\", 1, \"<A>\"]], [5, 9, [\"h\", 1, \"<B>\"]]]".to_owned(),
            "slot 5 is owned by both <A> and <B>",
        ),
        (
            "[[0, 5, [\"h\", 1]]]".to_owned(),
            "node 1 of range 1: expected host, port and id, which CLUSTER SLOTS tells from Redis 4.0 on, found \"an array\"",
        ),
        (
            "1) 1) (integer) 0\n   3) (integer) 1\n".to_owned(),
            "line 2: expected the next number of the array, found \"3)\"",
        ),
        (
            "1) 1) (integer) 0\n   2) nonsense\n".to_owned(),
            "line 2: expected a number, a quoted string without escapes, or (nil), found \"nonsense\"",
        ),
        (
            "0\n5\nhost\n7000\nnot-an-id\nmore\n".to_owned(),
            "line 3: expected host, port and id of a node, or a range's first and last slot, found \"host\"",
        ),
        (
            "slots\n0\n5\nnodez\n".to_owned(),
            "line 4: expected slots, nodes or id of a shard, found \"nodez\"",
        ),
    ] {
        assert_says(&text, expected);
    }
    for cut in [
        "1) 1) (integer) 0\n   2)",
        "0\n5\n127.0.0.1\n",
        "slots\n0\n5\nnodes\nid\n<A>\nport",
    ] {
        let error = error(cut);
        assert!(error.is_truncated(), "{cut}: {error}");
    }
}

/// A stack is no place for a stranger's nesting.
#[test]
fn deep_nesting_is_refused() {
    for text in [
        "1) ".repeat(100_000) + "\"x\"",
        "[".repeat(100_000),
        format!("{}{}", "[".repeat(100), "]".repeat(100)),
    ] {
        error(&text);
    }
}

/// During a failover both the old and the new primary are in the shard, one of them failed.
#[test]
fn the_healthy_one_of_two_primaries_owns_the_shards_slots() {
    let text = format!(
        r#"[{{"slots": [0, 9], "nodes": [
            {{"id": "{A}", "port": 1, "ip": "::1", "role": "master", "health": "fail"}},
            {{"id": "{B}", "tls-port": 2, "endpoint": "db.example.net", "role": "master", "health": "online"}}]}}]"#
    );
    let topology = Topology::parse(text.as_bytes()).unwrap();
    assert_eq!(topology.owner_of("9".parse().unwrap()).unwrap().id, id(B));
    assert_eq!(topology.find("db.example.net:2").unwrap().id, id(B));
    assert_eq!(topology.find("[::1]:1").unwrap().id, id(A));
    assert_eq!(topology.find("::1:1").unwrap().id, id(A));
}
