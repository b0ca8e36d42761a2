//! Records that a gap may hide, without which what stands behind it is read wrongly.

use super::entrance::Entrance;
use super::judge::{Case, Cut};
use super::run::{Begun, Fate, Mark};
use crate::rdb::{Begins, opcode};

/// Bytes of a gap that are searched for the selector of a database: in more, the same bytes come by chance.
const GAP_SEARCHED_BYTES: u64 = 16 << 10;
/// Databases without keys that may lie between two others; servers have 16 by default.
const DATABASES_SKIPPED_MAX: u64 = 16;

impl Case<'_, '_> {
    /// Whether a short gap seems to hold the selector of a later database, in a file that has several: then what
    /// follows may belong to that.
    pub(super) fn hides_selector(&self, cut: &Cut) -> bool {
        let (db, len) = (self.front.order.db(), cut.to - cut.from);
        let goes_on = self.runs.iter().any(|run| {
            let end = run.database_end(0);
            end.is_some_and(|end| end.begins == Begun::Database)
        });
        if len > GAP_SEARCHED_BYTES || !(db > 0 || goes_on) {
            return false;
        }
        let end = usize::try_from(len).unwrap_or(0);
        let gap = self.ground.reader(cut.from).rest();
        let gap = gap.get(..end).unwrap_or_default();
        gap.windows(3).any(|bytes| match bytes {
            [opcode::SELECTDB, next, opcode::RESIZEDB] => {
                (db + 1..=db + DATABASES_SKIPPED_MAX).contains(&u64::from(*next))
            }
            _ => false,
        })
    }

    /// Whether a hash that refers to a template seems to begin in a gap. If the template is lost, nobody can tell where the
    /// hash ends, and its id and its values can be records: a 0, a name and a string.
    pub(super) fn hides_reference(&self, cut: &Cut) -> bool {
        (cut.from..cut.to).any(|at| self.ground.begins_template_reference(at))
    }

    /// Damage in front of all keys, where reading goes on there as well, to the end and with the right counts: then no
    /// template is lost that a key refers to.
    pub(super) fn in_front_of_keys(&self) -> Option<Cut> {
        let run = self.runs.iter().find(|run| run.fate == Fate::Good)?;
        let behind = |mark: &Mark| mark.offset > self.front.at;
        let is_key = |mark: &Mark| self.ground.begins(mark.offset) == Begins::Key;
        let joins = run.marks.iter().position(behind)?;
        let first = run.marks.get(joins).filter(|mark| !is_key(mark))?;
        let entrance = Entrance {
            run,
            branch: None,
            joins,
        };
        let is_counted = match self.counts() {
            Some(counts) => {
                counts.counted.keys == 0 && entrance.keys(counts.part) == Some(counts.declared)
            }
            None => self
                .next_database()
                .is_some_and(|next| next.to >= first.offset),
        };
        (is_counted && self.front.order.total().keys == 0).then_some(Cut {
            from: self.front.at,
            to: first.offset,
            trouble_at: self.front.at,
            missing: None,
            suspects: Vec::new(),
        })
    }
}
