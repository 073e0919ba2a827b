//! Options of the server itself, below the chart's `merge`.

use super::Bench;
use crate::reason::Reason;

/// Options the server reads as whole numbers; it refuses a reload with a text there, and nobody is told.
const INTEGERS: &[&str] = &[
    "connect_error_reports",
    "http_port",
    "https_port",
    "max_ack_pending",
    "max_closed_clients",
    "max_conn",
    "max_connections",
    "max_control_line",
    "max_leafs",
    "max_outstanding_catchup",
    "max_payload",
    "max_pending",
    "max_pings_out",
    "max_subs",
    "max_subscriptions",
    "max_traced_msg_len",
    "ping_max",
    "pool_size",
    "port",
    "prof_port",
    "reconnect_error_reports",
];

pub(super) fn examine(bench: &mut Bench<'_>) {
    let mut found = Vec::new();
    if let Some(config) = bench.get(&["config"]) {
        config.walk(&mut Vec::new(), &mut |path, part| {
            let inside = path.iter().any(|key| key == "merge");
            let integer = path
                .last()
                .is_some_and(|key| INTEGERS.contains(&key.as_str()));
            if inside
                && integer
                && let Some(text) = part.text()
                && !text.trim_start().starts_with("<<")
                && text.starts_with(|first: char| first.is_ascii_digit())
            {
                found.push((
                    part.origin,
                    format!("config.{}", path.join(".")),
                    text.to_owned(),
                ));
            }
        });
    }
    for (origin, path, text) in found {
        bench.error(
            Reason::PlainSize,
            origin,
            format!("{path} is a text; the server wants a number, refuses the reload and keeps its old configuration"),
            format!("write \"<< {text} >>\", or the number of bytes without quotes"),
        );
    }
}
