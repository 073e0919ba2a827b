//! The HTTP client of a cluster: connections, TLS, proxy and credentials.
//!
//! It is put together from the client library's own parts, because its ready-made one has connections that keep the largest
//! buffer they ever needed, for ever: a daemon with a hundred clusters has three hundred of them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::http::{Request, Response, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::client::legacy::{Builder, Client as Pooled};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt as _, DynBody};
use kube::config::ExecConfig;
use kube::{Client, Config};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use tower::buffer::BufferLayer;
use tower::filter::AsyncFilterLayer;
use tower::timeout::TimeoutLayer;
use tower::util::BoxService;
use tower::{BoxError, ServiceBuilder, ServiceExt as _};
use tower_http::ServiceBuilderExt as _;
use tower_http::decompression::{DecompressionBody, DecompressionLayer};
use tower_http::map_response_body::MapResponseBodyLayer;

use super::access::LARGEST;
use super::error::NoCredentials;
use super::exec::ExecCache;

/// Requests that may wait for one another to be handed over.
const WAITING: usize = 1024;
/// Most bytes a connection reads at a time, and of the head of an answer.
const READ: usize = 16 << 10;
/// How long an API server may take to begin its answer; how long it may be silent within one, which a watch mostly is, is up
/// to the connection.
const ANSWER: Duration = Duration::from_secs(30);
/// After so much silence the system asks whether the other end is still there, and after as much again that it is not.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a connection that nobody uses is kept: asking about health comes round sooner, a pass does not.
const IDLE: Duration = Duration::from_secs(30);

type Wired = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

pub(super) enum Unbuilt {
    /// There is nothing to log in with.
    Credentials(String),
    /// The settings of the connection are not usable.
    Client(kube::Error),
}

/// The client for a kubeconfig. Its credential program is run by us, with a deadline and killed at it: the client's own
/// way would leave a program that hangs, and the thread that waits for it, behind at every try.
pub(super) async fn client(mut config: Config, cache: &Arc<ExecCache>) -> Result<Client, Unbuilt> {
    let auth = &mut config.auth_info;
    if auth.auth_provider.take().is_some() {
        return Err(Unbuilt::Credentials(
            "auth-provider is not supported; use exec or a token".to_owned(),
        ));
    }
    let limited = MapResponseBodyLayer::new(|body| Limited::new(body, LARGEST));
    let Some(exec) = auth.exec.take() else {
        return aside(move || Ok(wired(&config)?.with_layer(&limited).build())).await;
    };
    let credential = cache
        .credential(&exec)
        .await
        .map_err(Unbuilt::Credentials)?;
    let mut until = None;
    let end = credential.end();
    if let (Some(certificate), Some(key)) = (
        credential.client_certificate_data,
        credential.client_key_data,
    ) {
        auth.client_certificate_data = Some(STANDARD.encode(certificate));
        auth.client_key_data = Some(STANDARD.encode(key.expose_secret()).into());
        // Here it stays until this client is given up, whatever the program would say by then.
        until = Some(end);
    }
    let cache = Arc::clone(cache);
    let log_in = AsyncFilterLayer::new(move |request: Request<Body>| {
        log_in(Arc::clone(&cache), exec.clone(), request)
    });
    aside(move || {
        let client = wired(&config)?
            // Logging in takes a clone of the service for each request.
            .with_layer(&BufferLayer::<Request<Body>>::new(WAITING))
            .with_layer(&log_in)
            .with_layer(&limited)
            .with_valid_until(until);
        Ok(client.build())
    })
    .await
}

/// Certificates and tokens are read from files.
async fn aside(
    build: impl FnOnce() -> kube::Result<Client> + Send + 'static,
) -> Result<Client, Unbuilt> {
    let client = tokio::task::spawn_blocking(build).await;
    client
        .unwrap_or_else(|error| Err(kube::Error::Service(error.into())))
        .map_err(Unbuilt::Client)
}

/// Puts the token of the credential program on a request, a fresh one where the last has run out.
async fn log_in(
    cache: Arc<ExecCache>,
    exec: ExecConfig,
    mut request: Request<Body>,
) -> Result<Request<Body>, NoCredentials> {
    let credential = cache.credential(&exec).await.map_err(NoCredentials)?;
    if let Some(token) = credential.token {
        let text = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let mut value = HeaderValue::from_str(text.expose_secret())
            .map_err(|_| NoCredentials("the token is not a legal header".to_owned()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// What brings requests to the API server, through a proxy where the kubeconfig names one.
fn wired(config: &Config) -> kube::Result<ClientBuilder<Wired>> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE / 3));
    connector.set_keepalive_retries(Some(3));
    let service = match &config.proxy_url {
        None => over(connector, config),
        Some(proxy) => match proxy.scheme_str() {
            Some("http") => over(tunnel(proxy, connector), config),
            Some("https") => {
                let connector = config.rustls_https_connector_with_connector(connector)?;
                over(tunnel(proxy, connector), config)
            }
            _ => Err(kube::Error::ProxyProtocolUnsupported {
                proxy_url: Box::new(proxy.clone()),
            }),
        },
    };
    let namespace = config.default_namespace.clone();
    Ok(ClientBuilder::new(service?, namespace))
}

fn tunnel<C>(proxy: &Uri, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.clone(), connector);
    let user = proxy
        .authority()
        .and_then(|all| all.as_str().split_once('@'));
    let user = user.map(|(user, _)| {
        // An address quotes what a header does not.
        let plain: Vec<u8> = percent_decode_str(user).collect();
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)))
    });
    match user {
        Some(Ok(mut user)) => {
            user.set_sensitive(true);
            tunnel.with_auth(user)
        }
        Some(Err(_)) | None => tunnel,
    }
}

fn over<C>(connector: C, config: &Config) -> kube::Result<Wired>
where
    C: tower::Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: std::error::Error + Send + Sync + 'static,
{
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let mut connector = TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let client: Pooled<_, Body> = Builder::new(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_buf_size(READ)
        .build(connector);
    let unpacked = DecompressionLayer::new().gzip(!config.disable_compression);
    let whole = |body: DecompressionBody<Incoming>| -> Box<DynBody> {
        Box::new(body.map_err(BoxError::from))
    };
    let service = ServiceBuilder::new()
        .map_response_body(whole)
        .layer(config.base_uri_layer())
        .layer(unpacked)
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer(TimeoutLayer::new(ANSWER))
        .service(client);
    Ok(service.boxed())
}
