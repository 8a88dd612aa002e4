//! Randomness that a seed repeats exactly, in this version and in later ones.

/// How much of an id is changed to get another: the last group of a UUID.
const ID_CHARS_CHANGED: u32 = 12;

/// Draws numbers that follow from a seed (`SplitMix64`). Nothing secret may come from it.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The chance of one case in one run: of a run's seed and the case's name alone, so that it is the same
    /// whichever other cases run.
    pub fn of(seed: u64, name: &str) -> Self {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, fold))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An id that looks like `id`: its last letters and digits are others, of the same kind, so that version and variant of a
    /// UUID stay.
    pub fn id_like(&mut self, id: &str) -> String {
        let is_hexadecimal =
            !id.contains(|c: char| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit());
        let letters = if is_hexadecimal { 6 } else { 26 };
        let mut left = ID_CHARS_CHANGED;
        let mut changed: Vec<char> = id.chars().rev().collect();
        for one in changed.iter_mut().filter(|one| one.is_ascii_alphanumeric()) {
            let (first, count) = match *one {
                '0'..='9' => (b'0', 10),
                'a'..='z' => (b'a', letters),
                _ => (b'A', letters),
            };
            let other = self.number() % count;
            *one = char::from(first + u8::try_from(other).unwrap_or_default());
            left -= 1;
            if left == 0 {
                break;
            }
        }
        changed.into_iter().rev().collect()
    }

    /// A word of 16 hexadecimal digits.
    pub fn word(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_repeat_their_numbers_in_every_version() {
        let mut chance = Chance::of(7, "SSF-T-100.created");
        let again = Chance::of(7, "SSF-T-100.created").word();
        assert_eq!(chance.word(), again);
        assert_ne!(chance.word(), again);
        assert_eq!(Chance(0).number(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn another_id_has_the_shape_of_the_first() {
        let mut chance = Chance::of(7, "SSF-T-123.unknown-stream");
        let uuid = "97589e4b-5109-4ed8-b35d-f04badbd13a3";
        let other = chance.id_like(uuid);
        assert_eq!(other[..24], uuid[..24]);
        assert!(other != uuid && other[24..].chars().all(|c| c.is_ascii_hexdigit()));
        let other = chance.id_like("Stream-0001");
        assert!(other != "Stream-0001" && other.starts_with(|c: char| c.is_ascii_uppercase()));
        assert!(other[7..].chars().all(|c| c.is_ascii_digit()), "{other}");
    }

    #[test]
    fn cases_and_seeds_differ() {
        let word = |seed, name| Chance::of(seed, name).word();
        assert_ne!(word(1, "a"), word(2, "a"));
        assert_ne!(word(1, "a"), word(1, "b"));
    }
}
