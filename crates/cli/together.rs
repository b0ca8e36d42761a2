//! Inputs that one answer is given over: snapshots and saved profiles, on one basis, joined with the topology.

use anyhow::{Context as _, Result};
use preshard_analyzer::{
    Assembly, Detail, Disregard, FileScan, KeyFacts, Prefixes, Scanned, Tables, join,
};
use preshard_planner::PlanLimits;
use preshard_report::ProfileDocument;
use preshard_report::document::{
    Estimates, FileToSave, InputFacts, Notice, Precision, ReadFile, SavedBasis,
};
use preshard_slots::NodeId;

use crate::exit::Refusal;
use crate::input::{Inputs, shown};
use crate::limits::{CallTerms, Floors};
use crate::options::ReadOptions;
use crate::progress::Bar;
use crate::read::{OpenFile, all_or_none, open_all, scan_each};

/// Inputs on one basis, open.
pub struct Together<'i> {
    inputs: &'i Inputs,
    files: Vec<OpenFile>,
    bar: Bar,
    /// What limits hang on in the cost profile that predicts all times.
    pub call_terms: CallTerms,
    /// The tables of the model that all memory is computed by.
    pub tables: Tables,
    /// How the estimates come about.
    pub estimates: Estimates,
}

/// Inputs joined.
pub struct Joined {
    /// What they come to.
    pub assembly: Assembly,
    /// All that documents warn of: each file's warnings, then those between files, then what was not read.
    pub warnings: Vec<Notice>,
    /// What is to be saved, where that was asked for.
    pub to_save: Option<ProfileDocument>,
    /// From which predicted block and payload on keys are listed by name.
    pub floors: Floors,
    /// Keys by prefix, where that was asked for and there are only snapshots.
    pub prefixes: Option<Prefixes>,
}

/// What is wanted of inputs besides what plans are made from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Besides {
    /// What is to be saved.
    pub to_save: bool,
    /// Keys by the beginning of their names up to this byte.
    pub prefixes: Option<u8>,
}

impl<'i> Together<'i> {
    /// Opens the snapshots and finds the basis that all inputs have in common: one cost profile, and the memory model of the
    /// newest server, which is where a cluster of several versions is heading. What was saved stays on the basis that it
    /// was saved on.
    ///
    /// # Errors
    /// When an input cannot be opened; wrong usage, when the inputs have no basis in common.
    pub fn open(inputs: &'i Inputs, read: &ReadOptions) -> Result<Together<'i>> {
        let (mut files, bar) = open_all(inputs, read)?;
        let saved = || inputs.saved.iter().flat_map(|(_, profile)| &profile.files);
        for file in saved() {
            heed_options(file, read)?;
        }
        take_newest_memory(&mut files, saved())?;
        let bases = files
            .iter()
            .map(|file| (shown(file.source.path()), file.basis()));
        let bases = in_order(bases.collect(), inputs, |file| {
            (saved_name(file), file.basis.clone())
        });
        let tables = match (files.first(), saved().next()) {
            (Some(file), _) => file.memory.tables(),
            (None, Some(file)) => file.tables,
            (None, None) => return Err(Refusal::usage("no snapshot to read")),
        };
        let estimates = common_estimates(&bases)?;
        let (name, first) = &bases[0];
        if let Some((other_name, _)) = bases
            .iter()
            .find(|(_, basis)| CallTerms::of(basis) != CallTerms::of(first))
        {
            return Err(Refusal::usage(format!(
                "{name} and {other_name} were looked at with different cost profiles of the name {}: save again what \
                 was saved with the older one",
                first.cost_profile
            )));
        }
        Ok(Together {
            call_terms: CallTerms::of(first),
            tables,
            estimates,
            inputs,
            files,
            bar,
        })
    }

    /// Refuses what was saved for a server outside of cluster mode.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn for_cluster(&self) -> Result<()> {
        match self.tables.is_cluster() {
            true => Ok(()),
            false => Err(Refusal::usage(
                "the profile was saved for a server outside of cluster mode, and a plan moves slots of a cluster: save it \
                 again without --standalone, and with cluster-enabled yes in the file of --target-config",
            )),
        }
    }

