//! A slot profile as it is saved: the rows that hold something, checked before anything rests on them.

use preshard_memory::Tables;
use preshard_slots::{Slot, SlotSet};

use crate::{NamedKey, SlotFacts, SlotProfile};

/// The rows of a [`SlotProfile`] that hold something.
///
/// What a file says of them is a claim: [`SlotRows::check`] tells whether they can be rows of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRows {
    /// As [`SlotProfile::cost_profile`].
    pub cost_profile: String,
    /// As [`SlotProfile::tables`].
    pub tables: Tables,
    /// As [`SlotProfile::floor_block_ns`].
    pub floor_block_ns: u64,
    /// As [`SlotProfile::floor_payload_bytes`].
    pub floor_payload_bytes: u64,
    /// The slots with keys, ascending.
    pub slots: Vec<(Slot, SlotFacts)>,
    /// As [`SlotProfile::named`].
    pub named: Vec<NamedKey>,
    /// As [`SlotProfile::names_dropped`].
    pub names_dropped: u64,
}

/// Rows that cannot be those of a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct BadRows {
    /// `slot 17`, `named key 3`...
    pub place: String,
    /// What must be there.
    pub expected: String,
    /// What is.
    pub found: String,
}

/// Most that any sum over the rows of a file may come to: four petabytes, or a block of 52 days. Sums over some thousand
/// files fit 64 bits then.
const SUM_MAX: u64 = 1 << 52;

impl SlotRows {
    /// The rows of a profile that hold something.
    pub fn of(profile: &SlotProfile) -> SlotRows {
        SlotRows {
            cost_profile: profile.cost_profile.clone(),
            tables: profile.tables,
            floor_block_ns: profile.floor_block_ns,
            floor_payload_bytes: profile.floor_payload_bytes,
            slots: profile
                .slots_with_keys()
                .iter()
                .map(|slot| (slot, profile.slot(slot).clone()))
                .collect(),
            named: profile.named().to_vec(),
            names_dropped: profile.names_dropped(),
        }
    }

    /// The slots that hold keys.
    pub fn slots_with_keys(&self) -> SlotSet {
        self.slots.iter().map(|&(slot, _)| slot).collect()
    }

    /// The profile that has these rows.
    pub fn into_profile(self) -> SlotProfile {
        let mut profile = SlotProfile::new(
            &self.cost_profile,
            self.tables,
            self.floor_block_ns,
            self.floor_payload_bytes,
        );
        for (slot, facts) in &self.slots {
            profile.add_slot(*slot, facts);
        }
        profile.add_names(self.named, self.names_dropped);
        profile
    }

    /// Raises the floors from which on keys are listed by name: the rows are then those of a scan with these floors.
    /// Lower ones than there are change nothing.
    ///
    /// Of rows that a cap has left names out of, it stays unknown how many of those lie above the new floors.
    pub fn raise_floors(&mut self, block_ns: u64, payload_bytes: u64) {
        self.floor_block_ns = self.floor_block_ns.max(block_ns);
        self.floor_payload_bytes = self.floor_payload_bytes.max(payload_bytes);
        let (block_ns, payload_bytes) = (self.floor_block_ns, self.floor_payload_bytes);
        let slots = &mut self.slots;
        self.named.retain(|key| {
            let stays = key.is_above(block_ns, payload_bytes);
            if !stays && let Ok(at) = slots.binary_search_by_key(&key.slot, |&(slot, _)| slot) {
                let unnamed = &mut slots[at].1.unnamed;
                unnamed.add_keys(1, key.cost, key.sizes.payload_bytes);
            }
            stays
        });
    }

