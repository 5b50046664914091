//! Changes of a text as people, editors and enemies make them, the same ones for the same numbers.

/// A change of a text: which kind of it, where, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Mutation {
    /// Its kind, by its number modulo how many kinds there are.
    pub kind: u8,
    /// Which byte, line or word, modulo how many there are.
    pub at: u32,
    /// What is done to it, or put in its place.
    pub with: u32,
}

/// Words that are put in the place of others.
const WORDS: [&str; 32] = [
    "",
    "~",
    "null",
    "true",
    "-",
    "--",
    "-rf",
    "$(reboot)",
    "../..",
    "/etc/passwd",
    "a;b",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    ":",
    "&a",
    "*a",
    "!!int",
    "|",
    "0",
    "-1",
    "99999999999999999999",
    "1e999",
    "nodes",
    "10.88.0.0/33",
    "::1",
    "worker-1",
];

impl Mutation {
    /// The mutations of a random walk that begins with that number.
    pub fn walk(seed: u64) -> impl Iterator<Item = Self> {
        // SplitMix64.
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let [kind, _, _, _, a, b, c, d] = (mixed ^ (mixed >> 31)).to_le_bytes();
            Self {
                kind,
                at: u32::from_le_bytes([a, b, c, d]),
                with: (state >> 32) as u32 ^ u32::from(kind),
            }
        })
    }

    /// The text after the change.
    #[must_use]
    pub fn apply(self, text: &[u8]) -> Vec<u8> {
        match self.kind % 8 {
            0 => self.flip(text),
            1 => self.line(text, |_| Vec::new()),
            2 => self.line(text, |line| [line, line].concat()),
            3 => self.line(text, |line| self.indented(line)),
            4 => self.word(text, |_, words| words.to_vec()),
            5 => self.word(text, |word, _| [word, word].concat()),
            6 => self.moved(text),
            _ => self.other_word(text),
        }
    }

    fn flip(self, text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        let at = self.at as usize % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << (self.with % 8);
        }
        bytes
    }

    /// One line, changed.
    fn line(self, text: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let at = self.at as usize % lines.len().max(1);
        let changed = |(position, line): (usize, &&[u8])| match position == at {
            true => change(line),
            false => line.to_vec(),
        };
        lines.iter().enumerate().flat_map(changed).collect()
    }

    fn indented(self, line: &[u8]) -> Vec<u8> {
        let spaces = line.iter().take_while(|byte| **byte == b' ').count();
        let wanted = match self.with % 4 {
            0 => vec![b'\t'],
            more => vec![b' '; (spaces + more as usize).saturating_sub(2)],
        };
        [&wanted, line.get(spaces..).unwrap_or_default()].concat()
    }

    /// A line at another place.
    fn moved(self, text: &[u8]) -> Vec<u8> {
        let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        if !lines.is_empty() {
            let line = lines.remove(self.at as usize % lines.len());
            lines.insert(self.with as usize % (lines.len() + 1), line);
        }
        lines.concat()
    }

    /// One word, changed by itself and a word that is put in its place.
    fn word(self, text: &[u8], change: impl Fn(&[u8], &[u8]) -> Vec<u8>) -> Vec<u8> {
        let words = words(text);
        let Some(place) = words.get(self.at as usize % words.len().max(1)) else {
            return text.to_vec();
        };
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
        let put = WORDS[self.with as usize % WORDS.len()].as_bytes();
        let changed = change(part(place.clone()), put);
        [part(0..place.start), &changed, part(place.end..text.len())].concat()
    }

    /// A word of the text in the place of another.
    fn other_word(self, text: &[u8]) -> Vec<u8> {
        let words = words(text);
        let other = words.get(self.with as usize % words.len().max(1));
        let other = other.and_then(|place| text.get(place.clone()));
        self.word(text, |_, _| other.unwrap_or_default().to_vec())
    }
}

/// Where words stand: stretches without spaces, brackets and commas.
fn words(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    for (at, byte) in text.iter().chain(b" ").enumerate() {
        if b" \n,{}[]\"".contains(byte) {
            if at > start {
                words.push(start..at);
            }
            start = at + 1;
        }
    }
    words
}
