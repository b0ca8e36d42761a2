//! `preshard keys`: which keys are largest, or slowest to move; or all of them.

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result};
use preshard_analyzer::{Disregard, KeyFacts};
use preshard_parser::{DataType, Detail};
use preshard_planner::{PlanLimits, verdict};
use preshard_report::csv::KeyTable;
use preshard_report::document::{Estimates, Notice};
use preshard_report::text::{KeysView, estimates_note, render_keys};
use preshard_report::{KeyRecord, json};
use preshard_slots::SlotSet;

use super::{key, start_threads};
use crate::args::{KeyOrder, KeyType, KeysArgs, KeysFormat, PlanLimitArgs};
use crate::backup::Completeness;
use crate::exit::{ExitStatus, Refusal};
use crate::input::{Inputs, TopologyWish};
use crate::limits::{Floors, Stated, plan_limits};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::read::{OpenFile, open_all};
use crate::say;

/// The longest element is what people look for in a list of keys. A key that is broken inside is listed all the
/// same: servers load it.
const DETAIL: Detail = Detail::SoundElements;

/// Keys of a text table unless told otherwise.
const TOP_DEFAULT: usize = 20;

/// Answers the question.
///
/// # Errors
/// When an input cannot be read or the output cannot be written.
pub fn run(args: KeysArgs) -> Result<ExitStatus> {
    start_threads(args.input.read.threads)?;
    if args.one.key().is_some() {
        return key::run(args);
    }
    let filter = Filter::new(&args);
    let selection = Selection::new(&args)?;
    let mut read = ReadOptions::new(args.input.inputs, args.input.read, args.target)?
        .predicting(&args.cost)?;
    read.now_ms = args.reference.now;
    // Lines that run over a terminal and a bar that is drawn on it would spoil each other.
    read.quiet |=
        selection.top.is_none() && args.output.output.is_none() && io::stdout().is_terminal();
    let inputs = Inputs::find(&read.inputs, TopologyWish::Each)?;
    inputs.refuse_saved("keys")?;
    inputs.protect_from(args.output.output.as_deref())?;
    let (files, bar) = open_all(&inputs, &read)?;
    let stated =
        Stated::new(args.limits, PlanLimitArgs::default())?.or_settings(read.memory.saved())?;
    let limits = files
        .iter()
        .map(|file| plan_limits(&stated, (&file.cost).into()))
        .collect::<Result<Vec<PlanLimits>>>()?;
    let names: Vec<String> = files
        .iter()
        .map(|file| file.source.path().display().to_string())
        .collect();
    let cannot_write = cannot_write(args.output.output.as_deref());
    let mut out = Output::open(args.output.output.as_deref())?;
    let mut writer = Writer::new(args.format, &mut out).context(cannot_write.clone())?;
    let mut top = selection.top.map(Top::new);
    let mut matched = 0u64;
    let mut said = Vec::new();
    let mut whole = true;
    for (at, file) in files.iter().enumerate() {
        let limits = &limits[at];
        let record = |facts: &KeyFacts<'_>| {
            let verdict = verdict(facts.cost, facts.sizes.payload_bytes, limits);
            KeyRecord::new(facts, &names[at], &file.cost, verdict)
        };
        let options = file.scan_options(Floors::of(limits), DETAIL);
        let disregard = Disregard::default();
        let mut told_bar = None;
        let mut passed = 0u64;
        let mut sink = |chunk: &[KeyFacts<'_>]| {
            for facts in chunk.iter().filter(|facts| filter.passes(facts)) {
                passed += 1;
                match &mut top {
                    None => writer.write(&record(facts))?,
                    Some(top) => top.offer(selection.order.measure(facts), || record(facts)),
                }
            }
            // Where every key passes, those below the bar count without being seen.
            if filter.passes_all
                && let Some(bar) = top.as_ref().and_then(|top| top.bar)
                && told_bar.replace(bar) != Some(bar)
            {
                disregard.strings(&options, |facts| selection.order.measure(facts) <= bar);
            }
            Ok(())
        };
        let scan = file.scan(&options, &bar, &disregard, &mut sink, &cannot_write)?;
        matched += match filter.passes_all {
            true => scan.summary.keys,
            false => passed,
        };
        whole &= scan.summary.is_whole();
        if let Some(damage) = &scan.summary.damage {
            said.push(Notice::damage(names[at].clone(), damage));
        }
        let warnings = scan.summary.warnings.iter();
        said.extend(warnings.map(|warning| Notice::new(Some(names[at].clone()), warning)));
    }
    drop(bar);
    let keys = top.map(Top::finish).unwrap_or_default();
    let estimates = all_estimates(&files);
    let completeness = Completeness::of_names(&inputs);
    let partial = !whole || completeness.partial;
    let view = KeysView {
        keys: &keys,
        matched,
        order: selection.order.words(),
        estimates: &estimates,
        partial,
    };
    writer.finish(&view).context(cannot_write)?;
    out.finish()?;

    said.extend(completeness.notices);
    said.extend(inputs.left_out.iter().cloned());
    say::warnings(&said);
    if args.format != KeysFormat::Text {
        say::note(&estimates_note(&estimates));
    }
    Ok(match partial {
        false => ExitStatus::Fine,
        true => ExitStatus::Partial,
    })
}

