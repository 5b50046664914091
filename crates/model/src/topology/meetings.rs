//! Who has met whom, of many: rows of bits, one row for each.

/// Pairs out of some things, each also with itself, that have met. To look at every pair of
/// thousands of nodes and at what both have would cost seconds.
pub(super) struct Meetings {
    rows: Vec<Vec<u64>>,
}

impl Meetings {
    pub(super) fn of(count: usize) -> Self {
        Self {
            rows: vec![vec![0; count.div_ceil(64)]; count],
        }
    }

    /// All of these meet each other and themselves; whether any two had not met before.
    pub(super) fn meet(&mut self, all: &[usize]) -> bool {
        let mut those = vec![0_u64; self.rows.len().div_ceil(64)];
        for one in all {
            if let Some(bits) = those.get_mut(one / 64) {
                *bits |= 1 << (one % 64);
            }
        }
        let mut new = false;
        for one in all {
            for (met, bits) in self.rows.get_mut(*one).into_iter().flatten().zip(&those) {
                new |= *met & *bits != *bits;
                *met |= *bits;
            }
        }
        new
    }

    /// The first two that have not met, in the order of their positions; both are the same where
    /// one has not met itself.
    pub(super) fn apart(&self) -> Option<(usize, usize)> {
        self.rows.iter().enumerate().find_map(|(one, row)| {
            let met = |other: &usize| {
                let bits = row.get(other / 64).copied().unwrap_or_default();
                bits & 1 << (other % 64) != 0
            };
            let other = (one..self.rows.len()).find(|other| !met(other))?;
            Some((one, other))
        })
    }
}

#[test]
fn pairs_are_apart_until_they_meet() {
    let mut meetings = Meetings::of(70);
    assert_eq!(meetings.apart(), Some((0, 0)));
    assert!(meetings.meet(&(0..69).collect::<Vec<_>>()));
    assert!(!meetings.meet(&[3, 66]));
    assert_eq!(meetings.apart(), Some((0, 69)));
    assert!(meetings.meet(&[0, 69]));
    assert_eq!(meetings.apart(), Some((1, 69)));
    assert!(meetings.meet(&(0..70).collect::<Vec<_>>()));
    assert_eq!(meetings.apart(), None);
}
