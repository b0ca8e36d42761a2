//! Numbers and texts from a seed, the same everywhere.

const WORDS: [&str; 32] = [
    "apple", "basket", "candle", "delta", "ember", "forest", "garden", "harbor", "island",
    "jacket", "kettle", "lantern", "meadow", "needle", "orange", "pepper", "quartz", "ribbon",
    "saddle", "timber", "umber", "velvet", "walnut", "yellow", "zephyr", "anchor", "bottle",
    "copper", "drawer", "engine", "feather", "granite",
];

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; its slight bias towards small ones does not matter here.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len() as u64) as usize]
    }

    pub(crate) fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 8);
        while text.len() < length {
            text.push_str(self.word());
            text.push(' ');
        }
        text.truncate(length);
        text
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}
