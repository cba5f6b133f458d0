//! Mutations without feedback, for machines without `cargo fuzz`, and for CI.

/// Deterministic pseudo-random numbers (xorshift64*, Vigna 2016).
pub struct Random(u64);

impl Random {
    /// A stream for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// An index below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 33) as usize % n
    }
}

/// Pieces that formats are made of, or trip over.
const PIECES: [&[u8]; 24] = [
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b",",
    b":",
    b"/*",
    b"//",
    b"r#\"",
    b"Some(",
    b"18446744073709551615",
    b"-1",
    b"1e999",
    b"NaN",
    b"\\u{110000}",
    b"\xff",
    b"\0\0\0\0\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\"__metadata__\":{",
    b"\"F16\"",
    b"[0,4]",
];

/// A damaged copy of one of the seeds, of at most `most` bytes.
pub fn mutated(seeds: &[Vec<u8>], most: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => bytes.truncate(at),
            3 => {
                let end = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + random.below(60)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let times = 1 + random.below(4) * random.below(40);
                bytes.splice(at..at, copy.repeat(times));
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let end = (from + random.below(80)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                let times = if random.below(20) == 0 { 1 + random.below(400) } else { 1 };
                bytes.splice(at..at, piece.repeat(times));
            }
        }
    }
    bytes.truncate(most);
    bytes
}

/// Random bytes, which are choices for targets that take choices.
pub fn choices(random: &mut Random) -> Vec<u8> {
    (0..random.below(120)).map(|_| random.below(256) as u8).collect()
}

/// A weight file of a few tensors.
pub fn small_weights() -> Vec<u8> {
    let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b.c":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([0; 12]);
    bytes
}
