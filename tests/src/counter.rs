//! A number in a cluster that somebody counts up all the time: what was acknowledged must never be
//! lost, and what was read must never be newer than what was written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::Lab;

/// How long one request may take. One that takes longer may have been done or not.
const REQUEST: Duration = Duration::from_secs(5);
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(100);
const PATH: &str = "/api/v1/namespaces/default/configmaps/counter";

/// What is known of the number.
#[derive(Debug, Default)]
struct Known {
    /// The highest that the cluster acknowledged.
    acknowledged: AtomicU64,
    /// The highest that was ever asked for.
    asked: AtomicU64,
    /// How often it was counted up, for sure.
    counted: AtomicU64,
    stop: AtomicBool,
    /// What must never be.
    broken: Mutex<Vec<String>>,
    /// The longest time without an acknowledgement since [`Counter::fresh`], and the last one.
    silence: Mutex<Option<(Instant, Duration)>>,
}

impl Known {
    fn acknowledge(&self, value: u64) {
        self.acknowledged.fetch_max(value, Ordering::SeqCst);
        self.counted.fetch_add(1, Ordering::SeqCst);
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (last, longest) = silence.unwrap_or((now, Duration::ZERO));
        *silence = Some((now, longest.max(now.duration_since(last))));
    }

    fn judge(&self, read: u64) {
        let (least, most) = (
            self.acknowledged.load(Ordering::SeqCst),
            self.asked.load(Ordering::SeqCst),
        );
        if read < least || read > most {
            let text = format!("{read} was read: {least} was acknowledged and {most} asked for");
            self.tell(text);
        }
    }

    fn tell(&self, text: String) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.push(text);
    }
}

/// Somebody who counts.
pub struct Counter {
    known: Arc<Known>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// The way to an API server.
struct Api {
    agent: ureq::Agent,
    server: String,
}

impl Counter {
    /// Begins to count in the lab's only cluster. It begins where an earlier counter ended.
    ///
    /// # Panics
    /// Where the cluster does not answer now.
    #[must_use]
    pub fn start(lab: &Lab) -> Self {
        let api = Api::of(lab);
        let first = api.get().expect("the API server answers");
        let value = match first {
            Some((value, _)) => value,
            None => {
                api.create().expect("a new counter");
                0
            }
        };
        let known = Arc::new(Known::default());
        known.acknowledged.store(value, Ordering::SeqCst);
        known.asked.store(value, Ordering::SeqCst);
        let counting = Arc::clone(&known);
        let thread = std::thread::spawn(move || {
            while !counting.stop.load(Ordering::SeqCst) {
                count(&api, &counting);
                std::thread::sleep(PAUSE);
            }
        });
        Self {
            known,
            thread: Some(thread),
        }
    }

    /// How often it was counted up so far, acknowledged.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.known.counted.load(Ordering::SeqCst)
    }

    /// The highest number that was acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.known.acknowledged.load(Ordering::SeqCst)
    }

    /// The longest time without an acknowledgement since this was asked last.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let mut silence = self
            .known
            .silence
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let told = silence.map_or(Duration::ZERO, |(last, longest)| {
            longest.max(now.duration_since(last))
        });
        *silence = Some((now, Duration::ZERO));
        told
    }

    /// What went wrong with the number; nothing, if all is well.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let broken = &self.known.broken;
        broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.known.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads and counts up once. Whatever does not answer leaves it open whether it was counted.
fn count(api: &Api, known: &Known) {
    let (value, version) = match api.get() {
        Ok(Some(found)) => found,
        Ok(None) => return known.tell("the counter is gone".to_owned()),
        Err(_) => return,
    };
    known.judge(value);
    let next = value + 1;
    known.asked.fetch_max(next, Ordering::SeqCst);
    if api.put(next, &version) {
        known.acknowledge(next);
    }
}

impl Api {
    fn of(lab: &Lab) -> Self {
        let ran = lab.credential();
        let told: Value = serde_json::from_str(&ran).expect("a credential");
        let field = |name: &str| {
            let text = told["status"][name].as_str().expect("a part of it");
            text.as_bytes().to_vec()
        };
        let certificate = Certificate::from_pem(&field("clientCertificateData"))
            .expect("a certificate")
            .to_owned();
        let key = PrivateKey::from_pem(&field("clientKeyData")).expect("a key");
        let client = ClientCert::new_with_certs(&[certificate], key);
        let tls = TlsConfig::builder()
            .client_cert(Some(client))
            .root_certs(RootCerts::Specific(Arc::new(vec![])))
            // Whose cluster answers is not the question here; that it lets this client in is.
            .disable_verification(true)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(REQUEST))
            .build();
        Self {
            agent: config.into(),
            server: format!("https://127.0.0.1:{}", lab.api_port()),
        }
    }

    /// The number with its version; `None` where there is none.
    fn get(&self) -> Result<Option<(u64, String)>, ureq::Error> {
        let answer = self.agent.get(format!("{}{PATH}", self.server)).call();
        let mut answer = match answer {
            Err(ureq::Error::StatusCode(404)) => return Ok(None),
            other => other?,
        };
        let text = answer.body_mut().read_to_string()?;
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        let value = told["data"]["count"].as_str().and_then(|n| n.parse().ok());
        let version = told["metadata"]["resourceVersion"].as_str();
        Ok(Some((
            value.unwrap_or_default(),
            version.unwrap_or_default().to_owned(),
        )))
    }

    fn create(&self) -> Result<(), ureq::Error> {
        let folder = PATH.trim_end_matches("/counter");
        let body = object(0, None).to_string();
        self.agent
            .post(format!("{}{folder}", self.server))
            .content_type("application/json")
            .send(&body)
            .map(|_| ())
    }

    /// Whether the new number was acknowledged.
    fn put(&self, value: u64, version: &str) -> bool {
        let body = object(value, Some(version)).to_string();
        let answer = self
            .agent
            .put(format!("{}{PATH}", self.server))
            .content_type("application/json")
            .send(&body);
        answer.is_ok()
    }
}

fn object(value: u64, version: Option<&str>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "counter", "resourceVersion": version },
        "data": { "count": value.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn what_goes_back_or_comes_from_nowhere_is_told() {
        let known = Known::default();
        known.asked.store(6, std::sync::atomic::Ordering::SeqCst);
        known.acknowledge(5);
        known.judge(5);
        known.judge(6);
        assert!(known.broken.lock().unwrap().is_empty());
        known.judge(4);
        known.judge(7);
        assert_eq!(known.broken.lock().unwrap().len(), 2);
    }
}
