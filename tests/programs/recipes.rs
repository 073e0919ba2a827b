//! The recipes of `ci/`: clean scripts, safe workflows, and a plan that is run as they run it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{Case, ROOT};

pub(crate) const CASES: &[Case] = &[
    (
        "recipes::the_scripts_pass_the_linter",
        &["shellcheck"],
        linted,
    ),
    (
        "recipes::every_script_of_a_workflow_is_a_script",
        &["sh"],
        parsed,
    ),
    (
        "recipes::workflows_ask_for_little_and_trust_no_text",
        &[],
        careful,
    ),
    (
        "recipes::a_plan_becomes_a_comment_a_summary_and_an_exit_code",
        &["sh", "git"],
        planned,
    ),
    (
        "recipes::the_hook_of_pre_commit_has_the_right_shape",
        &[],
        hooked,
    ),
];

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

const WORKFLOWS: [&str; 2] = ["ci/github/plan.yml", "ci/github/comment.yml"];
const PIPELINE: &str = "ci/gitlab/plan.gitlab-ci.yml";

/// The steps of all jobs of a workflow.
fn steps(workflow: &Value) -> Vec<Value> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    jobs.flat_map(|job| job["steps"].as_array().unwrap().clone())
        .collect()
}

/// Every shell script in the recipes.
fn scripts() -> Vec<String> {
    let workflows = WORKFLOWS.iter().flat_map(|path| steps(&yaml(path)));
    let mut found: Vec<String> = workflows
        .filter_map(|step| step["run"].as_str().map(str::to_owned))
        .collect();
    for job in yaml(PIPELINE).as_object().unwrap().values() {
        let lines = job["script"].as_array().into_iter().flatten();
        found.extend(lines.map(|line| line.as_str().unwrap().to_owned()));
    }
    found
}

fn linted() {
    let scripts = ["ci/plan.sh", "ci/comment.sh"];
    let done = Command::new("shellcheck")
        .current_dir(ROOT)
        .args(scripts)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

fn parsed() {
    let scripts = scripts();
    assert!(scripts.len() >= 6);
    for script in scripts {
        let done = Command::new("sh").args(["-nc", &script]).output().unwrap();
        assert!(done.status.success(), "{script}: {}", said(&done));
    }
}

fn careful() {
    for script in scripts() {
        assert!(
            !script.contains("${{"),
            "text of others in a script: {script}"
        );
    }
    for path in WORKFLOWS {
        let workflow = yaml(path);
        let granted = workflow["permissions"].as_object().unwrap();
        assert!(granted.get("contents") != Some(&"write".into()), "{path}");
        for step in steps(&workflow) {
            if step["uses"]
                .as_str()
                .is_some_and(|uses| uses.contains("/checkout@"))
            {
                assert_eq!(step["with"]["fetch-depth"], 0, "{path}");
                assert_eq!(step["with"]["persist-credentials"], false, "{path}");
                assert!(!path.contains("comment"), "strangers' files beside a token");
            }
        }
    }
    let plan = yaml(WORKFLOWS[0]);
    assert_eq!(plan["permissions"], serde_json::json!({"contents": "read"}));
    let offline = plan["jobs"]["offline"].to_string();
    assert!(!offline.contains("secrets.") && offline.contains("--offline"));
    let live = plan["jobs"]["live"]["if"].as_str().unwrap();
    assert!(live.contains("head.repo.full_name == github.repository"));
    assert_eq!(yaml(PIPELINE)[".natsx-sync"]["variables"]["GIT_DEPTH"], "0");
}

fn planned() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let bin = root.join("bin");
    fs::create_dir_all(root.join("work/exchanges")).unwrap();
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_natsx-sync"), bin.join("natsx-sync")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(root.join("work"));
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
        assert!(command.args(arguments).status().unwrap().success());
    };
    let exchange = |name: &str, title: &str| {
        format!("name: '{title}'\nrelease_name: nats-{name}\ncluster_id: us\norg_ids: [o]\n")
    };
    let write =
        |path: &str, text: &str| fs::write(root.join("work/exchanges").join(path), text).unwrap();
    git(&["init", "-q", "-b", "main"]);
    write("a.yaml", &exchange("a", "A"));
    git(&["add", "-A"]);
    git(&["commit", "-qm", "one"]);
    let run = |more: &[&str]| -> Output {
        Command::new("sh")
            .arg(format!("{ROOT}/ci/plan.sh"))
            .args([
                "out",
                "production",
                "--offline",
                "--base",
                "main",
                "--source",
                "work",
            ])
            .args(more)
            .current_dir(root)
            .env_clear()
            .env("PATH", &path)
            .env("GITHUB_STEP_SUMMARY", root.join("summary"))
            .output()
            .unwrap()
    };
    let done = run(&[]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));

    git(&["checkout", "-qb", "topic"]);
    write("b.yaml", &exchange("b", "``` @team <!-- --> </details>"));
    let done = run(&[]);
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
    let comment = fs::read_to_string(root.join("out/plan.md")).unwrap();
    assert!(comment.starts_with("<!-- natsx-sync plan production -->\n### "));
    let printed = Command::new(env!("CARGO_BIN_EXE_natsx-sync"))
        .args(["plan", "--offline", "--base", "main", "--source", "work"])
        .args(["--format", "markdown", "--environment", "production"])
        .current_dir(root)
        .output()
        .unwrap();
    assert_eq!(comment, String::from_utf8(printed.stdout).unwrap());
    assert!(comment.contains("1 to install") && comment.contains("<details>"));
    assert!(
        fs::read_to_string(root.join("summary"))
            .unwrap()
            .ends_with(&comment)
    );
    let plan = fs::read_to_string(root.join("out/plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["summary"]["install"], 1);

    write("a.yaml", "name: [\n");
    let done = run(&[]);
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    let done = run(&["--base", "nowhere"]);
    assert_ne!(done.status.code(), Some(0), "{}", said(&done));
    assert_ne!(done.status.code(), Some(2), "{}", said(&done));
    let comment = fs::read_to_string(root.join("out/plan.md")).unwrap();
    assert!(comment.contains("There is no plan"), "{comment}");
}

fn hooked() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hook = &hooks[0];
    for key in ["id", "name", "entry", "language", "files"] {
        assert!(hook[key].is_string(), "{key}");
    }
    assert_eq!(hook["language"], "system");
    assert_eq!(hook["pass_filenames"], false);
    let mut words = hook["entry"].as_str().unwrap().split(' ');
    assert_eq!(words.next(), Some("natsx-sync"));
    let help = Command::new(env!("CARGO_BIN_EXE_natsx-sync"))
        .args(words)
        .arg("--help")
        .current_dir(Path::new(ROOT))
        .output()
        .unwrap();
    assert!(help.status.success(), "{}", said(&help));
    let files = regex::Regex::new(hook["files"].as_str().unwrap()).unwrap();
    for path in ["values.yaml", "profiles/p.yaml", "exchanges/a/b.yml"] {
        assert!(files.is_match(path), "{path}");
    }
    for path in ["README.md", "docs/values.yaml", "exchanges/a.txt"] {
        assert!(!files.is_match(path), "{path}");
    }
}
