//! Chance that can be had again.

/// Chance from a seed: splitmix64 (Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall alike from one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound; 0 where the bound is.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() >> 16).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }

    /// One of several; none of none.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}
