//! A real browser without a window, driven by its own protocol over two pipes.
//!
//! The browser reads commands from its file 3 and writes answers to its file 4, each a JSON object
//! with a zero byte behind it (Chromium's `--remote-debugging-pipe`); so there is neither a port
//! that others could reach nor a library between.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What opens the pipes and becomes the browser.
const START: &str = r#"exec chromium-headless-shell "$@" 3<"$PIPES/in" 4>"$PIPES/out""#;

/// A browser with one page.
pub struct Browser {
    child: Child,
    commands: File,
    answers: BufReader<File>,
    session: String,
    number: u64,
    /// What the page said or was refused since it was opened.
    complaints: Vec<String>,
    /// Everything that it loaded since it was opened.
    loaded: Vec<String>,
    _folder: TempDir,
}

impl Browser {
    /// Starts it.
    ///
    /// # Panics
    /// Where there is none: ./test installs it.
    #[must_use]
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        for pipe in ["in", "out"] {
            let made = Command::new("mkfifo")
                .arg(folder.path().join(pipe))
                .status();
            assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        }
        let profile = folder.path().join("profile");
        let child = Command::new("sh")
            .args(["-c", START, "sh", "--remote-debugging-pipe", "--no-sandbox"])
            .args([
                // The shell knows no other way; a whole Chromium of that name does.
                "--headless",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .env("PIPES", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let pipe = |name: &str| folder.path().join(name);
        let commands = File::options()
            .write(true)
            .open(pipe("in"))
            .expect("its pipe");
        let answers = File::open(pipe("out")).expect("its pipe");
        let mut browser = Self {
            child,
            commands,
            answers: BufReader::new(answers),
            session: String::new(),
            number: 0,
            complaints: Vec::new(),
            loaded: Vec::new(),
            _folder: folder,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let to = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &to);
        browser.session = attached["sessionId"]
            .as_str()
            .expect("a session")
            .to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            let _ = browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a file as a person with light or dark colours would.
    ///
    /// # Panics
    /// Where it cannot be opened.
    pub fn open(&mut self, file: &Path, dark: bool) {
        self.complaints.clear();
        self.loaded.clear();
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let _ = self.call("Emulation.setEmulatedMedia", &media);
        let url = format!("file://{}", file.display());
        let begun = self.call("Page.navigate", &json!({ "url": url }));
        assert_eq!(begun.get("errorText"), None, "{url}");
        while self.read()["method"] != "Page.loadEventFired" {}
    }

    /// What an expression gives in the page.
    ///
    /// # Panics
    /// Where it throws.
    pub fn ask(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let given = self.call("Runtime.evaluate", &parameters);
        assert_eq!(given.get("exceptionDetails"), None, "{expression}");
        given["result"]["value"].clone()
    }

    /// Presses a key, such as `ArrowRight`, in what has the focus.
    pub fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            let _ = self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// What the page said on its console, threw, or was refused.
    pub fn complaints(&mut self) -> Vec<String> {
        // What it said before this answer has been read by then.
        let _ = self.ask("0");
        self.complaints.clone()
    }

    /// Every address that it loaded.
    #[must_use]
    pub fn loaded(&self) -> &[String] {
        &self.loaded
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = self.session.clone().into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .expect("the browser listens");
        loop {
            let answer = self.read();
            if answer["id"] == self.number {
                assert_eq!(answer.get("error"), None, "{method}");
                return answer["result"].clone();
            }
        }
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = self
            .answers
            .read_until(0, &mut bytes)
            .expect("the browser answers");
        assert!(read > 0, "the browser ended");
        bytes.pop();
        let message: Value = serde_json::from_slice(&bytes).expect("JSON");
        let of = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.consoleAPICalled") => self.complaints.push(of["args"].to_string()),
            Some("Runtime.exceptionThrown") => {
                self.complaints.push(of["exceptionDetails"].to_string());
            }
            Some("Log.entryAdded") => self.complaints.push(of["entry"]["text"].to_string()),
            Some("Network.requestWillBeSent") => {
                let url = of["request"]["url"].as_str().unwrap_or_default();
                self.loaded.push(url.to_owned());
            }
            _ => {}
        }
        message
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
