//! The totals of slots that a file declares, compared with the keys that follow them.

use std::collections::BTreeMap;

use preshard_parser::SlotInfo;
use preshard_slots::{Slot, SlotSet};

use super::keys_of_which_expiring;
use crate::scan::short::Short;
use crate::{Claim, ClaimKind, ClaimVerdict, KeyFacts, SlotInfoCheck};

/// Most databases whose declared slots are remembered, two kilobytes each.
const DATABASES_MAX: usize = 64;

/// Compares slot totals with the keys that follow them, one section at a time.
///
/// Servers write the totals of a slot in front of its keys, so one set of counters is enough.
#[derive(Default)]
pub(super) struct SlotTotals {
    check: SlotInfoCheck,
    section: Option<Section>,
    first_differing: Option<Section>,
    field_ttls: FieldTtls,
    /// Per database, the slots declared so far.
    seen: BTreeMap<u64, SlotSet>,
    /// The slot declared last, while the database is the same.
    previous: Option<u64>,
    /// The totals of the keys that follow may be lost.
    interrupted: bool,
}

/// The keys behind one slot's totals.
struct Section {
    db: u64,
    declared: SlotInfo,
    keys: u64,
    expiring_keys: u64,
    keys_with_field_ttl: u64,
}

/// Keys with field TTLs, over all slots for which they are declared.
#[derive(Default)]
struct FieldTtls {
    sections: u64,
    declared: u64,
    counted: u64,
    differing: u64,
}

impl SlotTotals {
    pub(super) fn declare(&mut self, db: u64, declared: SlotInfo) {
        self.close();
        self.interrupted = false;
        self.check.declared += 1;
        self.look_at_slot(db, declared.slot);
        self.section = Some(Section {
            db,
            declared,
            keys: 0,
            expiring_keys: 0,
            keys_with_field_ttl: 0,
        });
    }

    fn look_at_slot(&mut self, db: u64, number: u64) {
        let Some(slot) = u16::try_from(number).ok().and_then(Slot::new) else {
            self.check.out_of_range += 1;
            return;
        };
        if self.seen.len() < DATABASES_MAX || self.seen.contains_key(&db) {
            let seen = self.seen.entry(db).or_default();
            if seen.contains(slot) {
                self.check.repeated += 1;
            }
            seen.insert(slot);
        }
        // A repeated slot is told as such, and not as out of order too.
        if self.previous.is_some_and(|previous| number < previous) {
            self.check.out_of_order += 1;
        }
        self.previous = Some(number);
    }

    /// Notes totals that cannot be understood. The keys behind them belong to no section.
    pub(super) fn unreadable(&mut self) {
        self.close();
        self.check.unreadable += 1;
    }

    pub(super) fn count(&mut self, key: &KeyFacts<'_>) {
        match &mut self.section {
            Some(section) if section.declared.slot == u64::from(key.slot.number()) => {
                section.keys += 1;
                section.expiring_keys += u64::from(key.expires_at_ms.is_some());
                section.keys_with_field_ttl += u64::from(key.value.fields_with_ttl > 0);
            }
            None if self.interrupted => {}
            _ => self.check.stray_keys += 1,
        }
    }

    pub(super) fn count_shorts(&mut self, keys: &[Short]) {
        let all = keys.len() as u64;
        let Some(section) = &mut self.section else {
            self.check.stray_keys += if self.interrupted { 0 } else { all };
            return;
        };
        let slot = section.declared.slot;
        let (mut counted, mut expiring) = (0, 0);
        for key in keys {
            let is_counted = u64::from(key.slot_number()) == slot;
            counted += u64::from(is_counted);
            expiring += u64::from(is_counted && key.alike().expires());
        }
        section.keys += counted;
        section.expiring_keys += expiring;
        self.check.stray_keys += all - counted;
    }

    /// Bytes follow of which nothing is known: the section that they interrupt is not compared, and keys behind them
    /// belong to it as long as they are of its slot.
    pub(super) fn interrupt(&mut self) {
        self.interrupted = true;
        self.section = None;
    }

    /// Another database begins.
    pub(super) fn select_database(&mut self) {
        self.close();
        self.previous = None;
    }

    fn close(&mut self) {
        let Some(section) = self.section.take() else {
            return;
        };
        if let Some(declared) = section.declared.keys_with_field_ttl {
            let totals = &mut self.field_ttls;
            totals.sections += 1;
            totals.declared = totals.declared.saturating_add(declared);
            totals.counted += section.keys_with_field_ttl;
            totals.differing += u64::from(declared != section.keys_with_field_ttl);
        }
        if (section.keys, section.expiring_keys) != section.declares() {
            self.check.differing += 1;
            self.first_differing.get_or_insert(section);
        }
    }

    /// The comparison, and what it comes to; `None` when the file declares nothing. A section that damage cut
    /// short is not compared.
    pub(super) fn finish(mut self, complete: bool) -> Option<(SlotInfoCheck, Vec<Claim>)> {
        if complete {
            self.close();
        }
        let check = self.check;
        if check.declared == 0 && check.unreadable == 0 {
            return None;
        }
        let found = self.differences();
        let mut claims = vec![Claim {
            kind: ClaimKind::SlotTotals,
            claimed: format!("totals of {} slots", check.declared + check.unreadable),
            verdict: match (found.is_empty(), complete) {
                (false, _) => ClaimVerdict::Differs,
                (true, true) => ClaimVerdict::Agrees,
                (true, false) => ClaimVerdict::NotComparable(super::NOT_READ_TO_ITS_END),
            },
            found: if found.is_empty() {
                "each equal to its keys".to_owned()
            } else {
                found.join("; ")
            },
        }];
        claims.extend(self.field_ttls.claim(complete));
        Some((check, claims))
    }

    fn differences(&self) -> Vec<String> {
        let check = &self.check;
        let mut found = Vec::new();
        if let Some(first) = &self.first_differing {
            found.push(format!(
                "{} of {} differ, first db {} slot {}: {} declared, {} found",
                check.differing,
                check.declared,
                first.db,
                first.declared.slot,
                keys_of_which_expiring(first.declares()),
                keys_of_which_expiring((first.keys, first.expiring_keys)),
            ));
        }
        for (count, what) in [
            (check.stray_keys, "keys outside the section of their slot"),
            (check.out_of_range, "of slots that there are not"),
            (check.repeated, "of slots declared before"),
            (check.out_of_order, "out of the order of slots"),
            (check.unreadable, "not readable"),
        ] {
            if count > 0 {
                found.push(format!("{count} {what}"));
            }
        }
        found
    }
}

impl FieldTtls {
    fn claim(&self, complete: bool) -> Option<Claim> {
        if self.sections == 0 {
            return None;
        }
        let mut found = format!("{} keys", self.counted);
        if self.differing > 0 {
            found = format!(
                "{found}; {} of {} slots differ",
                self.differing, self.sections
            );
        }
        Some(Claim {
            kind: ClaimKind::FieldTtlTotals,
            claimed: format!("{} keys in {} slots", self.declared, self.sections),
            found,
            verdict: match (self.differing > 0, complete) {
                (true, _) => ClaimVerdict::Differs,
                (false, true) => ClaimVerdict::Agrees,
                (false, false) => ClaimVerdict::NotComparable(super::NOT_READ_TO_ITS_END),
            },
        })
    }
}

impl Section {
    fn declares(&self) -> (u64, u64) {
        (self.declared.keys, self.declared.expiring_keys)
    }
}
