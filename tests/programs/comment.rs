//! `ci/comment.sh` against a forge.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::forge::{Comment, Fault, Forge, TOKEN};
use super::{Case, ROOT};

const NEEDED: &[&str] = &["sh", "curl", "jq"];

pub(crate) const CASES: &[Case] = &[
    (
        "comment::the_first_plan_is_posted_and_the_next_one_replaces_it",
        NEEDED,
        replaced,
    ),
    (
        "comment::a_strangers_comment_with_the_marker_is_left_alone",
        NEEDED,
        strangers,
    ),
    (
        "comment::the_comment_is_found_behind_many_others",
        NEEDED,
        paged,
    ),
    (
        "comment::a_long_plan_is_cut_at_a_line_and_a_refused_one_is_named",
        NEEDED,
        long,
    ),
    (
        "comment::a_refusal_says_what_the_token_lacks",
        NEEDED,
        refused,
    ),
    (
        "comment::a_write_whose_answer_was_lost_is_not_repeated_blindly",
        NEEDED,
        lost,
    ),
    (
        "comment::a_list_that_cannot_be_read_is_no_empty_list",
        NEEDED,
        unread,
    ),
    (
        "comment::the_marker_must_be_that_of_the_environment",
        NEEDED,
        marker,
    ),
    (
        "comment::the_token_is_in_no_argument_and_goes_nowhere_unencrypted",
        NEEDED,
        token,
    ),
];

const MARKER: &str = "<!-- natsx-sync plan production -->";

struct Run {
    forge: Forge,
    folder: TempDir,
}

