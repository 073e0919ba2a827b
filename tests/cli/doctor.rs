//! What `doctor` says where others do not answer.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::command;

/// The registry, three clusters and a credential program hang; nobody is waited for after another.
#[test]
fn what_hangs_is_waited_for_at_the_same_time_and_not_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("repository/exchanges")).unwrap();
    // Accepts what comes, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let mut settings = format!(
        "state: state\nsource: {{url: repository}}\nregistry: {{url: 'http://{address}'}}\nclusters:\n"
    );
    let hangs = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/sleep, args: ['60'], interactiveMode: Never}}";
    for (id, user) in [("a", "{}"), ("b", "{}"), ("c", "{}"), ("d", hangs)] {
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\nclusters: [{{name: x, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: x, user: {user}}}]\n"
        );
        fs::write(at(id), kubeconfig).unwrap();
        writeln!(settings, "  {id}: {{kubeconfig: {id}}}").unwrap();
    }
    fs::write(at("config.yaml"), settings).unwrap();
    let began = Instant::now();
    let mut doctor = command(folder.path(), &["doctor", "--config", "config.yaml"]);
    let mut doctor = doctor.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(doctor.stdout.take().unwrap());
    let mut text = String::new();
    said.read_line(&mut text).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "at the end: {text}"
    );
    said.read_to_string(&mut text).unwrap();
    let code = doctor.wait().unwrap().code();
    assert!(began.elapsed() < Duration::from_secs(20), "{text}");
    assert_eq!(code, Some(1), "{text}");
    let late = "no complete answer within 10 s";
    for what in ["cluster a", "cluster b", "cluster c", "registry"] {
        let line = text.lines().find(|line| line.contains(what)).unwrap();
        assert!(line.starts_with("BAD") && line.ends_with(late), "{text}");
    }
    assert!(text.contains("its credential program gave no"), "{text}");
    assert!(text.contains("ok    repository: "), "{text}");
}
