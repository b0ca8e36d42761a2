//! Real servers for tests, side by side under `.servers/` and apart from the system's own packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt::{Apt, Package, check_tools};
use crate::repository_root;

/// A line of servers that tests ask for. Whoever starts one prints what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Redis 7.0 (RDB 10, slots move by MIGRATE).
    Redis7,
    /// Redis 8.0 (RDB 12).
    Redis80,
    /// Redis 8.6 (RDB 13).
    Redis86,
    /// Valkey 8.1 (RDB 11).
    Valkey81,
    /// Valkey 9 (RDB 80).
    Valkey9,
}

/// Where packages of a line are.
struct Suite {
    name: &'static str,
    /// The suite that it adds to, which has the libraries.
    base: Option<&'static str>,
}

const fn suite(name: &'static str) -> Suite {
    Suite { name, base: None }
}

impl Line {
    /// All lines.
    pub const ALL: [Line; 5] = [
        Line::Redis7,
        Line::Redis80,
        Line::Redis86,
        Line::Valkey81,
        Line::Valkey9,
    ];

    /// The line's name, also that of its directory.
    pub fn name(self) -> &'static str {
        match self {
            Line::Redis7 => "redis-7",
            Line::Redis80 => "redis-8.0",
            Line::Redis86 => "redis-8.6",
            Line::Valkey81 => "valkey-8.1",
            Line::Valkey9 => "valkey-9",
        }
    }

    /// The environment variable that says in which directory `run-server`, `run-cli` and `run-check-rdb` of
    /// this line are. `cargo xtask test` sets it for the tests; set beforehand, it is taken as it is.
    pub fn variable(self) -> &'static str {
        match self {
            Line::Redis7 => "PRESHARD_TEST_REDIS_7",
            Line::Redis80 => "PRESHARD_TEST_REDIS_8_0",
            Line::Redis86 => "PRESHARD_TEST_REDIS_8_6",
            Line::Valkey81 => "PRESHARD_TEST_VALKEY_8_1",
            Line::Valkey9 => "PRESHARD_TEST_VALKEY_9",
        }
    }

    /// The part of the tests that needs the line, as `cargo xtask test --without` names it.
    pub fn live_part(self) -> &'static str {
        match self {
            Line::Redis7 => "live-redis-7",
            Line::Redis80 => "live-redis-8.0",
            Line::Redis86 => "live-redis-8.6",
            Line::Valkey81 => "live-valkey-8.1",
            Line::Valkey9 => "live-valkey-9",
        }
    }

    fn vendor(self) -> &'static str {
        match self {
            Line::Redis7 | Line::Redis80 | Line::Redis86 => "redis",
            Line::Valkey81 | Line::Valkey9 => "valkey",
        }
    }

    /// Package suites move on. Where any later server does as well the line is met by it; how a server lays out memory
    /// is its line's own.
    fn is_met_by(self, version: (u32, u32)) -> bool {
        match self {
            Line::Redis7 => version >= (7, 0),
            Line::Redis80 => version == (8, 0),
            Line::Redis86 => version == (8, 6),
            Line::Valkey81 => version == (8, 1),
            Line::Valkey9 => version >= (9, 0),
        }
    }

    /// Debian suites to look in, the wanted version first.
    fn suites(self) -> &'static [Suite] {
        const REDIS_7: [Suite; 4] = [
            suite("bookworm"),
            suite("trixie"),
            suite("forky"),
            suite("sid"),
        ];
        const OF_TRIXIE: [Suite; 1] = [suite("trixie")];
        const REDIS_8_6: [Suite; 1] = [Suite {
            name: "experimental",
            base: Some("sid"),
        }];
        const VALKEY_9: [Suite; 2] = [suite("forky"), suite("sid")];
        match self {
            Line::Redis7 => &REDIS_7,
            Line::Redis80 | Line::Valkey81 => &OF_TRIXIE,
            Line::Redis86 => &REDIS_8_6,
            Line::Valkey9 => &VALKEY_9,
        }
    }

    fn directory(self) -> PathBuf {
        repository_root().join(".servers").join(self.name())
    }

    /// The line's server as the environment names it.
    ///
    /// # Errors
    /// The variable is missing, or what it names does not run.
    pub fn from_environment(self) -> Result<Server> {
        let Some(directory) = std::env::var_os(self.variable()) else {
            bail!(
                "{} is not set, so there is no {} server to test with: run `cargo xtask test`, which installs it, or \
                 `cargo xtask test --without {}`",
                self.variable(),
                self.name(),
                self.live_part()
            );
        };
        Server::open(Path::new(&directory)).context(self.variable())
    }

    /// The line's server: the environment's, the one unpacked earlier, or a fresh one from
    /// Debian packages. Does nothing when it is there already.
    ///
    /// # Errors
    /// A tool of the system is missing, no mirror answers, or no suite has the line.
    pub fn install(self) -> Result<Server> {
        if std::env::var_os(self.variable()).is_some() {
            return self.from_environment();
        }
        let directory = self.directory();
        if let Ok(server) = Server::open(&directory) {
            // Unpacked before this tool was wanted.
            if !directory.join("run-check-rdb").exists() {
                self.write_wrappers(&directory)?;
            }
            return Ok(server);
        }
        let found = check_tools().and_then(|()| {
            let mut refusals = Vec::new();
            for suite in self.suites() {
                match self.install_from(suite, &directory) {
                    Ok(server) => return Ok(server),
                    Err(error) => refusals.push(format!("{}: {error:#}", suite.name)),
                }
            }
            bail!("{}", refusals.join("\n  "));
        });
        found.with_context(|| {
            format!(
                "{} cannot be installed (to use another build, set {} to a directory with run-server, run-cli and run-check-rdb)",
                self.name(),
                self.variable()
            )
        })
    }

    fn install_from(self, suite: &Suite, directory: &Path) -> Result<Server> {
        let servers = repository_root().join(".servers");
        std::fs::create_dir_all(&servers)?;
        // Package lists go when the server is there: old ones would name packages that a moving
        // suite no longer has.
        let scratch = tempfile::tempdir_in(&servers)?;
        let suites = [Some(suite.name), suite.base];
        let suites: Vec<&str> = suites.into_iter().flatten().collect();
        let apt = Apt::open(&suites, &scratch.path().join("apt"))?;
        let vendor = self.vendor();
        let package = Package {
            server: format!("{vendor}-server"),
            tools: format!("{vendor}-tools"),
        };
        let version = apt.versions(&package.server)?.into_iter().find(|version| {
            upstream_version(version).is_some_and(|version| self.is_met_by(version))
        });
        let Some(version) = version else {
            bail!("no {} that would do", package.server);
        };
        eprintln!(
            "{}: unpacking {} {version} of {}",
            self.name(),
            package.server,
            suite.name
        );
        let unpacked = scratch.path().join("server");
        apt.unpack(&package, &version, &unpacked)?;
        self.write_wrappers(&unpacked)?;
        Server::open(&unpacked).context("unpacked, but it does not run")?;
        // Only a server that runs gets its name, so a broken attempt is never taken for one.
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::rename(&unpacked, directory)?;
        Server::open(directory)
    }
}

