//! Packages of any Debian suite, fetched and unpacked without touching the system's package
//! database, and without being root.
//!
//! `apt-get` and `apt-cache` work on a state directory of their own with one source line. The rest
//! of the machine's apt configuration stays in force: mirror, proxies, certificates, credentials.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const TOOLS: [&str; 5] = ["apt-get", "apt-cache", "apt-config", "dpkg", "dpkg-deb"];

/// Finds out whether the machine has what packages are unpacked with.
pub(crate) fn check_tools() -> Result<()> {
    for tool in TOOLS {
        // Each answers --version; what is not there cannot be started.
        if Command::new(tool).arg("--version").output().is_err() {
            bail!("{tool} is not there: servers are unpacked from Debian packages");
        }
    }
    if !Path::new(KEYRING).exists() {
        bail!("{KEYRING} is not there: install the package debian-archive-keyring");
    }
    Ok(())
}

/// The two packages that make a server.
pub(crate) struct Package {
    pub server: String,
    pub tools: String,
}

/// A private apt for a suite, or for one and the suite that it adds to.
pub(crate) struct Apt {
    config: PathBuf,
    state: PathBuf,
}

impl Apt {
    /// Prepares the state directory and fetches the package lists.
    pub(crate) fn open(suites: &[&str], state: &Path) -> Result<Apt> {
        let apt = Apt {
            config: state.join("apt.conf"),
            state: state.to_owned(),
        };
        for directory in ["lists/partial", "cache/archives/partial", "empty"] {
            fs::create_dir_all(state.join(directory))?;
        }
        fs::write(state.join("status"), "")?;
        let mirror = mirror()?;
        let source = |suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n");
        let sources: String = suites.iter().map(source).collect();
        fs::write(state.join("sources.list"), sources)?;
        fs::write(&apt.config, config(state))?;
        let output = apt.run("apt-get", &["update"])?;
        // `apt-get update` ends with success when a mirror fails, as old lists could be left over.
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let fatal = ["E:", "W: Failed to fetch", "W: Some index files failed"];
        if log
            .lines()
            .any(|line| fatal.iter().any(|start| line.starts_with(start)))
        {
            bail!("apt-get update says: {}", log.trim());
        }
        Ok(apt)
    }

    /// Versions of a package in the suite, newest first.
    pub(crate) fn versions(&self, package: &str) -> Result<Vec<String>> {
        let output = self.run("apt-cache", &["madison", package])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = |line: &str| Some(line.split('|').nth(1)?.trim().to_owned());
        Ok(text.lines().filter_map(version).collect())
    }

    /// Unpacks the packages and all libraries they need into `directory/root`.
    pub(crate) fn unpack(&self, package: &Package, version: &str, directory: &Path) -> Result<()> {
        let downloads = directory.join("downloads");
        fs::create_dir_all(&downloads)?;
        let own = [&package.server, &package.tools];
        let mut wanted: Vec<String> = own.iter().map(|name| format!("{name}={version}")).collect();
        wanted.extend(self.libraries(package)?);
        let mut download = self.command("apt-get");
        download
            .arg("download")
            .args(&wanted)
            .current_dir(&downloads);
        check(&mut download)?;
        let root = directory.join("root");
        fs::create_dir_all(&root)?;
        for entry in fs::read_dir(&downloads)? {
            let path = entry?.path();
            check(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .arg(&path)
                    .arg(&root),
            )?;
        }
        fs::remove_dir_all(&downloads)?;
        Ok(())
    }

