//! Tasks of the repository; see `cargo xtask help`.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use xtask::{
    Line, Server, make_cluster_fixture, measure_memory, record_memory, repository_root, run_tests,
};

const HELP: &str = "\
Tasks of the preshard repository.

cargo xtask test [--without PART]...
    Installs the servers that the tests start into .servers/, builds everything, benches too, and runs all
    tests of the workspace. A part that cannot run fails and says why, unless it is switched off by name:
      live-redis-7      starts Redis 7.0 or newer
      live-redis-8.0    starts Redis 8.0
      live-redis-8.6    starts Redis 8.6
      live-valkey-8.1   starts Valkey 8.1
      live-valkey-9     starts Valkey 9.0 or newer
    Exit status: 0 when all tests passed.

cargo xtask servers
    Only installs the servers. What is there already stays as it is. Needs apt-get and dpkg-deb and a
    Debian mirror, not the rights of root. PRESHARD_TEST_REDIS_7, PRESHARD_TEST_REDIS_8_0,
    PRESHARD_TEST_REDIS_8_6, PRESHARD_TEST_VALKEY_8_1 and PRESHARD_TEST_VALKEY_9, when set, name directories
    with run-server, run-cli and run-check-rdb that are used instead.

cargo xtask cluster-fixture [--seed N] [--out DIRECTORY]
    Makes the bundled cluster backup anew: starts three primaries of redis-7, fills them from the seed
    (default 1), takes a backup with redis-cli --cluster backup into DIRECTORY (default
    fixtures/clusters/shop-3x), and writes what the live cluster answered to DIRECTORY.answers.jsonl.

cargo xtask record-memory [DIRECTORY]...
    Has servers load the snapshots of fixtures/servers, and writes what they answer of the memory of every key
    to fixtures/memory. Each DIRECTORY holds run-server; without any, the servers of the tests are asked.

cargo xtask memory [--gib N] [--in DIRECTORY]
    Has the program, built for release, look at snapshots that are one list of N GiB (default 4), in three
    forms and through every way in, prints the most anonymous memory that each run took, and fails when one
    took more than 64 MiB: each runs under `ulimit -d 65536`. Needs Linux, room for N GiB in DIRECTORY
    (default target/memory), and half an hour.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut arguments = arguments.iter().map(String::as_str);
    match arguments.next() {
        Some("test") => {
            let without = parts(arguments)?;
            let passed = run_tests(&without)?.success();
            return Ok(if passed {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Some("servers") => {
            no_more(arguments)?;
            for line in Line::ALL {
                println!("{}: {}", line.name(), line.install()?.version());
            }
        }
        Some("cluster-fixture") => {
            let mut seed = 1;
            let mut out = repository_root().join("fixtures/clusters/shop-3x");
            while let Some(option) = arguments.next() {
                let value = arguments
                    .next()
                    .with_context(|| format!("{option} needs a value"))?;
                match option {
                    "--seed" => seed = value.parse().with_context(|| format!("--seed {value}"))?,
                    "--out" => out = PathBuf::from(value),
                    _ => bail!("unknown option {option}; see `cargo xtask help`"),
                }
            }
            make_cluster_fixture(&out, seed)?;
        }
        Some("record-memory") => {
            let mut servers = arguments
                .map(|directory| Server::open(Path::new(directory)))
                .collect::<Result<Vec<_>>>()?;
            if servers.is_empty() {
                servers = Line::ALL
                    .into_iter()
                    .map(Line::install)
                    .collect::<Result<_>>()?;
            }
            for server in &servers {
                record_memory(server)?;
            }
        }
        Some("memory") => {
            let mut gib = 4;
            let mut folder = repository_root().join("target/memory");
            while let Some(option) = arguments.next() {
                let value = arguments
                    .next()
                    .with_context(|| format!("{option} needs a value"))?;
                match option {
                    "--gib" => gib = value.parse().with_context(|| format!("--gib {value}"))?,
                    "--in" => folder = PathBuf::from(value),
                    _ => bail!("unknown option {option}; see `cargo xtask help`"),
                }
            }
            measure_memory(gib, &folder)?;
        }
        Some("help" | "--help" | "-h") | None => print!("{HELP}"),
        Some(other) => bail!("unknown task {other}; see `cargo xtask help`"),
    }
    Ok(ExitCode::SUCCESS)
}

fn parts<'a>(mut arguments: impl Iterator<Item = &'a str>) -> Result<Vec<Line>> {
    let mut without = Vec::new();
    while let Some(option) = arguments.next() {
        if option != "--without" {
            bail!("unknown option {option}; see `cargo xtask help`");
        }
        let part = arguments
            .next()
            .context("--without needs the name of a part")?;
        let line = Line::ALL.into_iter().find(|line| line.live_part() == part);
        without.push(line.with_context(|| format!("no part {part}; see `cargo xtask help`"))?);
    }
    Ok(without)
}

fn no_more<'a>(mut arguments: impl Iterator<Item = &'a str>) -> Result<()> {
    match arguments.next() {
        Some(extra) => bail!("unexpected argument {extra}; see `cargo xtask help`"),
        None => Ok(()),
    }
}
