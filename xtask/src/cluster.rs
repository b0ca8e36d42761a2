//! A real cluster on loopback, for as long as a test needs it.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use preshard_slots::Slot;
use redis::{Cmd, Connection, FromRedisValue, Pipeline};
use tempfile::TempDir;

use crate::apt::check;
use crate::servers::Server;

/// Long enough for a loaded machine; a cluster that is up sooner is used sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between the ports of system services and those that the kernel hands out by itself, and with
/// room for the bus port, which is 10000 higher.
const PORTS: std::ops::Range<u16> = 18_000..28_000;
const BUS_PORT_OFFSET: u16 = 10_000;

/// A running cluster. Dropping it ends its servers, by their process ids, and deletes their files.
pub struct Cluster {
    server: Server,
    nodes: Vec<ClusterNode>,
}

/// One primary of a running cluster.
pub struct ClusterNode {
    port: u16,
    connection: Connection,
    // Held for its destructor.
    _process: Process,
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

impl Cluster {
    /// Starts as many primaries, joins them by `--cluster create`, which gives each an equal
    /// share of the slots, and waits until every one of them finds the cluster in order.
    ///
    /// # Errors
    /// A server that does not start, or a cluster that is not in order after a minute.
    pub fn start(server: &Server, primaries: usize) -> Result<Cluster> {
        let nodes = (0..primaries)
            .map(|_| ClusterNode::start(server))
            .collect::<Result<Vec<_>>>()?;
        let mut create = server.cli_command();
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(ClusterNode::address));
        create.args(["--cluster-replicas", "0", "--cluster-yes"]);
        check(&mut create)?;
        let mut cluster = Cluster {
            server: server.clone(),
            nodes,
        };
        cluster.wait_until_ok()?;
        Ok(cluster)
    }

    fn wait_until_ok(&mut self) -> Result<()> {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        let wanted = ["cluster_state:ok", "cluster_slots_ok:16384", &known];
        let deadline = Instant::now() + PATIENCE;
        for node in &mut self.nodes {
            loop {
                let info: String = node.query(redis::cmd("CLUSTER").arg("INFO"))?;
                if wanted
                    .iter()
                    .all(|want| info.lines().any(|line| line == *want))
                {
                    break;
                }
                if Instant::now() > deadline {
                    bail!("cluster not in order after {PATIENCE:?}:\n{info}");
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// The server that the nodes run.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The primaries, in the order of their slots.
    pub fn nodes(&mut self) -> &mut [ClusterNode] {
        &mut self.nodes
    }

    /// Index of the node that owns the slot, by the shares that `--cluster create` gives
    /// (`clusterManagerCommandCreate` of `src/redis-cli.c`). Were this or the slot of a key wrong,
    /// the server would answer `MOVED`.
    pub fn owner_index(&self, slot: Slot) -> usize {
        let count = self.nodes.len();
        let share = f64::from(preshard_slots::SLOT_COUNT) / count as f64;
        let last = |node: usize| (share * (node + 1) as f64 - 1.0).round() as u16;
        let owner = (0..count).find(|&node| slot.number() <= last(node));
        owner.unwrap_or(count - 1)
    }

    /// Takes a backup with `--cluster backup`, the way operators do.
    ///
    /// # Errors
    /// The command fails, or does not say that the backup is whole.
    pub fn backup(&self, directory: &Path) -> Result<()> {
        let first = self.nodes.first().context("a cluster without nodes")?;
        let mut backup = self.server.cli_command();
        backup.args(["--cluster", "backup", &first.address()]);
        let output = check(backup.arg(directory))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The exit status is 0 as well when the cluster was not in order.
        if !text.contains("[OK] Backup created") || text.contains("seems to have some problems") {
            bail!("--cluster backup says: {text}");
        }
        Ok(())
    }
}

impl ClusterNode {
    fn start(server: &Server) -> Result<ClusterNode> {
        // Somebody else may take a free port before the server does, so it is tried again.
        for _ in 0..4 {
            if let Ok(node) = ClusterNode::start_on(server, free_port()?) {
                return Ok(node);
            }
        }
        ClusterNode::start_on(server, free_port()?)
    }

    fn start_on(server: &Server, port: u16) -> Result<ClusterNode> {
        let directory = tempfile::Builder::new()
            .prefix("preshard-cluster-")
            .tempdir()?;
        let log = File::create(directory.path().join("log"))?;
        let mut command = server.server_command();
        for (option, value) in [
            ("port", port.to_string()),
            ("bind", "127.0.0.1".to_owned()),
            ("dir", directory.path().display().to_string()),
            ("cluster-enabled", "yes".to_owned()),
            ("cluster-node-timeout", "15000".to_owned()),
            ("save", String::new()),
            ("appendonly", "no".to_owned()),
            // A backup is a replication; without this each node waits five seconds for company.
            ("repl-diskless-sync-delay", "0".to_owned()),
        ] {
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
                let log = std::fs::read_to_string(log).unwrap_or_default();
                bail!("{} ended with {status}: {log}", server.version());
            }
            if let Some(connection) = connect(port, process.child.id()) {
                return Ok(ClusterNode {
                    port,
                    connection,
                    _process: process,
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
}

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