impl Line {
    fn write_wrappers(self, directory: &Path) -> Result<()> {
        let vendor = self.vendor();
        for program in ["server", "cli", "check-rdb"] {
            write_wrapper(
                directory,
                &format!("run-{program}"),
                &format!("{vendor}-{program}"),
            )?;
        }
        Ok(())
    }
}

/// Major and minor of a Debian version like `5:7.0.15-1~deb12u6`.
fn upstream_version(debian: &str) -> Option<(u32, u32)> {
    let upstream = debian.split_once(':').map_or(debian, |(_, rest)| rest);
    let mut numbers = upstream.split(['.', '-', '+', '~']);
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

/// Writes a script that starts a program through the dynamic loader it was unpacked with, so
/// that it finds the C library of its own suite and not the machine's.
fn write_wrapper(directory: &Path, wrapper: &str, program: &str) -> Result<()> {
    let libraries = library_directories(directory)?;
    let loader = libraries
        .iter()
        .find_map(|relative| {
            let entries = std::fs::read_dir(directory.join(relative)).ok()?;
            let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let name = names.find(|name| name.starts_with("ld-linux") && name.contains(".so."))?;
            Some(format!("{relative}/{name}"))
        })
        .context("no dynamic loader among the unpacked libraries")?;
    let path: Vec<String> = libraries.iter().map(|l| format!("$here/{l}")).collect();
    let script = format!(
        "#!/bin/sh\nhere=$(CDPATH= cd -- \"${{0%/*}}\" && pwd)\n\
         exec \"$here/{loader}\" --library-path \"{}\" \"$here/root/usr/bin/{program}\" \"$@\"\n",
        path.join(":")
    );
    let path = directory.join(wrapper);
    std::fs::write(&path, script)?;
    let mut permissions = std::fs::metadata(&path)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&path, permissions)?;
    Ok(())
}

/// Library directories of the unpacked tree, relative to the server's directory. Where they are
/// depends on the suite (merged `/usr` or not) and on the architecture.
fn library_directories(directory: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for parent in ["root/usr/lib", "root/lib"] {
        let Ok(entries) = std::fs::read_dir(directory.join(parent)) else {
            continue;
        };
        for entry in entries {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().filter(|name| name.contains("-linux-gnu")) {
                found.push(format!("{parent}/{name}"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A server that runs.
#[derive(Debug, Clone)]
pub struct Server {
    directory: PathBuf,
    version: String,
}

impl Server {
    /// The server that the programs `run-server`, `run-cli` and `run-check-rdb` of a directory start.
    ///
    /// # Errors
    /// It does not run.
    pub fn open(directory: &Path) -> Result<Server> {
        let program = directory.join("run-server");
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !text.contains(" v=") {
            bail!("{} --version says: {text}", program.display());
        }
        // Valkey leaves a NUL byte in what it prints.
        let words = text.split_whitespace().take(3);
        let version = words.collect::<Vec<_>>().join(" ").replace('\0', "");
        Ok(Server {
            directory: directory.to_owned(),
            version,
        })
    }

    /// What it calls itself: `Redis server v=7.0.15`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Nodes of clusters may have several databases (Valkey 9).
    pub(crate) fn has_databases_in_clusters(&self) -> bool {
        self.version.starts_with("Valkey server v=9.")
    }

    /// Where its programs are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn server_command(&self) -> Command {
        Command::new(self.directory.join("run-server"))
    }

    pub(crate) fn cli_command(&self) -> Command {
        Command::new(self.directory.join("run-cli"))
    }

    pub(crate) fn check_rdb_program(&self) -> PathBuf {
        self.directory.join("run-check-rdb")
    }
}

#[cfg(test)]
mod tests {
    use super::upstream_version;

    #[test]
    fn debian_versions_have_an_upstream_version_inside() {
        assert_eq!(upstream_version("5:7.0.15-1~deb12u6"), Some((7, 0)));
        assert_eq!(upstream_version("9.1.2+dfsg-1"), Some((9, 1)));
        assert_eq!(upstream_version("5:8.10~rc1-1"), Some((8, 10)));
        assert_eq!(upstream_version("unknown"), None);
    }
}
