//! What forges are told over HTTP, and what they answer.

use std::sync::Mutex;

use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::config::events::Forge;
use crate::listen::Board;
use crate::status::Told;

const TOKEN: &str = "t0ken-of-the-forge";

/// A forge that answers what it was told to, then 201.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<ResponseTemplate>>>);

impl Respond for Answers {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut answers = self.0.lock().unwrap();
        if answers.is_empty() {
            return ResponseTemplate::new(201).set_body_json(json!({"id": 1}));
        }
        answers.remove(0)
    }
}

/// A fake forge over HTTP, a state folder, and somebody who tells.
struct World {
    server: MockServer,
    answers: Answers,
    folder: tempfile::TempDir,
    forge: Forge,
    seen: watch::Sender<Option<Arc<Status>>>,
    shown: Option<watch::Receiver<Told>>,
    task: Option<tokio::task::JoinHandle<()>>,
    stop: CancellationToken,
}

impl World {
    async fn new(forge: Forge) -> Self {
        let (server, answers) = (MockServer::start().await, Answers::default());
        let mock = Mock::given(method("POST")).respond_with(answers.clone());
        mock.mount(&server).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let seen = watch::Sender::new(None);
        let (shown, task, stop) = (None, None, CancellationToken::new());
        let mut world = Self {
            server,
            answers,
            folder,
            forge,
            seen,
            shown,
            task,
            stop,
        };
        world.start();
        world
    }

    /// Begins to tell, as a daemon does.
    fn start(&mut self) {
        let (forge, uri) = (self.forge, self.server.uri());
        self.start_at(&match forge {
            Forge::Github => uri,
            Forge::Gitlab => format!("{uri}/api/v4"),
            Forge::Gitea => format!("{uri}/git/api/v1/"),
        });
    }

    fn start_at(&mut self, url: &str) {
        let settings = json!({
            "forge": self.forge, "repository": "team/exchanges", "url": url,
            "token_file": self.folder.path().join("token"),
        });
        let settings: crate::config::events::CommitStatusSettings =
            serde_json::from_value(settings).unwrap();
        let target = settings.target(None, &"edge".parse().unwrap()).unwrap();
        let state = Folder::open(&self.folder.path().join("state")).unwrap();
        let dial = Dial::new(Poster::SINK, Arc::new(Board::new()));
        self.shown = Some(dial.read());
        let mut poster = Poster::new(target, &state, dial).unwrap();
        poster.longest = Duration::from_millis(500);
        self.seen = watch::Sender::new(None);
        self.stop = CancellationToken::new();
        let seen = self.seen.subscribe();
        self.task = Some(tokio::spawn(poster.post(seen, self.stop.clone())));
    }

    async fn end(&mut self) {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
    }

    fn see(&self, status: Status) {
        self.seen.send_replace(Some(Arc::new(status)));
    }

    fn answer(&self, answers: impl IntoIterator<Item = ResponseTemplate>) {
        self.answers.0.lock().unwrap().extend(answers);
    }

