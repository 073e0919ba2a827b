//! What it logs for programs.

use serde_json::Value;

use crate::host::Host;

#[test]
fn each_line_is_an_object_where_the_settings_say_so() {
    let mut host = Host::new();
    host.settings(&["one"], "log: {format: json}\n");
    host.start();
    let log = host.log();
    let read = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let lines: Vec<Value> = log.lines().map(read).collect();
    let pass = lines.iter().find(|line| line["message"] == "pass");
    let pass = pass.unwrap_or_else(|| panic!("no pass:\n{log}"));
    assert_eq!(
        (&pass["level"], &pass["exchanges"]),
        (&"INFO".into(), &2.into())
    );
    let mut held = lines.iter().filter(|line| line["message"] == "held");
    let held = held.find(|line| line["reason"] == "ClusterUnreachable");
    assert_eq!(held.unwrap()["cluster"], "one", "{log}");
}
