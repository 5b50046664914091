//! Connections to the API servers of a lab's clusters.
//!
//! A connection goes to the forward `<cluster>-api` on 127.0.0.1, trusts only the cluster's own
//! authority and carries a certificate that lives an hour and exists only in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use driver::{DriverError, Scope};
use jiff::Timestamp;
use kube::client::Client;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use model::name::Name;
use model::plan::LabId;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::kinds::Kinds;
use super::object::MANAGER;
use crate::Forwards;
use crate::kubeadm::pki::{ClusterIdentity, SecretStore};

/// How long the certificate of a connection is valid.
const CERTIFICATE: Duration = Duration::from_secs(3600);
/// When a connection is made anew, well before its certificate ends.
const RENEW: Duration = Duration::from_secs(2700);
/// An API server that does not even take the connection is not there.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one request may take.
pub(crate) const REQUEST: Duration = Duration::from_secs(10);
/// How long a request is repeated that meets a control plane in change: an API server that starts
/// anew, an etcd that elects a leader, an address that goes from one holder to the next. All of
/// these take a few seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries of a patient request.
const AGAIN: Duration = Duration::from_millis(300);
/// Requests under way at once: enough to hide latency, few enough for a small control plane.
const PARALLEL: usize = 16;

/// Why a request to an API server failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// It could not be asked.
    #[error("the API server does not answer: {0}")]
    Unreachable(String),
    /// It answered with a refusal.
    #[error("{message}")]
    Status {
        /// HTTP status.
        code: u16,
        /// Its reason word, such as `NotFound`.
        reason: String,
        /// Its explanation.
        message: String,
    },
    /// Its answer could not be understood.
    #[error("the API server's answer is not understood: {0}")]
    Answer(String),
}

impl ApiError {
    /// Whether it says that the thing is not there.
    pub(crate) fn not_found(&self) -> bool {
        matches!(self, Self::Status { code: 404, .. })
    }

    /// Whether asking again may help: the server starts, stops or is overloaded.
    pub(crate) fn passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Status {
                    code: 409 | 429 | 500 | 502 | 503 | 504,
                    ..
                }
        )
    }

    /// Whether the control plane is in change, and the same request will do in a moment. A conflict
    /// is not that: it takes another look. Neither is an answer of a webhook or of a pod.
    fn in_change(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status { code, message, .. } => match code {
                429 | 502 | 504 => true,
                500 => message.contains("etcdserver:") || message.contains("context deadline"),
                503 => !message.contains("webhook"),
                _ => false,
            },
            Self::Answer(_) => false,
        }
    }

    /// Whether a Service's address is taken: by another Service, or by this one in a request that
    /// the server still handles or takes back, because who sent it was killed meanwhile. The second
    /// passes. Source: Kubernetes, `pkg/registry/core/service/ipallocator`.
    pub(crate) fn address_taken(&self) -> bool {
        matches!(
            self,
            Self::Status { code: 422, message, .. }
                if message.contains("provided IP is already allocated")
        )
    }

    /// As the error of an operation.
    pub(crate) fn during(self, what: impl Into<String>) -> DriverError {
        DriverError::new(what).caused_by(self)
    }
}

/// A request to an API server.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: http::Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// How long one try may take.
    limit: Duration,
    /// For how long tries that meet a control plane in change are repeated.
    patience: Duration,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: http::Method::GET,
            path: path.into(),
            content_type: "application/json",
            body: Vec::new(),
            limit: REQUEST,
            patience: PATIENCE,
        }
    }

    pub(crate) fn with(
        method: http::Method,
        path: impl Into<String>,
        content_type: &'static str,
        body: &Value,
    ) -> Self {
        Self {
            method,
            path: path.into(),
            content_type,
            body: body.to_string().into_bytes(),
            limit: REQUEST,
            patience: PATIENCE,
        }
    }

    /// The same, tried once: for looks, which tell what is now, and for what somebody else repeats.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        (self.limit, self.patience) = (limit, Duration::ZERO);
        self
    }

    /// Server-side apply with our field manager. Conflicts are forced: callers have made sure that
    /// the object is ours or not there. A dry one changes nothing and answers what it would make.
    pub(crate) fn apply(path: &str, object: &Value, dry: bool) -> Self {
        let dry = if dry { "&dryRun=All" } else { "" };
        Self::with(
            http::Method::PATCH,
            format!("{path}?fieldManager={MANAGER}&force=true{dry}"),
            "application/apply-patch+yaml",
            object,
        )
    }
}

/// The clusters of labs, by name, connected when they are first needed.
pub struct Clusters {
    forwards: Arc<dyn Forwards>,
    secrets: Arc<dyn SecretStore>,
    runtime: Arc<Runtime>,
    open: Mutex<BTreeMap<(LabId, Name), Open>>,
}

