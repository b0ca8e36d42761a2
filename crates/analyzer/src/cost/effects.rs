//! Settings and circumstances that change what a move costs.

use super::CostProfile;
use super::class::CostClass;
use super::fit::Fit;

/// What is known of the servers and of how the keys are moved, where it is not as it was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CostEffects {
    /// `rdbcompression` of the sources; measured with yes.
    pub rdbcompression: Option<bool>,
    /// `lazyfree-lazy-server-del` of the sources; measured with its default, no on Redis and yes on Valkey 8 and later.
    pub lazyfree_lazy_server_del: Option<bool>,
    /// MIGRATE with COPY: the source deletes nothing.
    pub copy: bool,
    /// Bits per second between source and target; measured on loopback.
    pub bandwidth_bits: Option<u64>,
    /// Nanoseconds that a question and its answer take between them; measured on loopback.
    pub round_trip_ns: Option<u64>,
    /// How many times as long a byte takes with TLS, in thousandths. Not measured on any server.
    pub tls_permille: Option<u32>,
}

/// What a byte takes on loopback, which is part of what was measured: about 1 ns.
const LOOPBACK_BYTE_PS: u64 = 1_000;
const PS_PER_SECOND: u128 = 1_000_000_000_000;

impl CostEffects {
    /// The settings among these that a saved configuration holds; what is stated already stays.
    pub fn or_settings(mut self, text: &str) -> CostEffects {
        let yes = |name| {
            let value = preshard_memory::Settings::find(text, name)?;
            match value.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            }
        };
        self.rdbcompression = self.rdbcompression.or_else(|| yes("rdbcompression"));
        self.lazyfree_lazy_server_del = self
            .lazyfree_lazy_server_del
            .or_else(|| yes("lazyfree-lazy-server-del"));
        self
    }

    /// Picoseconds that each byte of a payload takes beyond what was measured.
    fn transfer_byte_ps(&self) -> u64 {
        let network = match self.bandwidth_bits {
            None | Some(0) => 0,
            Some(bits) => (8 * PS_PER_SECOND).div_ceil(u128::from(bits)),
        };
        let network = u64::try_from(network).unwrap_or(u64::MAX);
        let beyond_plain = u64::from(self.tls_permille.unwrap_or(1_000).saturating_sub(1_000));
        let tls = network
            .saturating_add(LOOPBACK_BYTE_PS)
            .saturating_mul(beyond_plain)
            .div_ceil(1_000);
        network.saturating_add(tls)
    }

    /// Each that was stated, in words.
    fn words(&self) -> Vec<String> {
        let word = |on: bool| if on { "yes" } else { "no" };
        let mut words = Vec::new();
        if let Some(on) = self.rdbcompression {
            words.push(format!("rdbcompression {}", word(on)));
        }
        if let Some(on) = self.lazyfree_lazy_server_del {
            words.push(format!("lazyfree-lazy-server-del {}", word(on)));
        }
        if self.copy {
            words.push("MIGRATE COPY".to_owned());
        }
        if let Some(bits) = self.bandwidth_bits {
            words.push(format!("bandwidth {} Mbit/s", decimal(bits, 1_000_000)));
        }
        if let Some(ns) = self.round_trip_ns {
            words.push(format!("round trip {} ms", decimal(ns, 1_000_000)));
        }
        if let Some(permille) = self.tls_permille {
            words.push(format!(
                "TLS factor {}",
                decimal(u64::from(permille), 1_000)
            ));
        }
        words
    }
}

impl CostProfile {
    /// The profile under these settings: what they take off each fit is what was measured to hang on them, and its
    /// name and basis say so. Range factors stay those of the fits.
    pub fn under(&self, effects: &CostEffects) -> CostProfile {
        let mut under = self.clone();
        under.effects = effects.words();
        let mut changed = Vec::new();
        let mut bases = Vec::new();

        let frees = match (effects.copy, effects.lazyfree_lazy_server_del) {
            (true, _) => Some(true),
            (false, lazily) => lazily,
        };
        let free_word = match effects.copy {
            true => "MIGRATE COPY".to_owned(),
            false => match frees {
                Some(true) => "lazyfree-lazy-server-del yes".to_owned(),
                _ => "lazyfree-lazy-server-del no".to_owned(),
            },
        };
        match frees {
            Some(true) if self.some_free_at_once => {
                under.each_block(|fit| fit.less(fit.changes.without_del));
                bases.push(format!(
                    "{free_word}: less the deletion ({})",
                    self.del_basis
                ));
                changed.push(free_word);
            }
            Some(false) if self.some_free_lazily => {
                under.each_block(|fit| fit.plus(fit.changes.with_del));
                bases.push(format!(
                    "{free_word}: with the deletion ({})",
                    self.del_basis
                ));
                changed.push(free_word);
            }
            _ => {}
        }
        if effects.rdbcompression == Some(false) {
            under.each_block(|fit| fit.less(fit.changes.without_compression));
            // What compressed well is carried whole, as any string.
            under.classes[CostClass::CompressedString.index()] =
                under.classes[CostClass::String.index()].clone();
            under.is_uncompressed = true;
            bases.push(format!(
                "rdbcompression no: less the attempts to compress long strings ({}; not known of lists, streams and \
                 blobs, which are left as they are); payloads are those of the snapshot, and those of values that compress \
                 are larger then",
                self.compression_basis
            ));
            changed.push("rdbcompression no".to_owned());
        }
        under.transfer_byte_ps = effects.transfer_byte_ps();
        let stated = under.effects.iter();
        let of_network = stated.filter(|word| {
            let of = ["bandwidth", "round trip", "TLS"];
            of.iter().any(|start| word.starts_with(start))
        });
        changed.extend(of_network.cloned());
        if effects.bandwidth_bits.is_some() {
            bases.push(format!(
                "bandwidth: {} ns for each byte of payload besides loopback",
                decimal(ns_of_byte(effects.bandwidth_bits), 1_000)
            ));
        }
        if let Some(round_trip_ns) = effects.round_trip_ns {
            under.call_ns = under.call_ns.saturating_add(round_trip_ns);
            bases.push("round trip: once for each call".to_owned());
        }
        if effects.tls_permille.is_some() {
            bases.push("TLS: not measured, the stated factor on the transfer".to_owned());
        }
        if !changed.is_empty() {
            under.name = format!("{} with {}", under.name, changed.join(", "));
            under.basis = format!("{}; {}", under.basis, bases.join("; "));
        }
        under
    }

    fn each_block(&mut self, change: fn(&mut Fit)) {
        for fits in &mut self.classes {
            fits.block.iter_mut().for_each(change);
        }
    }
}

fn ns_of_byte(bandwidth_bits: Option<u64>) -> u64 {
    CostEffects {
        bandwidth_bits,
        ..CostEffects::default()
    }
    .transfer_byte_ps()
}

/// A quotient as a decimal number, to a thousandth, without zeros at its end.
fn decimal(number: u64, unit: u64) -> String {
    let thousandths = u128::from(number) * 1_000 / u128::from(unit);
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
