//! Reading on from a sound place until something is wrong.

use std::collections::VecDeque;

use super::count::Scope;
use super::ground::Ground;
use super::objection::Objection;
use super::order::{Item, Order};
use super::probe::{Prefix, Work, framed_end, prefix, step};
use super::run::Mark;
use crate::Error;
use crate::rdb::Framer;

/// Keys whose places are remembered, for damage that shows only later.
const KEYS_REMEMBERED: usize = 1 << 16;

/// Where reading has come to.
#[derive(Clone)]
pub(super) struct Front<'a> {
    pub(super) framer: Framer,
    pub(super) order: Order<'a>,
    /// Where it began, and what was carried there.
    pub(super) start: u64,
    pub(super) begin: Framer,
    /// The record that is next.
    pub(super) at: u64,
    /// The last keys, up to [`KEYS_REMEMBERED`].
    pub(super) keys: VecDeque<Mark>,
}

/// Why reading came to an end.
pub(super) enum Halt {
    /// The snapshot has ended.
    End,
    /// The record at [`Front::at`] cannot be read, or cannot be there.
    Trouble(Trouble),
}

/// What is wrong with a record.
pub(super) struct Trouble {
    pub(super) error: Error,
    /// What reading it whole showed, had it not been out of order.
    pub(super) objection: Option<Objection>,
    /// Where it ends, although its value cannot be measured.
    pub(super) framed_end: Option<u64>,
}

impl<'a> Front<'a> {
    pub(super) fn new(framer: Framer, order: Order<'a>, start: u64) -> Front<'a> {
        Front {
            begin: framer.clone(),
            framer,
            order,
            start,
            at: start,
            keys: VecDeque::new(),
        }
    }

    pub(super) fn advance(&mut self, ground: &Ground<'a>, work: &mut Work) -> Halt {
        loop {
            if let Some(halt) = self.advance_one(ground, work) {
                return halt;
            }
        }
    }

    /// Reads one record, or says why not.
    fn advance_one(&mut self, ground: &Ground<'a>, work: &mut Work) -> Option<Halt> {
        let step = match step(ground, &mut self.framer, self.at, work) {
            Ok(Some(step)) => step,
            Ok(None) => return Some(Halt::End),
            Err(error) => {
                let error = match work.is_spent() {
                    true => Error::unsupported(self.at, "so much damage in so few bytes"),
                    false => error,
                };
                return Some(Halt::Trouble(Trouble {
                    framed_end: framed_end(ground, &self.framer, self.at, work),
                    error,
                    objection: None,
                }));
            }
        };
        let mark = Mark {
            offset: self.at,
            before: self.order.total(),
        };
        let mut order = self.order.clone();
        let item = match order.admit(ground, &step.record, step.facts.as_ref()) {
            Ok(item) => item,
            // Whatever stands behind it: bytes with this checksum are a snapshot.
            Err(Objection::EarlyEnd) if ground.ends_at(step.record.range.end) => Item::End,
            Err(objection) => {
                self.framer = self.framer.elsewhere(self.order.db());
                return Some(Halt::Trouble(Trouble {
                    error: objection.error(self.at),
                    objection: Some(objection),
                    framed_end: None,
                }));
            }
        };
        if item == Item::Key {
            if self.keys.len() == KEYS_REMEMBERED {
                self.keys.pop_front();
            }
            self.keys.push_back(mark);
        }
        self.order = order;
        self.at = step.record.range.end;
        (item == Item::End).then_some(Halt::End)
    }

    /// Reads on to the record that holds an offset, or to trouble in front of it.
    pub(super) fn advance_to(&mut self, ground: &Ground<'a>, work: &mut Work, offset: u64) {
        while self.at <= offset {
            let before = (self.at, self.framer.clone(), self.order.clone());
            let done = self.advance_one(ground, work).is_some();
            if done || self.at > offset {
                (self.at, self.framer, self.order) = before;
                return;
            }
        }
    }

    /// Begins anew at the record that is next, and forgets the keys in front of it.
    pub(super) fn begin_here(&mut self) {
        self.start = self.at;
        self.begin = self.framer.clone();
        self.keys.clear();
    }

    /// The keys that the file counts together with the next record, if it counts them.
    pub(super) fn scope(&self) -> Option<(Part, Scope)> {
        let counted = |scope: &Scope| scope.whole && scope.declared.is_some();
        let section = self.order.section().filter(|(_, scope)| counted(scope));
        match section {
            Some((slot, scope)) => Some((Part::Section { slot }, scope)),
            None if self.order.has_sections() && self.order.section().is_some() => None,
            None => {
                Some((Part::Database, self.order.database())).filter(|(_, scope)| counted(scope))
            }
        }
    }

    /// The entry that begins at an offset, as far as its value.
    pub(super) fn prefix(&self, ground: &Ground<'a>, at: u64) -> Option<Prefix<'a>> {
        prefix(ground, &self.framer.elsewhere(self.order.db()), at)
    }
}

/// What a scope is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Section { slot: u64 },
    Database,
}
