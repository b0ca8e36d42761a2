//! How much memory the program takes for one value that is far larger.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::big_list::{BigList, Form};
use crate::repository_root;

/// Most anonymous memory that any run may have.
const LIMIT_KIB: u64 = 64 << 10;

/// What is run, and how it is called in the table. The members of a list are millions of lines, which nobody
/// looks at here.
const COMMANDS: [(&str, &[&str]); 3] = [
    ("inspect", &["inspect", "--elements", "--format", "json"]),
    ("keys", &["keys", "--format", "ndjson"]),
    (
        "members",
        &[
            "keys",
            "--key",
            "big",
            "--members",
            "--format",
            "csv",
            "--output",
            "/dev/null",
        ],
    ),
];

/// How the snapshot comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Mapped,
    Read,
    Gzip,
    Zstd,
    Lz4,
    Stdin,
}

impl Way {
    const ALL: [Way; 6] = [
        Way::Mapped,
        Way::Read,
        Way::Gzip,
        Way::Zstd,
        Way::Lz4,
        Way::Stdin,
    ];

    fn name(self) -> &'static str {
        match self {
            Way::Mapped => "mapped",
            Way::Read => "read",
            Way::Gzip => "gzip",
            Way::Zstd => "zstd",
            Way::Lz4 => "lz4",
            Way::Stdin => "stdin",
        }
    }

    /// Writes the file; nothing for standard input.
    fn write(self, list: BigList, path: &Path) -> Result<()> {
        if self == Way::Stdin {
            return Ok(());
        }
        let out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        match self {
            Way::Gzip => {
                let mut out = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
                list.write(&mut out)?;
                out.finish()?.flush()?;
            }
            Way::Zstd => {
                let mut out = zstd::Encoder::new(out, 3)?;
                list.write(&mut out)?;
                out.finish()?.flush()?;
            }
            Way::Lz4 => {
                let mut out = lz4_flex::frame::FrameEncoder::new(out);
                list.write(&mut out)?;
                out.finish()?.flush()?;
            }
            Way::Mapped | Way::Read | Way::Stdin => list.write(out)?,
        }
        Ok(())
    }
}

/// Has the program look at lists of `gib` gibibytes, in every form, through every way in, and prints what each
/// run took. The memory of every run is limited to 64 MiB besides, so that one that needs more fails.
///
/// # Errors
/// A run that failed or told a wrong number of elements, and whatever writing the files has.
pub fn measure_memory(gib: u64, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let program = build()?;
    println!("list    way     command  seconds  anonymous KiB");
    let mut failed = 0;
    for form in Form::ALL {
        let list = BigList::new(form, gib << 30);
        let path = folder.join("big-list.rdb");
        let mut written = None;
        for way in Way::ALL {
            // What is mapped is also read.
            let content = if way == Way::Read { Way::Mapped } else { way };
            if written != Some(content) {
                way.write(list, &path)?;
                written = Some(content);
            }
            for (what, arguments) in COMMANDS {
                let run = run(&program, arguments, way, list, &path)?;
                println!(
                    "{:7} {:7} {what:8} {:7.1}  {:13}  {}",
                    form.name(),
                    way.name(),
                    run.seconds,
                    run.anonymous_kib,
                    run.failure.as_deref().unwrap_or("")
                );
                failed += u32::from(run.failure.is_some());
            }
        }
        fs::remove_file(&path)?;
    }
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} runs failed"),
    }
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(repository_root())
        .args(["build", "--release", "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_program = message["target"]["name"] == "preshard";
        Some(PathBuf::from(
            message["executable"].as_str().filter(|_| is_program)?,
        ))
    });
    executable.context("cargo built no program")
}

/// What a run took.
struct Run {
    seconds: f64,
    anonymous_kib: u64,
    failure: Option<String>,
}

fn run(program: &Path, arguments: &[&str], way: Way, list: BigList, path: &Path) -> Result<Run> {
    let started = Instant::now();
    let mut command = Command::new("sh");
    // Every private page that can be written to counts, whether it was ever touched or not.
    command.args(["-c", r#"ulimit -d "$0" && exec "$@""#]);
    command.arg(LIMIT_KIB.to_string()).arg(program);
    command.args(arguments);
    match way {
        Way::Stdin => command.arg("-"),
        Way::Read => command.arg(path).args(["--mmap", "never"]),
        _ => command.arg(path),
    };
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start sh")?;
    let stdin = child.stdin.take().context("no pipe")?;
    let feeder = std::thread::spawn(move || match way {
        // Whoever refuses to read on ends this.
        Way::Stdin => drop(list.write(BufWriter::with_capacity(1 << 20, stdin))),
        _ => drop(stdin),
    });
    let anonymous_kib = watch(&mut child)?;
    let output = child.wait_with_output()?;
    let seconds = started.elapsed().as_secs_f64();
    feeder
        .join()
        .map_err(|_| io::Error::other("the feeding thread ended"))?;
    Ok(Run {
        seconds,
        anonymous_kib,
        failure: failure(&output, list, anonymous_kib),
    })
}

/// The most anonymous memory that was seen, looking every few milliseconds.
fn watch(child: &mut Child) -> Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut highest = 0;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kib = text.lines().find_map(|line| {
            let words = line.strip_prefix("RssAnon:")?;
            words.split_whitespace().next()?.parse().ok()
        });
        highest = highest.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(highest)
}

fn failure(output: &Output, list: BigList, anonymous_kib: u64) -> Option<String> {
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Some(format!("{}: {}", output.status, said.trim()));
    }
    if anonymous_kib > LIMIT_KIB {
        return Some("too much".to_owned());
    }
    if output.stdout.is_empty() {
        return None;
    }
    // A line of `keys`, or the document of `inspect`.
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let of_key = document["elements"].as_u64();
    let elements = of_key.or_else(|| document["files"][0]["types"][0]["elements"].as_u64());
    (elements != Some(list.elements())).then(|| format!("{elements:?} elements"))
}