    async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// `COMMIT STATE TEXT` of each request, when there are so many.
    async fn told(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.requests().await.len() < count {
            assert!(Instant::now() < deadline, "{:?}", self.requests().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Nor any more than that.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let requests = self.requests().await;
        let each = requests.iter().map(|request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let commit = request.url.path().rsplit('/').next().unwrap();
            let word = |key: &str| body[key].as_str().unwrap().to_owned();
            let first = commit.chars().next().unwrap();
            format!("{first} {} {}", word("state"), word("description"))
        });
        let told: Vec<_> = each.collect();
        assert_eq!(told.len(), count, "{told:?}");
        told
    }

    async fn trouble(&mut self, wanted: &str) -> String {
        let shown = self.shown.as_mut().unwrap();
        let found = shown.wait_for(|told| told.trouble.is_some());
        let told = tokio::time::timeout(Duration::from_secs(10), found).await;
        let trouble = told.unwrap().unwrap().trouble.clone().unwrap();
        assert_eq!(trouble.reason, Reason::CommitStatusNotTaken);
        assert!(trouble.text.contains(wanted), "{}", trouble.text);
        assert!(!trouble.text.contains(TOKEN), "{}", trouble.text);
        trouble.text
    }
}

#[tokio::test]
async fn each_forge_is_called_as_it_wants_to_be() {
    let mut calls = Vec::new();
    for forge in [Forge::Github, Forge::Gitlab, Forge::Gitea] {
        let world = World::new(forge).await;
        for (commit, standing) in [
            (A, "progressing FileAdded"),
            (B, "progressing FileAdded"),
            (B, "failed HelmFailed"),
            (B, "ready"),
        ] {
            let before = world.requests().await.len();
            world.see(status(commit, &[standing]));
            world
                .told(if commit == A || standing != "progressing FileAdded" {
                    before + 1
                } else {
                    before + 2
                })
                .await;
        }
        let requests = world.requests().await;
        let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
        let states: Vec<_> = requests
            .iter()
            .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["state"].clone())
            .collect();
        let header = |name: &str| {
            requests[0]
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let name = body.get("context").or(body.get("name")).unwrap().clone();
        assert_eq!(name, "natsx-sync/edge");
        calls.push((
            requests[0].url.path().to_owned(),
            header("authorization").unwrap(),
            header("x-github-api-version"),
            body.as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
                .join(" "),
            json!(states),
        ));
        assert!(header("user-agent").unwrap().starts_with("natsx-sync/"));
    }
    let call = |path: &str, login: &str, version: Option<&str>, keys: &str, states: Value| {
        (
            path.to_owned(),
            format!("{login} {TOKEN}"),
            version.map(str::to_owned),
            keys.to_owned(),
            states,
        )
    };
    assert_eq!(
        calls,
        [
            call(
                &format!("/repos/team/exchanges/statuses/{A}"),
                "Bearer",
                Some("2022-11-28"),
                "context description state",
                json!(["pending", "error", "pending", "failure", "success"]),
            ),
            call(
                &format!("/api/v4/projects/team%2Fexchanges/statuses/{A}"),
                "Bearer",
                None,
                "description name state",
                json!(["running", "canceled", "running", "failed", "success"]),
            ),
            call(
                &format!("/git/api/v1/repos/team/exchanges/statuses/{A}"),
                "token",
                None,
                "context description state",
                json!(["pending", "error", "pending", "failure", "success"]),
            ),
        ]
    );
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_finishes_what_was_begun() {
    let mut world = World::new(Forge::Github).await;
    world.see(status(A, &["progressing FileAdded"]));
    world.told(1).await;
    world.end().await;
    world.start();
    world.see(status(A, &["progressing FileAdded"]));
    world.told(1).await;
    // The last words before an end are told, too.
    world.see(status(A, &["ready"]));
    world.end().await;
    world.told(2).await;
    world.start();
    world.see(status(A, &["unknown HealthUnknown"]));
    world.see(status(A, &["failed HelmFailed"]));
    world.told(2).await;
    // It was begun by one daemon, and overtaken while none ran.
    world.see(status(B, &["progressing FileAdded"]));
    world.told(3).await;
    world.end().await;
    world.start();
    world.see(status(A, &["ready"]));
    assert_eq!(
        world.told(5).await,
        [
            "a pending 0 of 1 exchange ready",
            "a success 1 exchange ready",
            "b pending 0 of 1 exchange ready",
            "b error superseded by aaaaaaaaa",
            "a success 1 exchange ready",
        ]
    );
    // Another name was told nothing yet.
    world.end().await;
    let kept = world.folder.path().join("state/outbox/commit_status.json");
    let text = std::fs::read_to_string(&kept)
        .unwrap()
        .replace("natsx-sync/edge", "other");
    std::fs::write(&kept, text).unwrap();
    world.start();
    world.see(status(A, &["ready"]));
    world.told(6).await;
    // What is damaged is said, and not thrown away.
    world.end().await;
    std::fs::write(&kept, "{").unwrap();
    let state = Folder::open(&world.folder.path().join("state")).unwrap();
    let target = json!({"forge": "github", "repository": "a/x", "token_file": "/t"});
    let target: crate::config::events::CommitStatusSettings =
        serde_json::from_value(target).unwrap();
    let target = target.target(None, &"edge".parse().unwrap()).unwrap();
    let error = memory::Memory::open(&state, &target).unwrap_err();
    assert!(error.to_string().contains("move it away"), "{error}");
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_as_it_is_by_then() {
    let mut world = World::new(Forge::Gitea).await;
    world.answer([ResponseTemplate::new(500), ResponseTemplate::new(502)]);
    world.see(status(A, &["ready", "progressing FileAdded"]));
    world.trouble("answers 500").await;
    world.see(status(A, &["ready", "ready"]));
    let told = world.told(3).await;
    assert_eq!(told[2], "a success 2 exchanges ready");
    assert!(world.shown.as_ref().unwrap().borrow().trouble.is_none());

    // It hangs, and is cut off.
    world.answer([ResponseTemplate::new(201).set_delay(Duration::from_secs(30))]);
    world.see(status(B, &["ready"]));
    world.trouble("no answer within").await;
    assert_eq!(world.told(5).await[4], "b success 1 exchange ready");
}

#[tokio::test]
async fn a_forge_that_limits_is_left_alone_for_as_long_as_it_says() {
    let mut world = World::new(Forge::Github).await;
    let limit = || json!({"message": "You have exceeded a secondary rate limit"});
    let template = ResponseTemplate::new(403).insert_header("retry-after", "1");
    world.answer([template.set_body_json(limit())]);
    world.see(status(A, &["progressing FileAdded"]));
    world.trouble("secondary rate limit").await;
    // Not even for what is final, nor for another commit.
    world.see(status(B, &["ready"]));
    tokio::time::sleep(Duration::from_millis(600)).await;
    world.told(1).await;
    assert_eq!(
        world.told(2).await[1],
        "b success 1 exchange ready",
        "a was never told"
    );

    let spent = |seconds: i64| {
        let at = jiff::Timestamp::now().as_second() + seconds;
        ResponseTemplate::new(403)
            .insert_header("x-ratelimit-remaining", "0")
            .insert_header("x-ratelimit-reset", at.to_string())
    };
    for (answer, wanted) in [
        (spent(1234), "after 123"),
        (ResponseTemplate::new(429), "after 60 s"),
        (
            ResponseTemplate::new(403).set_body_json(limit()),
            "after 60 s",
        ),
        (
            ResponseTemplate::new(429).insert_header("retry-after", "999999"),
            "after 3600 s",
        ),
    ] {
        let mut world = World::new(Forge::Github).await;
        world.answer([answer]);
        world.see(status(A, &["ready"]));
        world.trouble(wanted).await;
    }
}

#[tokio::test]
async fn a_refusal_is_said_and_holds_up_no_newer_commit() {
    for (code, body, wanted) in [
        (
            401,
            json!({"message": "Bad credentials"}),
            "Bad credentials; events.commit_status.token_file",
        ),
        (
            403,
            json!({"message": "Resource not accessible"}),
            "may not set statuses in team/exchanges",
        ),
        (
            404,
            json!({"message": "404 Project Not Found"}),
            "has no team/exchanges with this commit",
        ),
        (
            422,
            json!({"message": format!("no {TOKEN}")}),
            "answers 422",
        ),
        (
            400,
            json!({"message": {"name": ["is too long"]}}),
            "is too long",
        ),
        (301, json!({}), "it has moved"),
    ] {
        let mut world = World::new(Forge::Gitlab).await;
        world.answer([ResponseTemplate::new(code).set_body_json(body)]);
        world.see(status(A, &["progressing FileAdded"]));
        world.trouble(wanted).await;
        world.see(status(A, &["ready"]));
        world.told(1).await;
        world.see(status(B, &["ready"]));
        assert_eq!(world.told(2).await[1], "b success 1 exchange ready");
        let shown = world.shown.as_ref().unwrap();
        assert!(shown.borrow().trouble.is_none());
    }
}

#[tokio::test]
async fn a_commit_that_is_gone_from_the_forge_is_let_go() {
    let world = World::new(Forge::Github).await;
    world.see(status(A, &["progressing FileAdded"]));
    world.told(1).await;
    let gone = json!({"message": "No commit found for SHA: aaaa"});
    world.answer([ResponseTemplate::new(422).set_body_json(gone)]);
    world.see(status(B, &["ready"]));
    assert_eq!(world.told(3).await[2], "b success 1 exchange ready");
    assert!(world.shown.as_ref().unwrap().borrow().trouble.is_none());
}

#[tokio::test]
async fn gitlab_may_say_that_it_runs_already() {
    let world = World::new(Forge::Gitlab).await;
    let message = "Cannot transition status via :run from :running (Reason(s): Status cannot transition via \"run\")";
    world.answer([ResponseTemplate::new(400).set_body_json(json!({"message": message}))]);
    world.see(status(A, &["ready", "progressing FileAdded"]));
    world.told(1).await;
    assert!(world.shown.as_ref().unwrap().borrow().trouble.is_none());
    // Nor is it told what it cannot take.
    world.see(status(
        A,
        &["progressing FileAdded", "progressing FileAdded"],
    ));
    world.told(1).await;
}

#[tokio::test]
async fn other_words_wait_and_other_states_do_not() {
    let world = World::new(Forge::Github).await;
    let began = Instant::now();
    world.see(status(
        A,
        &["progressing FileAdded", "progressing FileAdded"],
    ));
    world.told(1).await;
    world.see(status(A, &["ready", "progressing FileAdded"]));
    world.told(1).await;
    world.see(status(A, &["ready", "ready"]));
    world.told(2).await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn the_token_is_for_nobody_else_and_read_for_each_request() {
    let mut world = World::new(Forge::Gitea).await;
    let elsewhere = MockServer::start().await;
    let template = ResponseTemplate::new(307);
    world.answer([template.insert_header("location", format!("{}/x", elsewhere.uri()))]);
    world.see(status(A, &["ready"]));
    world.trouble("it has moved").await;
    assert!(elsewhere.received_requests().await.unwrap().is_empty());

    let token = world.folder.path().join("token");
    for (text, wanted) in [(Some(" \n"), "is empty"), (None, "cannot be read")] {
        match text {
            Some(text) => std::fs::write(&token, text).unwrap(),
            None => std::fs::remove_file(&token).unwrap(),
        }
        world.end().await;
        world.start();
        world.see(status(B, &["ready"]));
        world.trouble(wanted).await;
    }
    std::fs::write(&token, "an0ther").unwrap();
    world.see(status(A, &["ready"]));
    world.told(2).await;
    let login = world.requests().await[1]
        .headers
        .get("authorization")
        .cloned();
    assert_eq!(login.unwrap(), "token an0ther");
}

#[tokio::test]
async fn a_forge_that_is_not_there_is_told_when_it_is() {
    let mut world = World::new(Forge::Github).await;
    world.end().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    world.start_at(&format!("http://{address}"));
    world.see(status(A, &["ready"]));
    world.trouble("no answer from 127.0.0.1").await;
    // A daemon that ends does not wait for it.
    world.end().await;
    world.start();
    world.see(status(A, &["ready"]));
    world.told(1).await;
}