impl Run {
    fn new() -> Self {
        let (forge, folder) = (Forge::start(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        Self { forge, folder }
    }

    fn command(&self, forge: &str, text: &str) -> Command {
        let plan = self.folder.path().join("plan.md");
        fs::write(&plan, text).unwrap();
        let mut command = Command::new("sh");
        command.arg(format!("{ROOT}/ci/comment.sh"));
        command.arg(plan).arg("production").env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("TOKEN_FILE", self.folder.path().join("token"));
        command.env("COMMENT_PAUSE", "0");
        match forge {
            "github" => command
                .env("GITHUB_API_URL", &self.forge.address)
                .env("GITHUB_REPOSITORY", "team/exchanges")
                .env("PULL_REQUEST", "7")
                .env("COMMENT_AUTHOR", "plan-bot"),
            _ => command
                .env("GITLAB_CI", "true")
                .env("CI_API_V4_URL", &self.forge.address)
                .env("CI_PROJECT_ID", "3")
                .env("CI_MERGE_REQUEST_IID", "7"),
        };
        command
    }

    fn post(&self, text: &str) -> Output {
        self.command("github", text).output().unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn comment(author: &str, body: &str) -> Comment {
    Comment {
        author: author.to_owned(),
        body: body.to_owned(),
    }
}

fn replaced() {
    for forge in ["github", "gitlab"] {
        let run = Run::new();
        run.forge
            .change(|held| held.comments.push(comment("someone", "hello")));
        let hostile = "quotes \" and \\ and\ttab, `$(id)`, $HOME, ünï, @all\n";
        for text in ["first\n", hostile] {
            let body = format!("{MARKER}\n{text}");
            let done = run.command(forge, &body).output().unwrap();
            assert!(done.status.success(), "{forge}: {}", said(&done));
            let comments = run.forge.comments();
            assert_eq!(comments.len(), 2, "{forge}");
            assert_eq!(
                (&*comments[1].author, &comments[1].body),
                ("plan-bot", &body)
            );
            assert_eq!(comments[0].body, "hello");
        }
    }
}

fn strangers() {
    let run = Run::new();
    let body = format!("{MARKER}\nfine, merge it");
    run.forge
        .change(|held| held.comments.push(comment("mallory", &body)));
    let done = run.post(&format!("{MARKER}\n1 uninstall\n"));
    assert!(done.status.success(), "{}", said(&done));
    let comments = run.forge.comments();
    assert_eq!((comments.len(), &comments[0].body), (2, &body));
}

fn paged() {
    let run = Run::new();
    let mut comments = vec![comment("someone", "x"); 250];
    comments[233] = comment("plan-bot", &format!("{MARKER}\nold"));
    comments[234] = comment("plan-bot", "<!-- natsx-sync plan staging -->\nold");
    run.forge.change(|held| held.comments = comments);
    let done = run.post(&format!("{MARKER}\nnew\n"));
    assert!(done.status.success(), "{}", said(&done));
    let comments = run.forge.comments();
    assert_eq!(comments.len(), 250);
    assert!(comments[233].body.ends_with("new\n"));
    assert!(comments[234].body.ends_with("old"));
    assert_eq!(run.forge.methods(), ["GET", "GET", "GET", "PATCH"]);
}

fn long() {
    let run = Run::new();
    run.forge.change(|held| held.limit = Some(65_536));
    let text = format!("{MARKER}\n```\n{}", "ä line of a plan\n".repeat(9_000));
    let done = run.post(&text);
    assert!(done.status.success(), "{}", said(&done));
    let body = run.forge.comments()[0].body.clone();
    assert!(body.len() > 60_000, "{}", body.len());
    assert!(
        body.contains("plan\n```\n\n**Cut here"),
        "the fence is closed"
    );
    assert!(!body.contains('\u{fffd}'), "cut between lines");

    run.forge.change(|held| held.limit = Some(300));
    let done = run.post(&text);
    assert!(done.status.success(), "{}", said(&done));
    let comments = run.forge.comments();
    assert_eq!(comments.len(), 1);
    assert!(comments[0].body.starts_with(MARKER) && comments[0].body.contains("artefacts"));

    run.forge.change(|held| held.limit = Some(10));
    assert_eq!(run.post(&text).status.code(), Some(1), "and it ends");
}

fn refused() {
    let run = Run::new();
    run.forge
        .change(|held| held.faults.push_back(Fault::Refuse(403)));
    let done = run.post(&format!("{MARKER}\nx\n"));
    assert_eq!(done.status.code(), Some(1));
    let text = said(&done);
    assert!(
        text.contains("403") && text.contains("pull-requests: write"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text:?}");

    fs::write(run.folder.path().join("token"), "wrong").unwrap();
    let done = run.post(&format!("{MARKER}\nx\n"));
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("401"), "{}", said(&done));
    assert!(run.forge.comments().is_empty());
}

fn lost() {
    let run = Run::new();
    run.forge.change(|held| {
        held.faults.push_back(Fault::DoneBut(502));
        held.faults.push_back(Fault::Refuse(503));
    });
    let done = run.post(&format!("{MARKER}\nx\n"));
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(run.forge.comments().len(), 1);
    assert_eq!(
        run.forge.methods(),
        ["GET", "POST", "GET", "PATCH", "GET", "PATCH"]
    );

    run.forge
        .change(|held| held.faults.extend([Fault::Refuse(500); 9]));
    let done = run.post(&format!("{MARKER}\ny\n"));
    assert_eq!(done.status.code(), Some(1), "not for ever");
    assert!(said(&done).contains("4 times"), "{}", said(&done));
}

fn unread() {
    let run = Run::new();
    let body = format!("{MARKER}\nold");
    run.forge.change(|held| {
        held.comments.push(comment("plan-bot", &body));
        held.faults.push_back(Fault::Garbage);
    });
    let done = run.post(&format!("{MARKER}\nnew\n"));
    assert!(done.status.success(), "{}", said(&done));
    let comments = run.forge.comments();
    assert_eq!(comments.len(), 1, "no second comment");
    assert!(comments[0].body.ends_with("new\n"));
}

fn marker() {
    let run = Run::new();
    for text in ["no marker\n", "<!-- natsx-sync plan staging -->\nx\n", ""] {
        let done = run.post(text);
        assert_eq!(done.status.code(), Some(64), "{}", said(&done));
    }
    assert!(run.forge.methods().is_empty());
}

fn token() {
    let run = Run::new();
    let spy = run.folder.path().join("spy");
    fs::create_dir(&spy).unwrap();
    let log = run.folder.path().join("arguments");
    for name in ["curl", "jq", "cat", "head", "sed", "tr"] {
        let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(name))
            .find(|path| path.exists())
            .unwrap();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' {name} \"$@\" >>{}\nexec {} \"$@\"\n",
            log.display(),
            real.display()
        );
        fs::write(spy.join(name), script).unwrap();
        fs::set_permissions(spy.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = run.command("gitlab", &format!("{MARKER}\nx\n"));
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", spy.display()));
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let arguments = fs::read_to_string(&log).unwrap();
    assert!(arguments.contains("curl\n") && arguments.contains("jq\n"));
    assert!(!arguments.contains(TOKEN), "{arguments}");

    let mut command = run.command("gitlab", &format!("{MARKER}\nx\n"));
    command.env("CI_API_V4_URL", "http://forge.example.org/api/v4");
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("not https"), "{}", said(&done));
}