    /// The libraries the packages depend on, over any number of steps. Other dependencies (users
    /// to create, init scripts, perl) are of no use to a server that is started by hand.
    fn libraries(&self, package: &Package) -> Result<BTreeSet<String>> {
        let arguments = [
            "depends",
            "--recurse",
            "--no-recommends",
            "--no-suggests",
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
            &package.server,
            &package.tools,
        ];
        let output = self.run("apt-cache", &arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let dependencies = parse_depends(&text);
        let mut found = BTreeSet::new();
        let mut open = vec![package.server.as_str(), package.tools.as_str()];
        while let Some(name) = open.pop() {
            for &dependency in dependencies.get(name).into_iter().flatten() {
                let library = dependency.starts_with("lib") || dependency == "zlib1g";
                if library && found.insert(dependency.to_owned()) {
                    open.push(dependency);
                }
            }
        }
        Ok(found)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.config).arg("-q");
        command.env("LC_ALL", "C");
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        check(self.command(program).args(arguments))
            .with_context(|| format!("package lists are in {}", self.state.display()))
    }
}

/// `apt-cache depends`: a package at the margin, what it needs below it with blanks in front.
/// A virtual package stands in angle brackets with its providers below.
fn parse_depends(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut dependencies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut package = "";
    for line in text.lines() {
        if !line.starts_with([' ', '|']) {
            package = line.trim();
            continue;
        }
        let kinds = ["Depends: ", "PreDepends: "];
        let entry = line.trim_start_matches([' ', '|']);
        if let Some(name) = kinds.iter().find_map(|kind| entry.strip_prefix(kind)) {
            dependencies.entry(package).or_default().push(name);
        }
    }
    dependencies
}

fn config(state: &Path) -> String {
    let path = |name: &str| state.join(name).display().to_string();
    let architecture = check(Command::new("dpkg").arg("--print-architecture"))
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    format!(
        "Dir::State \"{}\";\nDir::State::lists \"{}\";\nDir::State::status \"{}\";\nDir::Cache \"{}\";\n\
         Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"{}\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"{}\";\n\
         Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n\
         // One architecture, whatever else the machine has enabled.\n\
         #clear APT::Architectures;\nAPT::Architectures {{ \"{architecture}\"; }};\n\
         // apt as root would fetch as another user, who may not write here.\n\
         APT::Sandbox::User \"root\";\n\
         // The machine's hooks are about its own package lists.\n\
         #clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n",
        state.display(),
        path("lists"),
        path("status"),
        path("cache"),
        path("sources.list"),
        path("empty"),
        path("empty"),
    )
}

/// The mirror that carries the machine's own Debian release.
fn mirror() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_matches('"').to_owned())
    };
    if field("ID=").as_deref() != Some("debian") {
        bail!("this is not Debian, whose packages the servers are unpacked from");
    }
    let codename = field("VERSION_CODENAME=").unwrap_or_default();
    let output = check(Command::new("apt-get").args([
        "indextargets",
        "--no-release-info",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
    ]))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let targets = text.lines().filter_map(|line| line.split_once(' '));
    let mut own = targets.filter(|(suite, _)| *suite == codename || *suite == "stable");
    let (_, uri) = own
        .next()
        .with_context(|| format!("apt's sources name no mirror of {codename}"))?;
    Ok(uri.to_owned())
}

/// Runs a command to its end; an error carries what it printed.
pub(crate) fn check(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    bail!("{program} ended with {}: {}", output.status, printed.trim());
}

#[cfg(test)]
mod tests {
    use super::parse_depends;

    /// Cut from `apt-cache depends --recurse redis-server` of Debian 12.
    #[test]
    fn dependencies_of_a_real_listing() {
        let text = "redis-server\n  PreDepends: init-system-helpers\n  Depends: lsb-base\n    sysvinit-utils\n  \
                    Depends: redis-tools\ninit-system-helpers\n |Depends: usrmerge\n  Depends: usr-is-merged\n    usrmerge\n\
                    redis-tools\n  Depends: libc6\n  Depends: libsystemd0\n    libelogind0\n";
        let dependencies = parse_depends(text);
        assert_eq!(
            dependencies["redis-server"],
            ["init-system-helpers", "lsb-base", "redis-tools"]
        );
        assert_eq!(
            dependencies["init-system-helpers"],
            ["usrmerge", "usr-is-merged"]
        );
        assert_eq!(dependencies["redis-tools"], ["libc6", "libsystemd0"]);
    }
}
