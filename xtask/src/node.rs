//! A server on loopback, for as long as a test needs it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use redis::{Cmd, Connection, FromRedisValue, Pipeline};
use tempfile::TempDir;

use crate::servers::Server;

/// Long enough for a loaded machine; a server that is up sooner is used sooner.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between the ports of system services and those that the kernel hands out by itself, and with
/// room for the bus port, which is 10000 higher.
const PORTS: std::ops::Range<u16> = 18_000..28_000;
const BUS_PORT_OFFSET: u16 = 10_000;

/// A running server. Dropping it ends its process, by its id, and deletes its files.
pub struct Node {
    port: u16,
    connection: Connection,
    process: Process,
}

/// A server's process, and its files, which go after it.
struct Process {
    child: Child,
    directory: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    /// Starts a server that saves nothing by itself, with some options more, in a folder of its own in which `prepare`
    /// has put what it is to find there.
    ///
    /// # Errors
    /// It does not start, or does not answer within a minute.
    pub fn start(
        server: &Server,
        options: &[(&str, &str)],
        prepare: impl Fn(&Path) -> Result<()>,
    ) -> Result<Node> {
        // Somebody else may take a free port before the server does, so it is tried again.
        for _ in 0..4 {
            if let Ok(node) = Node::start_on(server, free_port()?, options, &prepare) {
                return Ok(node);
            }
        }
        Node::start_on(server, free_port()?, options, &prepare)
    }

    /// Starts a server that is to load a snapshot, alone or as the one node of a cluster that owns all slots.
    ///
    /// # Errors
    /// As [`Node::start`]; also when it refuses the snapshot.
    pub fn start_on_snapshot(
        server: &Server,
        in_cluster: bool,
        snapshot: Option<&Path>,
    ) -> Result<Node> {
        let mut options = vec![("dbfilename", "dump.rdb")];
        if in_cluster {
            options.extend([
                ("cluster-enabled", "yes"),
                ("cluster-config-file", "nodes.conf"),
            ]);
            if server.has_databases_in_clusters() {
                options.push(("cluster-databases", "16"));
            }
        }
        let prepare = |folder: &Path| {
            if let Some(snapshot) = snapshot {
                fs::copy(snapshot, folder.join("dump.rdb"))?;
            }
            if in_cluster {
                fs::write(folder.join("nodes.conf"), OWNS_ALL_SLOTS)?;
            }
            Ok(())
        };
        let mut node = Node::start(server, &options, prepare)?;
        let deadline = Instant::now() + PATIENCE;
        while node.is_loading()? || (in_cluster && !node.is_cluster_ok()?) {
            if Instant::now() > deadline {
                bail!("{} is not ready after {PATIENCE:?}", server.version());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(node)
    }

    fn start_on(
        server: &Server,
        port: u16,
        options: &[(&str, &str)],
        prepare: &impl Fn(&Path) -> Result<()>,
    ) -> Result<Node> {
        let directory = tempfile::Builder::new()
            .prefix("preshard-node-")
            .tempdir()?;
        prepare(directory.path())?;
        let log = File::create(directory.path().join("log"))?;
        let mut command = server.server_command();
        let port_text = port.to_string();
        let folder = directory.path().display().to_string();
        let own = [
            ("port", port_text.as_str()),
            ("bind", "127.0.0.1"),
            ("dir", folder.as_str()),
            ("save", ""),
            ("appendonly", "no"),
        ];
        for (option, value) in own.iter().chain(options) {
            command.arg(format!("--{option}")).arg(value);
        }
        command.stdin(Stdio::null()).stderr(log.try_clone()?);
        let mut process = Process {
            child: command.stdout(log).spawn()?,
            directory,
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.child.try_wait()? {
                let log = process.directory.path().join("log");
                let log = fs::read_to_string(log).unwrap_or_default();
                bail!("{} ended with {status}: {log}", server.version());
            }
            if let Some(connection) = connect(port, process.child.id()) {
                return Ok(Node {
                    port,
                    connection,
                    process,
                });
            }
            if Instant::now() > deadline {
                bail!("{} on port {port} does not answer", server.version());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The server's folder.
    pub fn folder(&self) -> &Path {
        self.process.directory.path()
    }

    /// Sends one command.
    ///
    /// # Errors
    /// The server's error reply, or a reply that is no `T`.
    pub fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T> {
        command.query(&mut self.connection).with_context(|| {
            let words: Vec<String> = command
                .args_iter()
                .filter_map(|arg| match arg {
                    redis::Arg::Simple(bytes) => Some(bytes.escape_ascii().to_string()),
                    _ => None,
                })
                .take(4)
                .collect();
            words.join(" ")
        })
    }

    /// Sends many commands at once.
    ///
    /// # Errors
    /// The first error reply, or replies that are no `T`.
    pub fn query_all<T: FromRedisValue>(&mut self, commands: &Pipeline) -> Result<T> {
        Ok(commands.query(&mut self.connection)?)
    }

    /// A field of `INFO`.
    ///
    /// # Errors
    /// The server does not answer, or its answer has no such field.
    pub fn info(&mut self, section: &str, field: &str) -> Result<String> {
        let info: String = self.query(redis::cmd("INFO").arg(section))?;
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value
            .with_context(|| format!("no {field} in INFO {section}"))?
            .to_owned())
    }

    /// Whether the server knows a command.
    ///
    /// # Errors
    /// It does not answer.
    pub fn knows(&mut self, command: &str) -> Result<bool> {
        let info: redis::Value = self.query(redis::cmd("COMMAND").arg("INFO").arg(command))?;
        Ok(
            !matches!(info, redis::Value::Array(ref rows) if matches!(rows[..], [redis::Value::Nil])),
        )
    }

    fn is_loading(&mut self) -> Result<bool> {
        Ok(self.info("persistence", "loading")? != "0")
    }

    fn is_cluster_ok(&mut self) -> Result<bool> {
        let info: String = self.query(redis::cmd("CLUSTER").arg("INFO"))?;
        Ok(info.lines().any(|line| line == "cluster_state:ok"))
    }
}

/// The `nodes.conf` of a cluster of one.
const OWNS_ALL_SLOTS: &str = "\
0123456789012345678901234567890123456789 127.0.0.1:0@0 myself,master - 0 0 1 connected 0-16383
vars currentEpoch 1 lastVoteEpoch 0
";

/// Connects to the server with this process id. Another server may have been faster to take the
/// port, and ours may not have noticed yet.
fn connect(port: u16, pid: u32) -> Option<Connection> {
    let client = redis::Client::open(("127.0.0.1", port)).ok()?;
    let mut connection = client.get_connection().ok()?;
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query(&mut connection)
        .ok()?;
    let own = format!("process_id:{pid}");
    info.lines().any(|line| line == own).then_some(connection)
}

/// A port that is free just now, as is its bus port.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side begin in different places.
    let start = (std::process::id() % u32::from(PORTS.end - PORTS.start)) as u16;
    for _ in PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let span = PORTS.end - PORTS.start;
        let port = PORTS.start + (start.wrapping_mul(7) % span + step % span) % span;
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + BUS_PORT_OFFSET) {
            return Ok(port);
        }
    }
    bail!("no free port from {} to {}", PORTS.start, PORTS.end);
}
