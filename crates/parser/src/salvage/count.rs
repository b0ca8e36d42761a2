//! Keys that are counted together.

/// A number of keys, and how many of them expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) keys: u64,
    pub(super) expiring: u64,
}

impl Count {
    pub(super) fn new(keys: u64, expiring: u64) -> Count {
        Count { keys, expiring }
    }

    pub(super) fn add(&mut self, expiring: bool) {
        self.keys += 1;
        self.expiring += u64::from(expiring);
    }

    pub(super) fn minus(self, other: Count) -> Count {
        Count {
            keys: self.keys.saturating_sub(other.keys),
            expiring: self.expiring.saturating_sub(other.expiring),
        }
    }

    pub(super) fn plus(self, other: Count) -> Count {
        Count {
            keys: self.keys.saturating_add(other.keys),
            expiring: self.expiring.saturating_add(other.expiring),
        }
    }
}

/// Keys that the file declares together: those of a database, or of a slot in it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    pub(super) declared: Option<Count>,
    pub(super) counted: Count,
    /// Its keys were counted from the first on.
    pub(super) whole: bool,
    /// Bytes of gaps in it that may have held keys.
    pub(super) gap_bytes: u64,
}

impl Scope {
    pub(super) fn declared(keys: u64, expiring: u64) -> Scope {
        Scope {
            declared: Some(Count::new(keys, expiring)),
            counted: Count::default(),
            whole: true,
            gap_bytes: 0,
        }
    }
}

/// Whether keys carry what the eviction policy needs: servers write it for each key, or for none (redis
/// `src/rdb.c`, `rdbSaveKeyValuePair`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Habit {
    pub(super) keys: u64,
    pub(super) idle: u64,
    pub(super) freq: u64,
}

impl Habit {
    pub(super) fn add(&mut self, idle: bool, freq: bool) {
        self.keys += 1;
        self.idle += u64::from(idle);
        self.freq += u64::from(freq);
    }

    pub(super) fn allows(self, idle: bool, freq: bool) -> bool {
        let fits = |times: u64, has: bool| match times {
            0 => !has,
            times if times == self.keys => has,
            _ => true,
        };
        self.keys == 0 || (fits(self.idle, idle) && fits(self.freq, freq))
    }
}
