//! Durations as people say them.

/// Seconds as `8 s`, `2 min 5 s`, `1 h 3 min`.
pub(crate) fn rough(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::rough;

    #[test]
    fn two_units_at_most() {
        assert_eq!(rough(8), "8 s");
        assert_eq!(rough(125), "2 min 5 s");
        assert_eq!(rough(120), "2 min");
        assert_eq!(rough(3780), "1 h 3 min");
    }
}
