//! Both ends, and clients that misbehave.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::server::is_allowed;
use super::*;
use crate::state::State;
use crate::state::lock::Lock;

/// A folder in which somebody answers each request with the next number, and refuses to look.
struct Scene {
    state: State,
    _lock: Lock,
    control: Control,
    answering: JoinHandle<Vec<Request>>,
}

fn scene(folder: &Path) -> Scene {
    let state = State::open(folder).unwrap();
    let lock = state.lock(Timestamp::UNIX_EPOCH).unwrap();
    let (control, mut requests) = Control::open(state.folder()).unwrap();
    let answering = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(Asked { request, answer }) = requests.recv().await {
            let pass = u64::try_from(seen.len()).unwrap() + 1;
            let said = match request {
                Request::Look => Answer::Refused("not now".to_owned()),
                Request::Approve(ref id) => Answer::Done(format!("{id} is another")),
                Request::Retry(_) | Request::RetryAll | Request::Accept(_) | Request::Said(_) => {
                    Answer::Pass(pass)
                }
                Request::Status => {
                    let status = Status::new(std::process::id(), Timestamp::UNIX_EPOCH);
                    Answer::Status(Box::new(status))
                }
            };
            answer.send(said).unwrap();
            seen.push(request);
        }
        seen
    });
    Scene {
        state,
        _lock: lock,
        control,
        answering,
    }
}

async fn asked(state: &State, requests: &[Request]) -> Result<Acknowledged, ControlError> {
    let (state, requests) = (state.clone(), requests.to_vec());
    tokio::task::spawn_blocking(move || ask(&state, &requests))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn how_everything_stands_is_told_and_no_acknowledgement() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path());
    let state = scene.state.clone();
    let told = tokio::task::spawn_blocking(move || status(&state));
    let told = told.await.unwrap().unwrap();
    assert_eq!(told.written_at, Timestamp::UNIX_EPOCH);
    let error = asked(&scene.state, &[Request::Status]).await.unwrap_err();
    assert!(matches!(error, ControlError::Silent { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_arrives_and_the_last_number_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path());
    let all = [
        Request::Accept("0".repeat(40).parse().unwrap()),
        Request::Retry("c/n/r".parse().unwrap()),
        Request::RetryAll,
    ];
    let told = asked(&scene.state, &all).await.unwrap();
    assert_eq!((told.pid, told.pass), (std::process::id(), 3));
    let refused = asked(&scene.state, &[Request::Look]).await.unwrap_err();
    assert!(refused.to_string().contains("not now"), "{refused}");
    drop(scene.control);
    let seen = scene.answering.await.unwrap();
    assert_eq!(seen[..3], all);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_user_may_open_it_and_it_is_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    // What a daemon that was killed leaves behind keeps nobody out.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(NAME)).unwrap());
    let scene = scene(folder.path());
    let path = folder.path().join(NAME);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(scene.control);
    assert!(!path.exists());
}

#[test]
fn its_own_user_and_root_may_ask() {
    assert!(is_allowed(1000, 1000));
    assert!(is_allowed(0, 1000));
    assert!(!is_allowed(1001, 1000));
    assert!(!is_allowed(1000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_may_lie_deep() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(200));
    let scene = scene(&deep);
    assert!(deep.join(NAME).exists());
    let told = asked(&scene.state, &[Request::RetryAll]).await.unwrap();
    assert_eq!(told.pass, 1);
    drop(scene.control);
    assert!(!deep.join(NAME).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_no_request_is_refused_and_harms_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let scene = scene(folder.path());
    let path = folder.path().join(NAME);
    let (nonsense, huge) = tokio::task::spawn_blocking(move || {
        let say = |text: &[u8]| {
            let mut stream = UnixStream::connect(&path).unwrap();
            // The other end may have closed before all of it was taken.
            stream.write_all(text).ok();
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).ok();
            answer
        };
        (
            say(b"{\"remove\":\"everything\"}\n"),
            say(&vec![b'x'; 20_000]),
        )
    })
    .await
    .unwrap();
    assert!(nonsense.contains("no request"), "{nonsense}");
    assert!(huge.is_empty() || huge.contains("no request"), "{huge}");
    let told = asked(&scene.state, &[Request::RetryAll]).await.unwrap();
    assert_eq!(told.pass, 1, "nothing of that was taken");
}

#[test]
fn without_a_daemon_it_is_said_at_once_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let error = ask(&state, &[Request::RetryAll]).unwrap_err().to_string();
    assert!(error.contains("natsx-sync run"), "{error}");
    assert_eq!(tell(&state).unwrap(), None, "nobody has to be told");
}

#[test]
fn one_who_works_here_without_listening_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let _lock = state.lock(Timestamp::UNIX_EPOCH).unwrap();
    let error = ask(&state, &[Request::RetryAll]).unwrap_err();
    assert!(matches!(error, ControlError::Deaf { .. }), "{error}");
}