struct Open {
    port: u16,
    since: Instant,
    cluster: Arc<Cluster>,
}

/// A connection to one cluster.
pub(crate) struct Cluster {
    client: Client,
    runtime: Arc<Runtime>,
    pub(crate) kinds: Mutex<Kinds>,
}

impl Clusters {
    /// Connections through these forwards, with the identities of this store.
    ///
    /// # Errors
    /// Where no thread for them can be started.
    pub fn new(
        forwards: Arc<dyn Forwards>,
        secrets: Arc<dyn SecretStore>,
    ) -> Result<Self, DriverError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kube")
            .enable_all()
            .build()
            .map_err(|error| DriverError::new("starting the Kubernetes client").caused_by(error))?;
        Ok(Self {
            forwards,
            secrets,
            runtime: Arc::new(runtime),
            open: Mutex::default(),
        })
    }

    /// Every cluster of the lab that has a forward to its API server now.
    pub(crate) fn forwarded(&self, scope: &Scope) -> Result<Vec<Name>, DriverError> {
        let listening = self.forwards.listening(scope)?;
        Ok(listening
            .keys()
            .filter_map(|name| name.as_str().strip_suffix("-api")?.parse().ok())
            .collect())
    }

    /// Whether the cluster has an identity, that is, was ever begun.
    pub(crate) fn known(&self, name: &Name) -> Result<bool, DriverError> {
        Ok(ClusterIdentity::load(&*self.secrets, name)?.is_some())
    }

    /// A connection to a cluster. Nothing is sent yet.
    pub(crate) fn connect(&self, scope: &Scope, name: &Name) -> Result<Arc<Cluster>, DriverError> {
        let failed = || DriverError::new(format!("connecting to cluster {name}"));
        let forward = format!("{name}-api");
        let port = self
            .forwards
            .listening_port(scope, &forward)?
            .ok_or_else(|| failed().caused_by(format!("forward/{forward} does not listen")))?;
        let key = (scope.id, name.clone());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.get(&key)
            && open.port == port
            && open.since.elapsed() < RENEW
        {
            return Ok(Arc::clone(&open.cluster));
        }
        let identity = ClusterIdentity::load(&*self.secrets, name)?
            .ok_or_else(|| failed().caused_by("its secrets do not exist yet"))?;
        let cluster = Arc::new(
            self.dial(port, &identity)
                .map_err(|e| failed().caused_by(e))?,
        );
        open.insert(
            key,
            Open {
                port,
                since: Instant::now(),
                cluster: Arc::clone(&cluster),
            },
        );
        Ok(cluster)
    }

    fn dial(&self, port: u16, identity: &ClusterIdentity) -> Result<Cluster, DriverError> {
        let bad = |error: &dyn std::fmt::Display| {
            DriverError::new("making a connection").caused_by(error.to_string())
        };
        // system:masters: it must work before the first role is bound.
        let own =
            identity
                .ca
                .client("steading", "system:masters", CERTIFICATE, Timestamp::now())?;
        let uri = format!("https://127.0.0.1:{port}")
            .parse::<http::Uri>()
            .map_err(|error| bad(&error))?;
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let mut config = kube::Config::new(uri);
        config.root_cert = Some(vec![identity.ca.der()?]);
        config.connect_timeout = Some(CONNECT);
        // The pod proxy answers 503 where a pod cannot be reached: an answer, not a reason to
        // repeat.
        config.default_retry = false;
        config.auth_info = AuthInfo {
            client_certificate_data: Some(encode(&own.certificate)),
            client_key_data: Some(encode(&own.key).into()),
            ..AuthInfo::default()
        };
        let _inside = self.runtime.enter();
        Ok(Cluster {
            client: Client::try_from(config).map_err(|error| bad(&error))?,
            runtime: Arc::clone(&self.runtime),
            kinds: Mutex::default(),
        })
    }
}

