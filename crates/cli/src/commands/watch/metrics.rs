//! What a watch tells Prometheus of itself.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use model::event::Outcome;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How long a client may take to ask.
const ASK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The numbers, shared with the thread that serves them.
pub(super) struct Metrics {
    rounds: Counter,
    failed: Counter,
    steps: Family<OutcomeLabel, Counter>,
    due: Gauge,
    seconds: Gauge<f64, AtomicU64>,
    last: Gauge,
    registry: Arc<Mutex<Registry>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            rounds: Counter::default(),
            failed: Counter::default(),
            steps: Family::default(),
            due: Gauge::default(),
            seconds: Gauge::default(),
            last: Gauge::default(),
            registry: Arc::default(),
        };
        let mut registry = metrics
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut add = |name: &str, help: &str, metric: &dyn Registered| {
            metric.register(&mut registry, &format!("steading_{name}"), help);
        };
        add(
            "rounds",
            "Rounds of observing and planning",
            &metrics.rounds,
        );
        add(
            "failed_rounds",
            "Rounds that could not be carried through",
            &metrics.failed,
        );
        add(
            "steps",
            "Steps carried out, by how they ended",
            &metrics.steps,
        );
        add(
            "due_steps",
            "Steps that were due in the last round",
            &metrics.due,
        );
        add(
            "round_seconds",
            "How long the last round took",
            &metrics.seconds,
        );
        add(
            "last_round_timestamp_seconds",
            "When the last round ended",
            &metrics.last,
        );
        drop(registry);
        metrics
    }
}

/// A metric that can be told to a registry.
trait Registered {
    fn register(&self, registry: &mut Registry, name: &str, help: &str);
}

impl<M: prometheus_client::registry::Metric + Clone> Registered for M {
    fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.clone());
    }
}

impl Metrics {
    pub(super) fn round(&self, took: Duration, now: Timestamp) {
        self.rounds.inc();
        self.seconds.set(took.as_secs_f64());
        self.last.set(now.as_second());
    }

    pub(super) fn failed_round(&self) {
        self.failed.inc();
    }

    pub(super) fn due(&self, steps: usize) {
        self.due.set(i64::try_from(steps).unwrap_or(i64::MAX));
    }

    pub(super) fn step(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Done | Outcome::AlreadyDone => "done",
            Outcome::Failed { .. } => "failed",
            Outcome::Skipped { .. } => "skipped",
        };
        self.steps.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Serves them from a thread of its own, as long as the program runs. Answers where.
    pub(super) fn serve(&self, address: SocketAddr) -> anyhow::Result<SocketAddr> {
        let listener =
            TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
        let bound = listener.local_addr()?;
        let registry = Arc::clone(&self.registry);
        std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                for client in listener.incoming().flatten() {
                    // One that goes away or says nothing is not worth a word.
                    let _ = answer(client, &registry);
                }
            })?;
        Ok(bound)
    }
}

/// Answers one request. Source of the format: RFC 9112.
fn answer(mut client: TcpStream, registry: &Mutex<Registry>) -> io::Result<()> {
    client.set_read_timeout(Some(ASK))?;
    client.set_write_timeout(Some(ASK))?;
    let mut asked = Vec::new();
    let mut buffer = [0; 1024];
    // A head ends with an empty line; one that does not end soon is no question for this.
    while !asked.ends_with(b"\r\n\r\n") && asked.len() < 8192 {
        match client.read(&mut buffer)? {
            0 => break,
            n => asked.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
    let (status, body) = if asked.starts_with(b"GET /metrics ") {
        let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry).map_err(io::Error::other)?;
        ("200 OK", text)
    } else {
        ("404 Not Found", "metrics are at /metrics\n".to_owned())
    };
    write!(
        client,
        "HTTP/1.1 {status}\r\n\
         Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn what_happened_is_told() {
        let metrics = Metrics::default();
        let at = metrics.serve("127.0.0.1:0".parse().unwrap()).unwrap();
        metrics.round(Duration::from_millis(1500), Timestamp::UNIX_EPOCH);
        metrics.due(3);
        metrics.step(&Outcome::Done);
        metrics.step(&Outcome::Done);
        let told = get(at, "/metrics");
        for line in [
            "HTTP/1.1 200 OK",
            "steading_rounds_total 1",
            "steading_due_steps 3",
            "steading_round_seconds 1.5",
            "steading_steps_total{outcome=\"done\"} 2",
        ] {
            assert!(told.contains(line), "{line}: {told}");
        }
        assert!(get(at, "/").starts_with("HTTP/1.1 404"));
    }
}
