//! Records that follow one another, as far as they matter for what is certain.

use super::count::Count;

/// Keys from which on a run that leads into further damage ends the search for better ones.
pub(super) const SUBSTANTIAL_KEYS: u64 = 64;

/// A record of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) offset: u64,
    /// Keys of the run in front of it.
    pub(super) before: Count,
}

/// A record that ends a scope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    /// Its number in the run.
    pub(super) index: usize,
    /// Keys of the run in front of it.
    pub(super) before: Count,
    pub(super) begins: Begun,
}

/// What begins where a scope ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    Section {
        slot: u64,
    },
    Database,
    /// What stands behind the keys, or nothing.
    Rest,
}

/// Where a run leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// To the end of the snapshot.
    Good,
    /// To an end mark in the middle of the file: it is the content of a value.
    Nested,
    /// To bytes that do not decode, or to a record that cannot be where it is.
    Broken,
}

/// Records that follow one another.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// The records, up to a bound; the first is where the run begins.
    pub(super) marks: Vec<Mark>,
    /// The records that end a scope, up to a bound, and in any case the first that ends a database.
    pub(super) closings: Vec<Closing>,
    /// Slot of the keys in front of the first of them.
    pub(super) slot: Option<u64>,
    /// Whether its keys have an idle time, and a frequency.
    pub(super) habit: Option<(bool, bool)>,
    /// Keys in sections that were seen from their totals to their end.
    pub(super) proven_keys: u64,
    pub(super) total: Count,
    pub(super) fate: Fate,
    /// Whether each of its records leads to the same end, whatever was read in front.
    pub(super) settled: bool,
    /// Where the record lies that could not be read, or the end of the snapshot.
    pub(super) end: u64,
    pub(super) branches: Vec<Branch>,
}

/// Records that lead into a run.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    /// Its own records.
    pub(super) marks: Vec<Mark>,
    /// Keys among them.
    pub(super) own: Count,
    /// Slot of these.
    pub(super) slot: Option<u64>,
    /// The first record of the run that is the branch's as well.
    pub(super) joins: usize,
}

impl Run {
    pub(super) fn at(offset: u64) -> Run {
        Run {
            marks: Vec::new(),
            closings: Vec::new(),
            slot: None,
            habit: None,
            proven_keys: 0,
            total: Count::default(),
            fate: Fate::Broken,
            settled: false,
            end: offset,
            branches: Vec::new(),
        }
    }

    pub(super) fn start(&self) -> u64 {
        self.marks.first().map_or(self.end, |mark| mark.offset)
    }

    /// Whether it needs no other run to be worth reading.
    pub(super) fn is_substantial(&self) -> bool {
        match self.fate {
            Fate::Good => true,
            Fate::Nested => false,
            Fate::Broken => self.total.keys >= SUBSTANTIAL_KEYS || self.proven_keys > 2,
        }
    }

    /// The record that ends the section that a record lies in.
    pub(super) fn section_end(&self, index: usize) -> Option<Closing> {
        let next = self
            .closings
            .partition_point(|closing| closing.index < index);
        self.closings.get(next).copied()
    }

    /// The record that ends the database that a record lies in.
    pub(super) fn database_end(&self, index: usize) -> Option<Closing> {
        let next = self
            .closings
            .partition_point(|closing| closing.index < index);
        let mut closings = self.closings.iter().skip(next);
        let is_end = |closing: &&Closing| !matches!(closing.begins, Begun::Section { .. });
        closings.find(is_end).copied()
    }

    /// The slot of the keys between a record and the end of its section.
    pub(super) fn slot(&self, index: usize) -> Option<u64> {
        let next = self
            .closings
            .partition_point(|closing| closing.index < index);
        match next.checked_sub(1).and_then(|last| self.closings.get(last)) {
            None => self.slot,
            Some(Closing {
                begins: Begun::Section { slot },
                ..
            }) => Some(*slot),
            Some(_) => None,
        }
    }
}