/// Which keys are shown, and in which order.
struct Selection {
    order: KeyOrder,
    /// `None` for all keys in the order of the files.
    top: Option<usize>,
}

impl Selection {
    fn new(args: &KeysArgs) -> Result<Selection> {
        let stream = args.format != KeysFormat::Text;
        let order = args.sort.unwrap_or(match (stream, args.top) {
            (true, None) => KeyOrder::File,
            _ => KeyOrder::Block,
        });
        match (stream, args.top, order) {
            (true, None, KeyOrder::File) => Ok(Selection { order, top: None }),
            (true, None, _) => Err(Refusal::usage(
                "--sort needs --top N with this format: memory must not grow with the number of keys",
            )),
            _ => Ok(Selection {
                order,
                top: Some(args.top.unwrap_or(TOP_DEFAULT)),
            }),
        }
    }
}

impl KeyOrder {
    /// What the order goes by: more comes first.
    fn measure(self, facts: &KeyFacts<'_>) -> u64 {
        match self {
            KeyOrder::Block => facts.cost.block_ns,
            KeyOrder::Payload => facts.sizes.payload_bytes,
            KeyOrder::Memory => facts.sizes.memory_bytes_estimate.unwrap_or(0),
            KeyOrder::Serialized => facts.sizes.serialized_bytes,
            KeyOrder::Elements => facts.value.elements.unwrap_or(0),
            KeyOrder::File => 0,
        }
    }

    fn words(self) -> &'static str {
        match self {
            KeyOrder::Block => "slowest to move first",
            KeyOrder::Payload => "largest payload first",
            KeyOrder::Memory => "most memory first",
            KeyOrder::Serialized => "most bytes in the file first",
            KeyOrder::Elements => "most elements first",
            KeyOrder::File => "in the order of the file",
        }
    }
}

/// Which keys are asked for.
struct Filter {
    types: Vec<DataType>,
    dbs: Vec<u64>,
    slots: Option<SlotSet>,
    min_payload_bytes: u64,
    /// Nothing is left out.
    passes_all: bool,
}

