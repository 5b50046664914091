//! Asking a lab's cluster by kubectl, as its user would.

use serde_json::Value;

use crate::{Lab, Ran};

impl Lab {
    /// Runs `steading kubectl` with these words about its only cluster.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn kubectl(&self, words: &[&str]) -> Ran {
        // What comes after the lab is kubectl's.
        let rung: &[&str] = if self.replica { &["--replica"] } else { &[] };
        self.run(&[&["kubectl"], rung, &["--lab", "LAB"], words].concat())
    }

    /// What kubectl, which must succeed, answers with these words as JSON.
    ///
    /// # Panics
    /// Where it fails, or its answer is no JSON.
    #[must_use]
    #[track_caller]
    pub fn kubectl_json(&self, words: &[&str]) -> Value {
        let ran = self.kubectl(&[words, &["-o", "json"]].concat()).expect(0);
        serde_json::from_str(&ran.stdout).expect("JSON of kubectl")
    }
}
