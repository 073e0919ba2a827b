//! Smart HTTP: a web server around `git http-backend`.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::fault::{Fault, Login, Switches};
use super::program;

const MAX_BODY: usize = 256 << 20;

/// Serves the repositories of a folder.
pub(super) async fn serve(
    repositories: PathBuf,
    listener: TcpListener,
    switches: Arc<Switches>,
) -> Result<()> {
    let listener = Listener {
        sockets: tokio::net::TcpListener::from_std(listener)?,
        switches: Arc::clone(&switches),
    };
    let host = Arc::new(Host {
        repositories,
        switches,
    });
    Ok(axum::serve(listener, Router::new().fallback(answer).with_state(host)).await?)
}

struct Host {
    repositories: PathBuf,
    switches: Arc<Switches>,
}

/// Closes connections unheard while the fault says so.
struct Listener {
    sockets: tokio::net::TcpListener,
    switches: Arc<Switches>,
}

impl axum::serve::Listener for Listener {
    type Io = tokio::net::TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.sockets).await;
            if self.switches.fault() != Some(Fault::Drop) {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.sockets.local_addr()
    }
}

async fn answer(State(host): State<Arc<Host>>, request: Request) -> Response {
    host.switches.delay().await;
    let mut response = if let Some(Fault::Status(code)) = host.switches.fault() {
        refuse(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    } else if !permits(host.switches.login().as_ref(), request.headers()) {
        refuse(StatusCode::UNAUTHORIZED)
    } else {
        run_backend(&host.repositories, request)
            .await
            .unwrap_or_else(|error| {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
            })
    };
    // A connection that outlives its request would escape a fault switched on later.
    response.headers_mut().insert(
        header::CONNECTION,
        header::HeaderValue::from_static("close"),
    );
    response
}

fn permits(login: Option<&Login>, headers: &HeaderMap) -> bool {
    login.is_none_or(|login| {
        let wanted = format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", login.username, login.password))
        );
        headers
            .get(header::AUTHORIZATION)
            .is_some_and(|given| given.as_bytes() == wanted.as_bytes())
    })
}

fn refuse(status: StatusCode) -> Response {
    let mut response = status.into_response();
    if status == StatusCode::UNAUTHORIZED {
        let challenge = header::HeaderValue::from_static("Basic realm=\"fleet\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

async fn run_backend(repositories: &Path, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await?;
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .envs(program::environment())
        .env("GIT_PROJECT_ROOT", repositories)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("HTTP_GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting git http-backend")?;
    let stdin = backend.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A backend that refuses the request stops reading; its answer says why.
            drop(stdin.write_all(&body).await);
        }
    };
    let ((), output) = tokio::join!(write, backend.wait_with_output());
    let output = output?;
    parse(output.stdout).with_context(|| {
        format!(
            "git http-backend: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Turns a CGI answer into one of HTTP.
fn parse(mut answer: Vec<u8>) -> Result<Response> {
    const END: &[u8] = b"\r\n\r\n";
    let end = answer
        .windows(END.len())
        .position(|window| window == END)
        .context("an answer without headers")?;
    let body = answer.split_off(end + END.len());
    let mut response = Response::new(Body::from(body));
    for line in String::from_utf8(answer)?.lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        if name.eq_ignore_ascii_case("status") {
            *response.status_mut() = value.split(' ').next().unwrap_or_default().parse()?;
        } else {
            response
                .headers_mut()
                .insert(name.parse::<HeaderName>()?, value.parse()?);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_status_from_its_header() -> Result<()> {
        let response =
            parse(b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\ngone".to_vec())?;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            response
                .headers()
                .get("content-type")
                .map(header::HeaderValue::as_bytes),
            Some(&b"text/plain"[..])
        );
        Ok(())
    }

    #[test]
    fn refuses_an_answer_without_headers() {
        assert!(parse(b"nothing".to_vec()).is_err());
    }
}
