//! Every snapshot of every server through every way in: what is printed is the same, byte for byte, but for what
//! names the way.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const MARK: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";

/// A way in: what becomes of the file, and how it is opened.
struct Way {
    name: &'static str,
    wrap: fn(&[u8]) -> Vec<u8>,
    mmap: &'static str,
}

/// The first is what the others are held against.
const WAYS: [Way; 7] = [
    Way {
        name: "mapped",
        wrap: <[u8]>::to_vec,
        mmap: "auto",
    },
    Way {
        name: "read",
        wrap: <[u8]>::to_vec,
        mmap: "never",
    },
    Way {
        name: "gzip",
        wrap: gzip,
        mmap: "auto",
    },
    Way {
        name: "zstd",
        wrap: |bytes| zstd::encode_all(bytes, 3).expect("encoded"),
        mmap: "auto",
    },
    Way {
        name: "lz4",
        wrap: lz4,
        mmap: "auto",
    },
    Way {
        name: "captured with a mark",
        wrap: |bytes| [b"$EOF:", &MARK[..], b"\r\n", bytes, MARK].concat(),
        mmap: "auto",
    },
    Way {
        name: "captured with a length",
        wrap: |bytes| [format!("${}\r\n", bytes.len()).as_bytes(), bytes].concat(),
        mmap: "auto",
    },
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

/// Name and bytes of every snapshot, in the order of the names.
fn snapshots() -> Vec<(String, Vec<u8>)> {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/servers");
    let mut found = Vec::new();
    for server in fs::read_dir(servers).expect("the servers") {
        let server = server.expect("entry").path();
        let server_name = server.file_name().expect("a name").display().to_string();
        for file in fs::read_dir(&server).expect("a server") {
            let path = file.expect("entry").path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                let file_name = path.file_name().expect("a name").display();
                let bytes = fs::read(&path).expect("readable");
                found.push((format!("{server_name}-{file_name}"), bytes));
            }
        }
    }
    found.sort();
    assert!(found.len() > 180, "{} snapshots", found.len());
    found
}

/// Exit status, standard output and standard error.
type Printed = (Option<i32>, String, String);

fn preshard(folder: &Path, args: &[&str], files: &[String], stdin: &[u8]) -> Printed {
    let mut child = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .current_dir(folder)
        .args(args)
        .args(files)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("preshard starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(stdin)
        .expect("read to its end");
    let output = child.wait_with_output().expect("preshard ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn write_all(files: &[(String, Vec<u8>)], way: &Way) -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), (way.wrap)(bytes)).expect("written");
    }
    folder
}

const KEYS: [&str; 3] = ["keys", "--format", "ndjson"];
const INSPECT: [&str; 3] = ["inspect", "--format", "json"];

/// Runs a command over all files, in one run.
fn print(
    folder: &TempDir,
    command: [&str; 3],
    way: &Way,
    threads: &str,
    names: &[String],
) -> Printed {
    let args = [&command[..], &["--mmap", way.mmap, "--threads", threads]].concat();
    preshard(folder.path(), &args, names, b"")
}

/// What names the way: the capture's own bytes behind a snapshot, and what it says of its length.
fn without_the_way(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).expect("JSON");
    for file in document["files"].as_array_mut().expect("files") {
        let file = file.as_object_mut().expect("a file");
        let account = file["account"].as_array_mut().expect("the account");
        let behind = |part: &Value| part["part"] == "capture-end";
        let mark = account
            .iter()
            .find(|part| behind(part))
            .map_or(0, |part| part["bytes"].as_u64().expect("bytes"));
        account.retain(|part| !behind(part));
        for field in ["bytes", "trailing_bytes"] {
            let bytes = file[field].as_u64().expect("bytes");
            file[field] = (bytes - mark).into();
        }
        let claims = file["claims"].as_array_mut().expect("claims");
        claims.retain(|claim| claim["claim"] != "capture-length");
        for field in ["wrapping", "layers", "file_bytes"] {
            file.remove(field);
        }
    }
    document
}

