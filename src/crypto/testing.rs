//! What the tests of the cryptography share: hexadecimal, and reproducible chance.

/// The bytes that a hexadecimal string of a vector means.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    assert!(digits.len().is_multiple_of(2));
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// Chance that repeats itself: the same seed, the same throws (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way after `seed`.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// `data` cut at random places, empty parts among them.
    pub(crate) fn split<'a>(&mut self, mut data: &'a [u8]) -> Vec<&'a [u8]> {
        let mut parts = Vec::new();
        while !data.is_empty() {
            let most = if self.below(3) == 0 { data.len() } else { data.len().min(40) };
            let (part, rest) = data.split_at(self.below(most + 1));
            parts.push(part);
            data = rest;
        }
        parts
    }
}
