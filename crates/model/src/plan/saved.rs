//! Reading a saved plan, within bounds.

use serde::Deserialize;

use super::Plan;

/// No saved plan is larger, in bytes; what is beyond need not be read.
pub const MOST_BYTES: usize = 8 << 20;
/// No saved plan holds more values: they are what costs memory.
const MOST_VALUES: usize = 250_000;

/// Why a file is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPlan {
    /// It is larger than a plan.
    #[error("it is larger than {MOST_BYTES} bytes or {MOST_VALUES} values")]
    TooLarge,
    /// Another version of this program wrote it.
    #[error("it has the format {0}; this program reads the format {format}", format = Plan::FORMAT)]
    Format(u32),
    /// It is not JSON, or not that of a plan.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl Plan {
    /// Reads a saved plan.
    ///
    /// # Errors
    /// [`InvalidPlan`]; what is no JSON of a plan with its line and column.
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidPlan> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        if bytes.len() > MOST_BYTES || values(bytes) > MOST_VALUES {
            return Err(InvalidPlan::TooLarge);
        }
        // First, because another format has other fields.
        let version: Version = serde_json::from_slice(bytes)?;
        if version.format != Self::FORMAT {
            return Err(InvalidPlan::Format(version.format));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// How many values JSON holds at most: each but the first stands behind one of these characters.
fn values(json: &[u8]) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let mut count = 1;
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' | b':' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{InvalidPlan, MOST_BYTES, MOST_VALUES, Plan, values};

    #[test]
    fn what_is_no_plan_is_refused() {
        for large in ["[".repeat(MOST_VALUES), " ".repeat(MOST_BYTES + 1)] {
            let read = Plan::from_json(large.as_bytes());
            assert!(matches!(read, Err(InvalidPlan::TooLarge)));
        }
        let later = Plan::from_json(br#"{ "format": 7, "other": [] }"#);
        assert!(matches!(later, Err(InvalidPlan::Format(7))));
        for (text, place) in [
            ("", "line 1 column 0"),
            ("{\n  \"format\": 1,\n  \"steps\": x }", "line 3 column 12"),
            ("{ \"format\": 1 }", "line 1 column 15"),
        ] {
            let error = Plan::from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(error.ends_with(place), "{error}");
        }
        let deep = format!("{{ \"format\": 1, \"seen\": {}", "[".repeat(100_000));
        assert!(Plan::from_json(deep.as_bytes()).is_err());
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        assert_eq!(values(br#"{"a": [1, 2], "b\",[": ",,,"}"#), 7);
    }
}