    /// Scans the snapshots and joins them and what was saved with the topology.
    ///
    /// # Errors
    /// When a snapshot cannot be scanned, or inputs and topology contradict each other.
    pub fn join(self, limits: &PlanLimits, besides: Besides) -> Result<Joined> {
        let wanted = Floors::of(limits);
        let floors = self
            .inputs
            .saved
            .iter()
            .fold(wanted, |floors, (_, profile)| {
                profile.files.iter().fold(floors, |floors, file| {
                    let rows = file.scanned.floors();
                    floors.max(Floors {
                        block_ns: rows.0,
                        payload_bytes: rows.1,
                    })
                })
            });
        let separator = besides.prefixes.filter(|_| self.inputs.saved.is_empty());
        let (scans, prefixes) = match separator {
            None => {
                let each: Vec<&OpenFile> = self.files.iter().collect();
                let scans = scan_each(&each, floors, Detail::Counts, &self.bar);
                (all_or_none(scans)?, None)
            }
            Some(separator) => {
                let (scans, prefixes) =
                    scan_with_prefixes(&self.files, floors, separator, &self.bar)?;
                (scans, Some(prefixes))
            }
        };
        drop(self.bar);
        let scans = self.files.iter().zip(scans).map(|(file, scan)| {
            let scanned = Scanned::from(scan);
            (file.node.clone(), scanned, file.basis())
        });
        let all: Vec<(Option<NodeId>, Scanned, SavedBasis)> =
            in_order(scans.collect(), self.inputs, |file| {
                let mut scanned = file.scanned.clone();
                scanned.raise_floors(floors.block_ns, floors.payload_bytes);
                (file.node.clone(), scanned, file.basis.clone())
            });
        let to_save = besides.to_save.then(|| {
            let files = all.iter().map(|(node, scanned, basis)| FileToSave {
                scanned,
                node: node.as_ref(),
                basis: basis.clone(),
            });
            ProfileDocument::new(
                self.inputs.topology_to_save(),
                self.inputs.left_out.clone(),
                files,
            )
        });
        let scans = all.into_iter().map(|(node, scanned, _)| (node, scanned));
        let assembly = join(self.inputs.topology.as_ref(), scans.collect())
            .context("the inputs do not fit together")?;
        let mut warnings = notices(&assembly, self.inputs);
        if floors != wanted {
            warnings.push(names_missing(floors, wanted));
        }
        Ok(Joined {
            assembly,
            warnings,
            to_save,
            floors,
            prefixes,
        })
    }
}

impl Joined {
    /// What documents say of the files.
    pub fn input_facts(&self) -> Vec<InputFacts> {
        let node_of = |index: usize| {
            let mut nodes = self.assembly.nodes.iter();
            let node = nodes.find(|node| node.file == Some(index))?;
            Some(node.id.0.clone())
        };
        let files = self.assembly.files.iter().enumerate();
        files
            .map(|(index, file)| InputFacts::new(file, node_of(index)))
            .collect()
    }

    /// Whether a file is not whole or missing.
    pub fn is_partial(&self) -> bool {
        self.assembly.partial || !self.assembly.files.iter().all(|file| file.whole)
    }
}

/// Scans files one after the other and sums their keys by prefix on the way.
fn scan_with_prefixes(
    files: &[OpenFile],
    floors: Floors,
    separator: u8,
    bar: &Bar,
) -> Result<(Vec<FileScan>, Prefixes)> {
    let mut prefixes = Prefixes::new(separator);
    let mut scans = Vec::with_capacity(files.len());
    for file in files {
        let mut sum = |keys: &[KeyFacts<'_>]| {
            for key in keys {
                let sizes = &key.sizes;
                prefixes.add(&key.key, sizes.payload_bytes, sizes.memory_bytes_estimate);
            }
            Ok(())
        };
        let options = file.scan_options(floors, Detail::Counts);
        let all = Disregard::default();
        scans.push(file.scan(&options, bar, &all, &mut sum, "cannot sum keys by prefix")?);
    }
    Ok((scans, prefixes))
}

/// The file that told who owns the slots, as documents name it.
pub fn topology_file(inputs: &Inputs) -> Option<String> {
    let file = inputs.topology_file.as_ref();
    file.map(|path| path.display().to_string())
}

/// What stands for the snapshots, and what for the files of saved profiles, in the order of the command line.
fn in_order<T>(snapshots: Vec<T>, inputs: &Inputs, of_saved: impl Fn(&ReadFile) -> T) -> Vec<T> {
    let mut all = Vec::new();
    let mut saved = inputs.saved.iter().peekable();
    for (at, snapshot) in snapshots.into_iter().map(Some).chain([None]).enumerate() {
        while let Some((_, profile)) = saved.next_if(|(before, _)| *before <= at) {
            all.extend(profile.files.iter().map(&of_saved));
        }
        all.extend(snapshot);
    }
    all
}

/// A file of a saved profile, as messages name it.
fn saved_name(file: &ReadFile) -> String {
    let facts = &file.scanned.file;
    match &facts.saved_in {
        Some(profile) => format!("{} in {}", shown(&facts.path), shown(profile)),
        None => shown(&facts.path),
    }
}

/// Refuses options that ask of a saved profile what only the snapshot could tell.
fn heed_options(file: &ReadFile, read: &ReadOptions) -> Result<()> {
    let refuse = |asked: String| {
        Err(Refusal::usage(format!(
            "{} cannot be looked at with {asked}: give the snapshot, or save it again",
            saved_name(file)
        )))
    };
    let saved_for = &file.basis.cost_profile;
    let asked = read.target.as_ref();
    if let Some(asked) = asked.filter(|cost| cost.name() != saved_for) {
        return refuse(format!(
            "cost profile {} (--target, or the plan's), and was saved for {saved_for}",
            asked.name()
        ));
    }
    if let Some(option) = read
        .memory
        .option_against(file.tables, &file.basis.memory_settings)
    {
        return refuse(option);
    }
    let facts = &file.scanned.file;
    if read.salvage && facts.damage.is_some() && facts.salvaged.is_none() {
        return refuse("--salvage, and was saved without".to_owned());
    }
    Ok(())
}