#[test]
fn sound_snapshots() {
    let files = snapshots();
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let mut expected = None;
    for (n, way) in WAYS.iter().enumerate() {
        let folder = write_all(&files, way);
        let inspected = print(&folder, INSPECT, way, ["1", "2"][n % 2], &names);
        assert_eq!(inspected.0, Some(0), "{}: {}", way.name, inspected.2);
        let inspected = (without_the_way(&inspected.1), inspected.2);
        let [one, two] = ["1", "2"].map(|threads| print(&folder, KEYS, way, threads, &names));
        assert!(one == two, "{}: threads make a difference", way.name);
        assert_eq!(one.0, Some(0), "{}: {}", way.name, one.2);
        let (keys, inspected_first) =
            expected.get_or_insert_with(|| (one.clone(), inspected.clone()));
        assert!(one == *keys, "{}: {}", way.name, difference(&one, keys));
        assert_eq!(inspected, *inspected_first, "{}", way.name);
    }
    let (keys, _) = expected.expect("a first way");
    assert!(keys.1.lines().count() > 6_000, "{}", keys.1.lines().count());
}

/// Cut, and changed where it may be anything.
#[test]
fn damaged_snapshots() {
    let mut files = Vec::new();
    for (name, bytes) in snapshots() {
        files.push((format!("cut-{name}"), bytes[..bytes.len() * 2 / 3].to_vec()));
        let mut changed = bytes;
        let at = changed.len() * 3 / 7;
        changed[at] ^= 0x81;
        files.push((format!("changed-{name}"), changed));
    }
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let mut expected = None;
    // A capture that is cut has no end, and so says something else.
    for way in &WAYS[..5] {
        let folder = write_all(&files, way);
        let keys = print(&folder, KEYS, way, "2", &names);
        let inspected = print(&folder, INSPECT, way, "1", &names);
        assert_eq!((keys.0, inspected.0), (Some(5), Some(5)), "{}", way.name);
        let inspected = (without_the_way(&inspected.1), inspected.2);
        let (first_keys, first_inspected) =
            expected.get_or_insert_with(|| (keys.clone(), inspected.clone()));
        assert!(
            keys == *first_keys,
            "{}: {}",
            way.name,
            difference(&keys, first_keys)
        );
        assert_eq!(inspected, *first_inspected, "{}", way.name);
    }
}

/// A sample, because it takes a run for each.
#[test]
fn standard_input() {
    const EACH: usize = 9;
    let files: Vec<_> = snapshots().into_iter().step_by(EACH).collect();
    let folder = write_all(&files, &WAYS[0]);
    let without_file = |keys: &str| {
        let lines = keys.lines();
        let record = |line| {
            let mut record: Value = serde_json::from_str(line).expect("JSON");
            record.as_object_mut().expect("a record").remove("file");
            record
        };
        lines.map(record).collect::<Vec<_>>()
    };
    for (n, (name, bytes)) in files.iter().enumerate() {
        let way = &WAYS[n % WAYS.len()];
        let of_file = print(&folder, KEYS, &WAYS[0], "1", std::slice::from_ref(name));
        let of_stdin = preshard(folder.path(), &KEYS, &["-".to_owned()], &(way.wrap)(bytes));
        assert_eq!(of_stdin.0, Some(0), "{name} {}: {}", way.name, of_stdin.2);
        assert_eq!(
            without_file(&of_stdin.1),
            without_file(&of_file.1),
            "{name} {} on standard input",
            way.name
        );
    }
}

/// The first lines that differ.
fn difference(left: &Printed, right: &Printed) -> String {
    let pairs = [(&left.1, &right.1), (&left.2, &right.2)];
    let lines = pairs
        .iter()
        .flat_map(|(left, right)| left.lines().zip(right.lines()));
    match lines.clone().find(|(left, right)| left != right) {
        Some((left, right)) => format!("\n{left}\n{right}"),
        None => format!("status {:?} and {:?}, or one ends earlier", left.0, right.0),
    }
}