    /// Whether these can be the rows of a profile: in order, counted alike, no sum beyond what a cluster can hold.
    ///
    /// # Errors
    /// [`BadRows`] names the first place that is wrong.
    pub fn check(&self) -> Result<(), BadRows> {
        self.check_order()?;
        let mut named = NamedOfSlot::all(self)?;
        let mut sums = Sums::default();
        for (slot, facts) in &self.slots {
            let named = named.remove(slot).unwrap_or_default();
            check_slot(facts, &named).map_err(|(expected, found)| BadRows {
                place: format!("slot {}", slot.number()),
                expected,
                found,
            })?;
            sums.add(facts)?;
        }
        match named.into_keys().next() {
            Some(slot) => Err(BadRows {
                place: format!("slot {}", slot.number()),
                expected: "a row, because a named key lies in it".to_owned(),
                found: "none".to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn check_order(&self) -> Result<(), BadRows> {
        for pair in self.slots.windows(2) {
            if pair[0].0 >= pair[1].0 {
                return Err(BadRows {
                    place: format!("slot {}", pair[1].0.number()),
                    expected: format!("a slot above {}", pair[0].0.number()),
                    found: pair[1].0.number().to_string(),
                });
            }
        }
        let names_max = SlotProfile::NAMES_MAX;
        if self.named.len() > names_max {
            return Err(BadRows {
                place: "named keys".to_owned(),
                expected: format!("at most {names_max}"),
                found: self.named.len().to_string(),
            });
        }
        let disorder = self
            .named
            .windows(2)
            .position(|pair| pair[0].rank(&pair[1]).is_gt());
        match disorder {
            Some(at) => Err(BadRows {
                place: format!("named key {}", at + 2),
                expected: "a key no worse than the one before".to_owned(),
                found: format!("{} ns", self.named[at + 1].cost.block_ns),
            }),
            None => Ok(()),
        }
    }
}

/// What the named keys of one slot say of it.
#[derive(Debug, Clone, Copy, Default)]
struct NamedOfSlot {
    keys: u64,
    payload_bytes: u64,
    largest_payload_bytes: u64,
    worst_block_ns: u64,
}

impl NamedOfSlot {
    fn all(rows: &SlotRows) -> Result<std::collections::BTreeMap<Slot, NamedOfSlot>, BadRows> {
        let mut all = std::collections::BTreeMap::<Slot, NamedOfSlot>::new();
        for (at, key) in rows.named.iter().enumerate() {
            let refuse = |expected: String, found: String| {
                Err(BadRows {
                    place: format!("named key {}", at + 1),
                    expected,
                    found,
                })
            };
            if key.key.0.len() > SlotProfile::NAME_BYTES_MAX {
                return refuse(
                    format!("a name of at most {} bytes", SlotProfile::NAME_BYTES_MAX),
                    format!("{} bytes", key.key.0.len()),
                );
            }
            if !key.is_above(rows.floor_block_ns, rows.floor_payload_bytes) {
                return refuse(
                    format!(
                        "a block of {} ns or a payload of {} bytes at least",
                        rows.floor_block_ns, rows.floor_payload_bytes
                    ),
                    format!(
                        "{} ns and {} bytes",
                        key.cost.block_ns, key.sizes.payload_bytes
                    ),
                );
            }
            let slot = all.entry(key.slot).or_default();
            slot.keys += 1;
            slot.payload_bytes = slot.payload_bytes.saturating_add(key.sizes.payload_bytes);
            slot.largest_payload_bytes = slot.largest_payload_bytes.max(key.sizes.payload_bytes);
            slot.worst_block_ns = slot.worst_block_ns.max(key.cost.block_ns);
        }
        Ok(all)
    }
}

/// What is expected and found where the row of a slot contradicts itself or its named keys.
fn check_slot(facts: &SlotFacts, named: &NamedOfSlot) -> Result<(), (String, String)> {
    let demand = |holds: bool, expected: &dyn Fn() -> String, found: u64| match holds {
        true => Ok(()),
        false => Err((expected(), found.to_string())),
    };
    let bins = facts.unnamed.bins();
    let unnamed = bins
        .iter()
        .try_fold(0u64, |sum, bin| sum.checked_add(bin.keys));
    let described = unnamed.and_then(|unnamed| unnamed.checked_add(named.keys));
    demand(
        facts.keys > 0,
        &|| "at least one key".to_owned(),
        facts.keys,
    )?;
    demand(
        described == Some(facts.keys),
        &|| match described {
            Some(keys) => format!("{keys} keys, as its bins and named keys count"),
            None => "bins whose keys can be summed".to_owned(),
        },
        facts.keys,
    )?;
    for (what, part) in [
        ("expiring keys", facts.expiring_keys),
        ("keys with expiring fields", facts.keys_with_expiring_fields),
        ("keys of unknown memory", facts.memory_unknown_keys),
    ] {
        demand(
            part <= facts.keys,
            &|| format!("at most {} {what}", facts.keys),
            part,
        )?;
    }
    demand(
        facts.payload_bytes >= named.payload_bytes.max(facts.largest_payload_bytes),
        &|| {
            let least = named.payload_bytes.max(facts.largest_payload_bytes);
            format!("a payload of at least {least} bytes, as its keys have")
        },
        facts.payload_bytes,
    )?;
    let of_bins = |of: fn(&crate::CostBin) -> u64| bins.iter().map(of).max().unwrap_or(0);
    let largest = named
        .largest_payload_bytes
        .max(of_bins(|bin| bin.payload_bytes_max));
    demand(
        facts.largest_payload_bytes == largest,
        &|| format!("a largest payload of {largest} bytes, as its keys have"),
        facts.largest_payload_bytes,
    )?;
    // A bin tells its costs within an eighth: the worst key is named, or lies in the last bin.
    let least = named
        .worst_block_ns
        .max(of_bins(crate::CostBin::block_ns_min));
    let most = named
        .worst_block_ns
        .max(of_bins(crate::CostBin::block_ns_max));
    demand(
        (least..=most).contains(&facts.worst_block_ns),
        &|| format!("a worst block of {least} to {most} ns, as its keys have"),
        facts.worst_block_ns,
    )?;
    demand(
        facts.block_ns >= facts.worst_block_ns,
        &|| {
            format!(
                "a block of at least {} ns, as its worst key has",
                facts.worst_block_ns
            )
        },
        facts.block_ns,
    )
}

/// Sums over all rows.
#[derive(Default)]
struct Sums([u64; 5]);

impl Sums {
    fn add(&mut self, facts: &SlotFacts) -> Result<(), BadRows> {
        let values = [
            ("keys", facts.keys),
            ("serialized bytes", facts.serialized_bytes),
            ("payload bytes", facts.payload_bytes),
            ("memory bytes", facts.memory_bytes_estimate),
            ("nanoseconds of block", facts.block_ns),
        ];
        for (sum, (what, value)) in self.0.iter_mut().zip(values) {
            *sum = sum.saturating_add(value);
            if *sum > SUM_MAX {
                return Err(BadRows {
                    place: "the sum over all slots".to_owned(),
                    expected: format!("at most {SUM_MAX} {what}"),
                    found: sum.to_string(),
                });
            }
        }
        Ok(())
    }
}
