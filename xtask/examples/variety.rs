//! Fills a server with keys of every type, encoding and length, and keeps the snapshot that it saves.
//!
//! `cargo run -p xtask --example variety -- SERVER FILE [SEED]`, where SERVER is a directory with `run-server`.

use std::path::Path;

use anyhow::{Context, Result};
use xtask::variety::Variety;
use xtask::{Node, Server};

/// As in the tests of the memory model.
const SEED: u64 = 86;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().context("the directory of a server")?;
    let file = arguments.next().context("the file to write")?;
    let seed = match arguments.next() {
        Some(seed) => seed.parse().with_context(|| format!("seed {seed}"))?,
        None => SEED,
    };
    let server = Server::open(Path::new(&server))?;
    let mut node = Node::start_on_snapshot(&server, false, None)?;
    let fields_expire = node.knows("HPEXPIREAT")?;
    Variety::new(seed, fields_expire).load(&mut node)?;
    node.query::<()>(&redis::cmd("SAVE"))?;
    std::fs::copy(node.folder().join("dump.rdb"), &file).with_context(|| file.clone())?;
    let keys: u64 = node.query(&redis::cmd("DBSIZE"))?;
    println!("{}: {keys} keys in {file}", server.version());
    Ok(())
}
