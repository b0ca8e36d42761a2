//! Places that need not be tried again.

/// Bytes ahead for which dead ends are remembered, one bit each: 16 MiB of memory.
const REMEMBERED_BYTES: u64 = 1 << 27;

/// Offsets that are known to lead nowhere, of those not far ahead.
pub(super) struct Seen {
    words: Vec<u64>,
    /// Those that are not zero, and some that are: what is cleared for the next sweep is no more than what was set.
    used: Vec<usize>,
    /// What lies in front of it is forgotten.
    from: u64,
}

impl Seen {
    pub(super) fn new(len: u64) -> Seen {
        let bytes = len.clamp(1, REMEMBERED_BYTES);
        let words = usize::try_from(bytes.div_ceil(64)).unwrap_or(1);
        Seen {
            words: vec![0; words],
            used: Vec::new(),
            from: 0,
        }
    }

    fn span(&self) -> u64 {
        self.words.len() as u64
    }

    pub(super) fn restart(&mut self, from: u64) {
        for index in self.used.drain(..) {
            if let Some(word) = self.words.get_mut(index) {
                *word = 0;
            }
        }
        self.from = from;
    }

    /// Forgets what lies in front of `at`, which makes room behind.
    pub(super) fn advance(&mut self, at: u64) {
        while self.from / 64 < at / 64 {
            let gone = self.from / 64 % self.span();
            if let Some(word) = usize::try_from(gone)
                .ok()
                .and_then(|at| self.words.get_mut(at))
            {
                *word = 0;
            }
            self.from = (self.from / 64 + 1) * 64;
        }
    }

    fn place(&self, offset: u64) -> Option<(usize, u64)> {
        let word = offset / 64;
        if offset < self.from || word - self.from / 64 >= self.span() {
            return None;
        }
        let index = usize::try_from(word % self.span()).ok()?;
        Some((index, 1 << (offset % 64)))
    }

    pub(super) fn insert(&mut self, offset: u64) {
        if let Some((index, bit)) = self.place(offset)
            && let Some(word) = self.words.get_mut(index)
        {
            if *word == 0 {
                self.used.push(index);
            }
            *word |= bit;
        }
    }

    pub(super) fn contains(&self, offset: u64) -> bool {
        self.place(offset)
            .is_some_and(|(index, bit)| self.words.get(index).is_some_and(|word| word & bit != 0))
    }
}
