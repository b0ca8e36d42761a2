//! The time at which a file says it was written, compared with the expiries of its keys.

use crate::{Claim, ClaimKind, ClaimVerdict, KeyFacts};

/// Counts the keys whose expiry was past when the file was written. No clock is asked: the same file gives the same
/// answer at any time.
#[derive(Default)]
pub(super) struct Expiries {
    written_at_s: Option<i64>,
    /// Keys came before the time of writing was told, or it was told twice: nothing can be compared.
    too_late: bool,
    keys_seen: bool,
    past: u64,
}

impl Expiries {
    pub(super) fn written_at(&mut self, unix_s: i64) {
        match self.written_at_s {
            None => {
                self.written_at_s = Some(unix_s);
                self.too_late |= self.keys_seen;
            }
            Some(first) => self.too_late |= first != unix_s,
        }
    }

    pub(super) fn count(&mut self, key: &KeyFacts<'_>) {
        self.keys_seen = true;
        if let (Some(written_at_s), Some(expires_at_ms)) = (self.written_at_s, key.expires_at_ms) {
            self.past += u64::from(expires_at_ms < written_at_s.saturating_mul(1_000));
        }
    }

    pub(super) fn count_shorts(&mut self, keys: usize, expiries_ms: &[i64]) {
        self.keys_seen |= keys > 0;
        if let Some(written_at_s) = self.written_at_s {
            let written_at_ms = written_at_s.saturating_mul(1_000);
            let is_past = |expires_at_ms: &&i64| **expires_at_ms < written_at_ms;
            self.past += expiries_ms.iter().filter(is_past).count() as u64;
        }
    }

    /// When the file was written, as it tells first.
    pub(super) fn written_at_s(&self) -> Option<i64> {
        self.written_at_s
    }

    /// Keys that had expired when the file was written; `None` when it does not tell the time, or too late.
    pub(super) fn expired_when_written(&self) -> Option<u64> {
        (self.written_at_s.is_some() && !self.too_late).then_some(self.past)
    }

    /// What the comparison comes to; `None` when the file does not tell the time.
    pub(super) fn claim(&self, expiring_keys: u64) -> Option<Claim> {
        let written_at_s = self.written_at_s?;
        Some(Claim {
            kind: ClaimKind::WrittenAt,
            claimed: format!("{written_at_s} (Unix seconds)"),
            found: match self.too_late {
                false => format!("{} of {expiring_keys} expiries were past then", self.past),
                true => format!("{expiring_keys} expiries"),
            },
            verdict: match (self.too_late, self.past) {
                (true, _) => ClaimVerdict::NotComparable("the time stands behind keys, or twice"),
                (false, 0) => ClaimVerdict::Agrees,
                (false, _) => ClaimVerdict::NotComparable(
                    "servers write keys that have expired and were not removed yet; a primary drops them when it \
                     loads the file, a replica keeps them",
                ),
            },
        })
    }
}
