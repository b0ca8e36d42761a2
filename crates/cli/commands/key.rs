//! `preshard keys --key`: all that is known of one key, and its members.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use preshard_analyzer::{Damage, KeyFacts, KeyHead, KeyName, Member, MemberSizes, Seeker, Wanted};
use preshard_planner::{PlanLimits, verdict};
use preshard_report::csv::{KeyTable, MemberTable};
use preshard_report::document::{MemberLine, MemberLines, Notice};
use preshard_report::text::{self, estimates_note};
use preshard_report::{KeyRecord, json};

use super::keys::all_estimates;
use crate::args::{KeysArgs, KeysFormat, PlanLimitArgs};
use crate::backup::Completeness;
use crate::exit::{ExitStatus, Refusal};
use crate::input::{Inputs, TopologyWish, shown};
use crate::limits::{Stated, plan_limits};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::read::{OpenFile, open_all};
use crate::say;

/// Bytes that are shown of a member: what fits a line, and what tells strings apart.
const TEXT_MEMBER_BYTES: usize = 64;
const MEMBER_BYTES: usize = 256;
/// Most databases that are told apart: servers have 16 by default, and a file may name millions.
const DATABASES_MAX: usize = 1_024;

/// Answers the question.
///
/// # Errors
/// When an input cannot be read or the output cannot be written, and when no input has the key.
pub fn run(args: KeysArgs) -> Result<ExitStatus> {
    let wanted = Wanted {
        key: args.one.key().map(|key| key.0.clone()).unwrap_or_default(),
        dbs: args.dbs,
    };
    let mut read = ReadOptions::new(args.input.inputs, args.input.read, args.target)?
        .predicting(&args.cost)?;
    read.now_ms = args.reference.now;
    // Lines that run over a terminal and a bar that is drawn on it would spoil each other.
    read.quiet |= args.one.members && args.output.output.is_none() && io::stdout().is_terminal();
    let inputs = Inputs::find(&read.inputs, TopologyWish::Each)?;
    inputs.refuse_saved("keys --key")?;
    inputs.protect_from(args.output.output.as_deref())?;
    let (files, bar) = open_all(&inputs, &read)?;
    let head_bytes = args.one.member_bytes.unwrap_or(match args.format {
        KeysFormat::Text => TEXT_MEMBER_BYTES,
        KeysFormat::Ndjson | KeysFormat::Csv => MEMBER_BYTES,
    });

    let cannot_write = cannot_write(args.output.output.as_deref());
    let mut out = Output::open(args.output.output.as_deref())?;
    let mut writer = Writer::new(args.format, args.one.members, &mut out);
    let mut said = Vec::new();
    let (mut found, mut whole) = (0, true);
    let stated =
        Stated::new(args.limits, PlanLimitArgs::default())?.or_settings(read.memory.saved())?;
    for file in &files {
        let name = file.source.path().display().to_string();
        let mut show = Show {
            writer: &mut writer,
            file,
            name: &name,
            limits: plan_limits(&stated, (&file.cost).into())?,
            head_bytes,
            lines: MemberLines::new(file.reference_ms),
            sizes: MemberSizes::default(),
            found: 0,
            in_databases: BTreeMap::new(),
            begun: false,
        };
        let scan = file.seek(
            &wanted,
            &show.limits.clone(),
            &bar,
            &mut show,
            &cannot_write,
        )?;
        show.end_begun(scan.summary.damage.as_ref())
            .context(cannot_write.clone())?;
        found += show.found;
        said.extend(duplicate(&show.in_databases).map(|message| Notice {
            file: Some(name.clone()),
            name: "duplicate-key".to_owned(),
            message,
        }));
        whole &= scan.summary.is_whole();
        if let Some(damage) = &scan.summary.damage {
            said.push(Notice::damage(name.clone(), damage));
        }
        let warnings = scan.summary.warnings.iter();
        said.extend(warnings.map(|warning| Notice::new(Some(name.clone()), warning)));
    }
    drop(bar);
    let completeness = Completeness::of_names(&inputs);
    let whole = whole && !completeness.partial;
    if found > 0 {
        let estimates = all_estimates(&files);
        if args.format == KeysFormat::Text {
            writer
                .render(|out| text::render_notes(&estimates, !whole, out))
                .context(cannot_write.clone())?;
        }
        writer.finish().context(cannot_write)?;
        out.finish()?;
        // The table of members has no estimates.
        let is_estimated = !args.one.members || args.format == KeysFormat::Ndjson;
        if args.format != KeysFormat::Text && is_estimated {
            say::note(&estimates_note(&estimates));
        }
    }
    said.extend(completeness.notices);
    said.extend(inputs.left_out.iter().cloned());
    say::warnings(&said);
    match (found, whole) {
        (0, _) => Err(not_found(&wanted, &files, whole)),
        (_, true) => Ok(ExitStatus::Fine),
        (_, false) => Ok(ExitStatus::Partial),
    }
}

/// Shows the entries of the key in one file.
struct Show<'s, 'o> {
    writer: &'s mut Writer<'o>,
    file: &'s OpenFile,
    name: &'s str,
    limits: PlanLimits,
    head_bytes: usize,
    lines: MemberLines,
    sizes: MemberSizes,
    /// Entries so far.
    found: u64,
    /// How many of them each database has; of the first [`DATABASES_MAX`].
    in_databases: BTreeMap<u64, u64>,
    /// An entry has begun and not ended.
    begun: bool,
}

impl Show<'_, '_> {
    /// An entry that began and went by without becoming a key had no elements, or the file is damaged inside it.
    fn end_begun(&mut self, damage: Option<&Damage>) -> io::Result<()> {
        if !std::mem::take(&mut self.begun) {
            return Ok(());
        }
        self.writer.line(&match damage {
            None => MemberLine::Dropped {},
            Some(damage) => MemberLine::Incomplete {
                offset: damage.offset,
                message: damage.message.clone(),
            },
        })
    }
}