/// Makes the memory model of all files that of the newest server among them.
fn take_newest_memory<'f>(
    files: &mut [OpenFile],
    mut saved: impl Iterator<Item = &'f ReadFile>,
) -> Result<()> {
    let newest = files
        .iter()
        .max_by_key(|file| file.memory.target())
        .map(|file| (file.memory.clone(), file.memory_target.clone()));
    let first = saved.next();
    let wanted = match (first, &newest) {
        (Some(first), Some((memory, _))) => first.tables.target().max(memory.target()),
        (Some(first), None) => first.tables.target(),
        (None, Some((memory, _))) => memory.target(),
        (None, None) => return Ok(()),
    };
    let basis = match (first, newest) {
        (Some(first), Some((memory, _))) if first.tables.target() > memory.target() => {
            first.basis.memory_basis.clone()
        }
        (_, Some((_, target))) => target.basis,
        (Some(first), None) => first.basis.memory_basis.clone(),
        (None, None) => return Ok(()),
    };
    for file in files
        .iter_mut()
        .filter(|file| file.memory.target() != wanted)
    {
        file.take_memory_of(wanted, &basis);
    }
    let Some(first) = first else { return Ok(()) };
    let settings = |file: &ReadFile| file.basis.memory_settings.clone();
    let others = saved.map(|file| (saved_name(file), file.tables, settings(file)));
    let others = others.chain(files.iter().map(|file| {
        let settings = file.basis().memory_settings;
        (shown(file.source.path()), file.memory.tables(), settings)
    }));
    for (name, tables, others) in others {
        let differ = match (tables == first.tables, others == settings(first)) {
            (true, true) => continue,
            (false, _) => format!("{}, and of {name} that of {tables}", first.tables),
            (true, false) => format!("{tables}, and {name} has other settings"),
        };
        return Err(Refusal::usage(format!(
            "the memory of {} was computed as that of {differ}: save them again for one server (--target, --allocator, \
             --target-config)",
            saved_name(first)
        )));
    }
    Ok(())
}

/// How the estimates of several files come about: one profile, and one memory model, may stand in for several servers.
fn common_estimates(bases: &[(String, SavedBasis)]) -> Result<Estimates> {
    let Some((name, first)) = bases.first() else {
        return Err(Refusal::usage("no snapshot to read"));
    };
    if let Some((other_name, other)) = bases
        .iter()
        .find(|(_, basis)| basis.cost_profile != first.cost_profile)
    {
        return Err(Refusal::usage(format!(
            "the snapshots were written by different servers: {name} needs cost profile {}, {other_name} needs {}; say \
             which server to plan for with --target",
            first.cost_profile, other.cost_profile,
        )));
    }
    let joined = |basis: fn(&SavedBasis) -> &str| {
        let mut distinct: Vec<&str> = Vec::new();
        for basis in bases.iter().map(|(_, each)| basis(each)) {
            if !distinct.contains(&basis) {
                distinct.push(basis);
            }
        }
        distinct.join("; ")
    };
    let all_modelled = bases
        .iter()
        .all(|(_, basis)| basis.memory_precision == Precision::Modelled);
    Ok(Estimates {
        memory_model: first.memory_model.clone(),
        memory_basis: joined(|basis| &basis.memory_basis),
        memory_precision: match all_modelled {
            true => Precision::Modelled,
            false => Precision::StandIn,
        },
        cost_profile: first.cost_profile.clone(),
        cost_basis: joined(|basis| &basis.cost_basis),
        cost_effects: first.cost_effects.clone(),
        cost_spread_permille: first.cost_spread_permille,
    })
}

/// What is said where keys that the limits want by name were not saved by name.
fn names_missing(floors: Floors, wanted: Floors) -> Notice {
    Notice {
        file: None,
        name: "names-not-saved".to_owned(),
        message: format!(
            "the saved profile names keys from a predicted block of {} us or a payload of {} bytes on, and these limits ask \
             for names from {} us or {} bytes on: slots with keys in between may be held for want of their names; save it \
             again with these limits",
            floors.block_ns / 1_000,
            floors.payload_bytes,
            wanted.block_ns / 1_000,
            wanted.payload_bytes
        ),
    }
}

/// All that documents warn of.
fn notices(assembly: &Assembly, inputs: &Inputs) -> Vec<Notice> {
    let mut notices = Vec::new();
    for file in &assembly.files {
        let path = file.path.display().to_string();
        if let Some(damage) = &file.damage {
            notices.push(Notice::damaged(path.clone(), damage.clone()));
        }
        let remarks = file.remarks.iter();
        notices.extend(remarks.map(|remark| Notice::remark(path.clone(), remark)));
    }
    let between = assembly.warnings.iter();
    notices.extend(between.map(|warning| Notice::new(None, warning)));
    notices.extend(inputs.left_out.iter().cloned());
    notices
}
