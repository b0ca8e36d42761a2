//! A real cluster on loopback, for as long as a test needs it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use preshard_slots::Slot;

use crate::apt::check;
use crate::node::{Node, PATIENCE};
use crate::servers::Server;

const OPTIONS: [(&str, &str); 4] = [
    ("cluster-enabled", "yes"),
    ("cluster-node-timeout", "15000"),
    ("enable-debug-command", "local"),
    // A backup is a replication; without this each node waits five seconds for company.
    ("repl-diskless-sync-delay", "0"),
];

/// A running cluster. Dropping it ends its servers, by their process ids, and deletes their files.
pub struct Cluster {
    server: Server,
    nodes: Vec<Node>,
}

impl Cluster {
    /// Starts as many primaries, joins them by `--cluster create`, which gives each an equal
    /// share of the slots, and waits until every one of them finds the cluster in order.
    ///
    /// # Errors
    /// A server that does not start, or a cluster that is not in order after a minute.
    pub fn start(server: &Server, primaries: usize) -> Result<Cluster> {
        let nodes = (0..primaries)
            .map(|_| Node::start(server, &OPTIONS, |_| Ok(())))
            .collect::<Result<Vec<_>>>()?;
        let mut create = server.cli_command();
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(Node::address));
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
    pub fn nodes(&mut self) -> &mut [Node] {
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