impl Seeker for Show<'_, '_> {
    fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    fn begin(&mut self, key: &KeyHead<'_>) -> io::Result<()> {
        self.end_begun(None)?;
        self.found += 1;
        if self.in_databases.len() < DATABASES_MAX || self.in_databases.contains_key(&key.db) {
            *self.in_databases.entry(key.db).or_default() += 1;
        }
        self.begun = true;
        self.lines = MemberLines::new(self.file.reference_ms);
        self.sizes = MemberSizes::default();
        self.writer.key(&self.lines.key(key, self.name))
    }

    fn member(&mut self, member: Member<'_>) -> io::Result<()> {
        if !self.writer.with_members {
            return Ok(());
        }
        self.sizes.add(&member);
        match self.lines.member(&member) {
            Some(line) => self.writer.line(&line),
            None => Ok(()),
        }
    }

    fn end(&mut self, facts: &KeyFacts<'_>) -> io::Result<()> {
        self.begun = false;
        if let Some(rest) = self.lines.rest() {
            self.writer.line(&rest)?;
        }
        let verdict = verdict(facts.cost, facts.sizes.payload_bytes, &self.limits);
        let record = KeyRecord::new(facts, self.name, &self.file.cost, verdict);
        self.writer.end(record, &self.lines, &self.sizes)
    }
}

/// Writes keys and members in one of the formats, one behind the other.
struct Writer<'o> {
    form: Form<'o>,
    with_members: bool,
    is_first: bool,
}

enum Form<'o> {
    Text(&'o mut Output),
    Ndjson(&'o mut Output),
    Keys(KeyTable<&'o mut Output>),
    Members(MemberTable<&'o mut Output>),
    /// A table that has no rows yet: its header is written with the first, or never.
    Csv(Option<&'o mut Output>),
}

impl<'o> Writer<'o> {
    fn new(format: KeysFormat, with_members: bool, out: &'o mut Output) -> Writer<'o> {
        Writer {
            form: match format {
                KeysFormat::Text => Form::Text(out),
                KeysFormat::Ndjson => Form::Ndjson(out),
                KeysFormat::Csv => Form::Csv(Some(out)),
            },
            with_members,
            is_first: true,
        }
    }

    /// Writes the beginning of a key.
    fn key(&mut self, key: &MemberLine<'_>) -> io::Result<()> {
        if let Form::Csv(out) = &mut self.form
            && let Some(out) = out.take()
        {
            self.form = match self.with_members {
                true => Form::Members(MemberTable::new(out)?),
                false => Form::Keys(KeyTable::new(out)?),
            };
        }
        let is_first = std::mem::take(&mut self.is_first);
        match &mut self.form {
            Form::Text(out) => {
                if !is_first {
                    writeln!(out)?;
                }
                text::render_member_line(key, *out)?;
                match self.with_members {
                    true => text::render_member_columns(key, *out),
                    false => Ok(()),
                }
            }
            _ if self.with_members => self.line(key),
            _ => Ok(()),
        }
    }

    /// Writes a member, or what is said in place of one.
    fn line(&mut self, line: &MemberLine<'_>) -> io::Result<()> {
        match &mut self.form {
            Form::Text(out) => text::render_member_line(line, *out),
            Form::Ndjson(out) if self.with_members => json::render_member_line(line, *out),
            Form::Members(table) => table.row(line),
            Form::Ndjson(_) | Form::Keys(_) | Form::Csv(_) => Ok(()),
        }
    }

    /// Writes the end of a key.
    fn end(
        &mut self,
        record: KeyRecord<'_>,
        lines: &MemberLines,
        sizes: &MemberSizes,
    ) -> io::Result<()> {
        match &mut self.form {
            Form::Ndjson(out) if !self.with_members => json::render_key_line(&record, *out),
            Form::Keys(table) => table.row(&record),
            _ => self.line(&lines.summary(record, sizes)),
        }
    }

    /// Writes running text.
    fn render(&mut self, write: impl FnOnce(&mut Output) -> io::Result<()>) -> io::Result<()> {
        match &mut self.form {
            Form::Text(out) => {
                writeln!(out)?;
                write(out)
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self.form {
            Form::Keys(table) => table.finish(),
            Form::Members(table) => table.finish(),
            Form::Text(_) | Form::Ndjson(_) | Form::Csv(_) => Ok(()),
        }
    }
}

/// What is to be said of a key that a file has more than once in a database.
fn duplicate(in_databases: &BTreeMap<u64, u64>) -> Option<String> {
    let (db, times) = in_databases.iter().find(|&(_, &times)| times > 1)?;
    Some(format!(
        "the key is there {times} times in database {db}: servers refuse to load such a file"
    ))
}

fn not_found(wanted: &Wanted, files: &[OpenFile], whole: bool) -> anyhow::Error {
    let key = KeyName(wanted.key.clone());
    let place = match files {
        [file] => shown(file.source.path()),
        files => format!("any of {} files", files.len()),
    };
    let dbs: Vec<String> = wanted.dbs.iter().map(u64::to_string).collect();
    let databases = match dbs.is_empty() {
        true => String::new(),
        false => format!(", database {}", dbs.join(", ")),
    };
    let (status, read) = match whole {
        true => (ExitStatus::Failure, ""),
        false => (ExitStatus::Partial, "what can be read of "),
    };
    Refusal {
        status,
        message: format!("no key \"{}\" in {read}{place}{databases}", key.escaped()),
    }
    .into()
}
