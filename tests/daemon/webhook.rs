//! A forge says that something was pushed.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use crate::host::Host;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

struct Forge {
    host: Host,
    address: SocketAddr,
}

/// A daemon that looks at its repository when it is told to; `hosts` is YAML.
fn forge(hosts: &str) -> Forge {
    // Nobody else of this host is given a port that was just free.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let mut host = Host::new();
    fs::write(host.path("secret"), format!("{SECRET}\n")).unwrap();
    let file = host.path("secret");
    let more = format!(
        "listen: {{status: '127.0.0.1:0', webhook: '{address}'}}\nwebhook: {{secret_file: {}, hosts: {hosts}}}\n",
        file.display()
    );
    host.settings(&["one"], &more);
    drop(free);
    host.start();
    Forge { host, address }
}

/// The body's HMAC in hexadecimal.
fn signed(body: &str) -> String {
    let tag = sign(&Key::new(HMAC_SHA256, SECRET.as_bytes()), body.as_bytes());
    tag.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

impl Forge {
    /// Sends this, byte by byte as it stands, and gives the code and all that came back.
    fn send(&self, text: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    fn post(&self, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        self.send(&format!(
            "POST /hook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    /// A push as GitHub tells it.
    fn push(&self, delivery: &str, body: &str) -> u16 {
        let signature = signed(body);
        let headers = format!(
            "X-GitHub-Event: push\r\nX-GitHub-Delivery: {delivery}\r\nX-Hub-Signature-256: sha256={signature}\r\n"
        );
        self.post(&headers, body).0
    }

    fn tried(&self) -> u64 {
        let status = self
            .host
            .until_status("any", |status| status["tried"].is_u64());
        status["tried"].as_u64().unwrap()
    }

    /// Waits for more passes than these.
    fn until_more(&self, than: u64) -> u64 {
        let status = self
            .host
            .until_status("a pass", |status| status["tried"].as_u64() > Some(than));
        status["tried"].as_u64().unwrap()
    }

    /// No pass is made for a while.
    fn stays_quiet(&self, at: u64) {
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(self.tried(), at, "{}", self.host.log());
    }
}

#[test]
fn a_push_that_is_vouched_for_causes_a_pass_and_nothing_else_does() {
    let mut forge = forge("[hooks.example.org]");
    let before = forge.tried();
    assert_eq!(forge.push("d-1", "{\"after\": \"1\"}"), 202);
    let after = forge.until_more(before);

    // Once more, under another name, and signed by nobody: seen, and refused.
    assert_eq!(forge.push("d-1", "{\"after\": \"1\"}"), 200);
    assert_eq!(forge.push("d-2", "{\"after\": \"1\"}"), 200);
    let wrong = "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\r\n";
    let (code, answer) = forge.post(wrong, "{}");
    assert_eq!(code, 401, "{answer}");
    let (code, unsigned) = forge.post("", "{}");
    assert_eq!(code, 401, "{unsigned}");
    let told = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(told(&answer), told(&unsigned), "nobody learns why");
    let token = format!("X-Gitlab-Token: {SECRET}x\r\n");
    assert_eq!(forge.post(&token, "{}").0, 401);
    forge.stays_quiet(after);
    assert!(forge.host.log().contains("not that of a known secret"));
    assert!(!forge.host.log().contains(SECRET));

    // GitLab's token, and the headers of Gitea and of anybody.
    let token = format!("X-Gitlab-Token: {SECRET}\r\nX-Gitlab-Event-UUID: 1\r\n");
    assert_eq!(forge.post(&token, "{}").0, 202);
    let after = forge.until_more(after);
    for (header, body) in [("X-Gitea-Signature", "2"), ("X-Signature-256", "3")] {
        let headers = format!("{header}: {}\r\n", signed(body));
        assert_eq!(forge.post(&headers, body).0, 202, "{header}");
    }
    forge.until_more(after);
    assert_eq!(forge.host.stop(), 0);
}

#[test]
fn whatever_is_no_delivery_is_refused_plainly() {
    let mut forge = forge("[hooks.example.org]");
    let before = forge.tried();
    let ask = |line: &str, host: &str, more: &str| {
        forge.send(&format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
        ))
    };
    let (code, answer) = ask("GET /hook", "localhost", "");
    assert_eq!(code, 405);
    assert!(answer.to_lowercase().contains("allow: post"), "{answer}");
    assert_eq!(ask("GET /status", "localhost", "").0, 404);
    assert_eq!(ask("POST /hook", "evil.example", "").0, 421);
    assert_eq!(ask("POST /hook", "hooks.example.org", "").0, 401);
    let page = "Origin: https://evil.example\r\n";
    assert_eq!(ask("POST /hook", "localhost", page).0, 403);
    let huge = format!(
        "Content-Length: 26214401\r\nX-Gitea-Signature: {}\r\n",
        signed("")
    );
    assert_eq!(ask("POST /hook", "localhost", &huge).0, 413);

    // A file that cannot be used is the operator's matter, and told there.
    fs::write(forge.host.path("secret"), "short\n").unwrap();
    assert_eq!(forge.push("d-1", "{}"), 503);
    assert!(
        forge.host.log().contains("fewer than 16"),
        "{}",
        forge.host.log()
    );
    fs::write(
        forge.host.path("secret"),
        format!("another one, also long\n{SECRET}\n"),
    )
    .unwrap();
    assert_eq!(forge.push("d-1", "{}"), 202, "read again, and both count");
    forge.until_more(before);
    assert_eq!(forge.host.stop(), 0);
}

#[test]
fn too_many_are_refused_and_a_flood_of_pushes_is_no_flood_of_passes() {
    let mut forge = forge("[]");
    let before = forge.tried();
    let began = Instant::now();
    let codes: Vec<u16> = (0..80)
        .map(|number| forge.push(&format!("d-{number}"), &format!("{{\"after\": {number}}}")))
        .collect();
    let seconds = began.elapsed().as_secs();
    let taken = codes.iter().filter(|code| **code == 202).count();
    let refused = codes.iter().filter(|code| **code == 429).count();
    assert_eq!(taken + refused, codes.len(), "{codes:?}");
    assert!(taken >= 60 && refused > 0, "{codes:?}");
    let (_, answer) = forge.post(&format!("X-Gitea-Signature: {}\r\n", signed("x")), "x");
    assert!(answer.to_lowercase().contains("retry-after: "), "{answer}");
    let after = forge.until_more(before);
    // About three a second, however many there are.
    let most = (seconds + 3) * 4;
    assert!(
        after - before <= most,
        "{} passes in {seconds} s",
        after - before
    );
    assert_eq!(forge.host.stop(), 0);
}

/// They come from one address, as through a proxy.
#[test]
fn who_has_no_secret_does_not_silence_who_has() {
    let mut forge = forge("[]");
    let wrong = format!("X-Gitea-Signature: {}\r\n", signed("something else"));
    for headers in ["", &wrong] {
        let codes: Vec<u16> = (0..100).map(|_| forge.post(headers, "{}").0).collect();
        assert!(
            codes.iter().all(|code| matches!(code, 401 | 429)),
            "{codes:?}"
        );
        assert!(codes.contains(&429), "{codes:?}");
    }
    let told = forge.host.log();
    let told = told.lines().filter(|line| line.contains("is refused"));
    assert!(told.count() < 120, "a flood of them is no flood in the log");
    let before = forge.tried();
    assert_eq!(forge.push("d-1", "{}"), 202);
    forge.until_more(before);
    assert_eq!(forge.host.stop(), 0);
}

#[test]
fn a_webhook_without_a_good_secret_keeps_the_daemon_from_starting() {
    let host = Host::new();
    let file = host.path("secret");
    let more = format!("webhook: {{secret_file: {}}}\n", file.display());
    host.settings(&["one"], &more);
    for (text, word) in [(None, "cannot be read"), (Some("short"), "fewer than 16")] {
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let refused = host.command(&["run"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            said.contains("webhook.secret_file")
                && said.contains(word)
                && !said.contains("status at"),
            "{said}"
        );
    }
}