impl Filter {
    fn new(args: &KeysArgs) -> Filter {
        let data_type = |each: &KeyType| match each {
            KeyType::String => DataType::String,
            KeyType::List => DataType::List,
            KeyType::Set => DataType::Set,
            KeyType::Zset => DataType::Zset,
            KeyType::Hash => DataType::Hash,
            KeyType::Stream => DataType::Stream,
            KeyType::Array => DataType::Array,
            KeyType::PathHash => DataType::PathHash,
            KeyType::Module => DataType::Module,
        };
        Filter {
            types: args.types.iter().map(data_type).collect(),
            dbs: args.dbs.clone(),
            slots: args.slots.clone(),
            min_payload_bytes: args.min_payload,
            passes_all: args.types.is_empty()
                && args.dbs.is_empty()
                && args.slots.is_none()
                && args.min_payload == 0,
        }
    }

    fn passes(&self, facts: &KeyFacts<'_>) -> bool {
        facts.sizes.payload_bytes >= self.min_payload_bytes
            && (self.types.is_empty() || self.types.contains(&facts.data_type))
            && (self.dbs.is_empty() || self.dbs.contains(&facts.db))
            && self
                .slots
                .as_ref()
                .is_none_or(|slots| slots.contains(facts.slot))
    }
}

/// The first keys of an order, found without holding more than twice as many.
struct Top<'a> {
    limit: usize,
    /// Keys seen so far: breaks ties in favour of the key that comes first in the files.
    offered: u64,
    kept: Vec<(std::cmp::Reverse<u64>, u64, KeyRecord<'a>)>,
    /// Once `limit` keys are known: what a key must exceed to be among them.
    bar: Option<u64>,
}

impl<'a> Top<'a> {
    fn new(limit: usize) -> Top<'a> {
        Top {
            limit,
            offered: 0,
            kept: Vec::new(),
            bar: None,
        }
    }

    fn offer(&mut self, measure: u64, record: impl FnOnce() -> KeyRecord<'a>) {
        self.offered += 1;
        if self.bar.is_some_and(|bar| measure <= bar) {
            return;
        }
        self.kept
            .push((std::cmp::Reverse(measure), self.offered, record()));
        if self.kept.len() >= self.limit.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.kept
            .sort_unstable_by_key(|&(measure, at, _)| (measure, at));
        self.kept.truncate(self.limit);
        if self.kept.len() == self.limit {
            self.bar = self.kept.last().map(|(measure, ..)| measure.0);
        }
    }

    fn finish(mut self) -> Vec<KeyRecord<'a>> {
        self.cut();
        self.kept.into_iter().map(|(.., record)| record).collect()
    }
}

/// Writes keys in one of the formats.
enum Writer<'o> {
    Text(&'o mut Output),
    Ndjson(&'o mut Output),
    Csv(Box<KeyTable<&'o mut Output>>),
}

impl<'o> Writer<'o> {
    fn new(format: KeysFormat, out: &'o mut Output) -> io::Result<Writer<'o>> {
        Ok(match format {
            KeysFormat::Text => Writer::Text(out),
            KeysFormat::Ndjson => Writer::Ndjson(out),
            KeysFormat::Csv => Writer::Csv(Box::new(KeyTable::new(out)?)),
        })
    }

    fn write(&mut self, key: &KeyRecord<'_>) -> io::Result<()> {
        match self {
            // Text shows a selection, which is written when it is complete.
            Writer::Text(_) => Ok(()),
            Writer::Ndjson(out) => json::render_key_line(key, *out),
            Writer::Csv(table) => table.row(key),
        }
    }

    fn finish(mut self, view: &KeysView<'_>) -> io::Result<()> {
        if let Writer::Text(out) = self {
            return render_keys(view, out);
        }
        for key in view.keys {
            self.write(key)?;
        }
        match self {
            Writer::Csv(table) => table.finish(),
            _ => Ok(()),
        }
    }
}

/// How the estimates come about, for each kind of server that wrote one of the files.
pub(super) fn all_estimates(files: &[OpenFile]) -> Vec<Estimates> {
    let mut all: Vec<Estimates> = Vec::new();
    for file in files {
        let estimates = file.estimates();
        if !all.contains(&estimates) {
            all.push(estimates);
        }
    }
    all
}
