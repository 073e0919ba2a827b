//! What comes in vain from an address, and what it leaves to others there.

use std::fmt::Write as _;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn hook() -> (Hook, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), SECRET).unwrap();
    let secrets = Secrets::in_file(file.path().to_owned());
    let hook = Hook::new(secrets, Arc::default(), Arc::new(Board::new()));
    (hook, file)
}

fn peer() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

async fn deliver_signed(hook: &Hook, body: &str, with: &str) -> Result<(), Refusal> {
    let tag = sign(&Key::new(HMAC_SHA256, SECRET.as_bytes()), with.as_bytes());
    let mut signature = String::new();
    for byte in tag.as_ref() {
        write!(signature, "{byte:02x}").unwrap();
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-hub-signature-256", signature.parse().unwrap());
    hook.take(peer(), &headers, Body::from(body.to_owned()))
        .await
}

#[tokio::test]
async fn of_who_sends_much_in_vain_nothing_large_is_read() {
    let (hook, _file) = hook();
    let large = |end: &str| "x".repeat(2 << 20) + end;
    let first = large("1");
    assert!(deliver_signed(&hook, &first, &first).await.is_ok());
    while hook.in_vain.book(peer().ip(), Instant::now()).is_ok() {}
    let second = large("2");
    let refused = deliver_signed(&hook, &second, &second).await;
    assert!(matches!(refused, Err(Refusal::TooMany(_))));
    let refused = deliver_signed(&hook, "{}", "another").await;
    assert!(matches!(refused, Err(Refusal::TooMany(_))));
    assert!(deliver_signed(&hook, "{}", "{}").await.is_ok());
}

#[tokio::test]
async fn what_is_sent_again_uses_up_nothing_of_what_is_new() {
    let (hook, _file) = hook();
    assert!(deliver_signed(&hook, "0", "0").await.is_ok());
    for _ in 0..100 {
        let again = deliver_signed(&hook, "0", "0").await;
        assert!(matches!(again, Err(Refusal::Repeated)));
    }
    let room = hook.deliveries.room(peer().ip(), Instant::now());
    assert_eq!(room, Ok(()));
}

/// Whoever reaches the port could fill the log.
#[tokio::test]
async fn a_secret_that_cannot_be_read_is_told_so_often_and_no_more() {
    let (hook, file) = hook();
    drop(file);
    let mut told = 0;
    for _ in 0..100 {
        match deliver_signed(&hook, "{}", "{}").await {
            Err(Refusal::NoSecret(_)) => told += 1,
            Err(Refusal::TooMany(_)) => {}
            Ok(()) | Err(_) => panic!("something else"),
        }
    }
    assert!((1..=62).contains(&told), "{told}");
}