impl Cluster {
    /// A connection to any cluster that a kubeconfig leads to, as kubectl would make it.
    pub(crate) fn by_kubeconfig(
        kubeconfig: Kubeconfig,
        options: &KubeConfigOptions,
    ) -> Result<Self, DriverError> {
        let failed = |error: &dyn std::fmt::Display| {
            DriverError::new("connecting to the cluster of the kubeconfig")
                .caused_by(error.to_string())
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kube")
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let mut config = runtime
            .block_on(kube::Config::from_custom_kubeconfig(kubeconfig, options))
            .map_err(|error| failed(&error))?;
        config.connect_timeout = Some(REQUEST);
        let client = {
            let _inside = runtime.enter();
            Client::try_from(config).map_err(|error| failed(&error))?
        };
        Ok(Self {
            client,
            runtime: Arc::new(runtime),
            kinds: Mutex::default(),
        })
    }

    /// Sends one request and reads its answer; an answer without content is `Null`.
    pub(crate) fn send(&self, request: Request) -> Result<Value, ApiError> {
        self.runtime.block_on(send(self.client.clone(), request))
    }

    /// Sends one request and reads its answer as text.
    pub(crate) fn send_text(&self, request: Request) -> Result<String, ApiError> {
        self.runtime
            .block_on(send_text(self.client.clone(), request))
    }

    /// Sends requests beside each other; answers are in the order of the requests.
    pub(crate) fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Value, ApiError>> {
        let lost = || Err(ApiError::Unreachable("the request was dropped".to_owned()));
        let mut answers: Vec<_> = requests.iter().map(|_| lost()).collect();
        self.runtime.block_on(async {
            let mut waiting = requests.into_iter().enumerate();
            let mut running = JoinSet::new();
            loop {
                while running.len() < PARALLEL
                    && let Some((at, request)) = waiting.next()
                {
                    let client = self.client.clone();
                    running.spawn(async move { (at, send(client, request).await) });
                }
                match running.join_next().await {
                    Some(Ok((at, answer))) => {
                        if let Some(slot) = answers.get_mut(at) {
                            *slot = answer;
                        }
                    }
                    // A task that panicked leaves its request lost.
                    Some(Err(_)) => {}
                    None => break,
                }
            }
        });
        answers
    }
}

async fn send(client: Client, request: Request) -> Result<Value, ApiError> {
    let text = send_text(client, request).await?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).map_err(|error| ApiError::Answer(error.to_string()))
}

async fn send_text(client: Client, request: Request) -> Result<String, ApiError> {
    let start = Instant::now();
    loop {
        match send_once(client.clone(), request.clone()).await {
            Err(error) if error.in_change() && start.elapsed() < request.patience => {
                tokio::time::sleep(AGAIN).await;
            }
            answer => return answer,
        }
    }
}

async fn send_once(client: Client, request: Request) -> Result<String, ApiError> {
    let limit = request.limit;
    let made = http::Request::builder()
        .method(request.method)
        .uri(request.path)
        .header(http::header::CONTENT_TYPE, request.content_type)
        .body(request.body)
        .map_err(|error| ApiError::Answer(error.to_string()))?;
    match tokio::time::timeout(limit, client.request_text(made)).await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(translate(&error)),
        Err(_) => Err(ApiError::Unreachable(format!(
            "no answer within {} s",
            limit.as_secs()
        ))),
    }
}

/// An API server that is not ready answers with a list of all its checks: only those that fail are
/// of interest.
fn failing_checks(message: &str) -> String {
    let failing: Vec<&str> = message
        .lines()
        .filter_map(|line| line.strip_prefix("[-]"))
        .collect();
    if failing.is_empty() {
        return message.to_owned();
    }
    format!("not ready: {}", failing.join(", "))
}

fn translate(error: &kube::Error) -> ApiError {
    match error {
        kube::Error::Api(status) => ApiError::Status {
            code: status.code,
            reason: status.reason.clone(),
            message: failing_checks(&status.message),
        },
        other => {
            // The deepest cause says it: connection refused, not "service error".
            let mut deepest: &dyn std::error::Error = other;
            while let Some(source) = deepest.source() {
                deepest = source;
            }
            ApiError::Unreachable(deepest.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, failing_checks};

    #[test]
    fn an_address_that_is_taken_may_become_free() {
        let error = |code, message: &str| ApiError::Status {
            code,
            reason: "Invalid".to_owned(),
            message: message.to_owned(),
        };
        let taken = "failed to allocate IP 10.96.0.10: provided IP is already allocated";
        assert!(error(422, taken).address_taken());
        assert!(!error(422, "spec.ports: Required value").address_taken());
        assert!(!error(403, taken).address_taken());
    }

    #[test]
    fn a_control_plane_in_change_is_asked_again_and_a_refusal_is_not() {
        let status = |code, message: &str| ApiError::Status {
            code,
            reason: String::new(),
            message: message.to_owned(),
        };
        assert!(ApiError::Unreachable("connection refused".to_owned()).in_change());
        assert!(status(500, "etcdserver: leader changed").in_change());
        assert!(status(503, "apiserver is shutting down").in_change());
        for refusal in [
            status(409, "the object has been modified"),
            status(404, "not found"),
            status(500, "failed calling webhook"),
            status(422, "spec.ports: Required value"),
        ] {
            assert!(!refusal.in_change(), "{refusal}");
        }
    }

    #[test]
    fn of_a_list_of_checks_only_the_failing_are_told() {
        let list = "[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed";
        assert_eq!(
            failing_checks(list),
            "not ready: etcd failed: reason withheld"
        );
        assert_eq!(failing_checks("forbidden"), "forbidden");
    }
}
