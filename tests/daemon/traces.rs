//! A daemon whose traces are taken, are not taken, or are not answered.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::collector::Collector;
use crate::host::Host;

/// Sent at once, where the standard waits five seconds.
const SOON: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "100");

fn settings(host: &Host, url: &str) {
    host.settings(&["one"], &format!("telemetry: {{otlp: '{url}'}}\n"));
}

fn passes(host: &Host, count: u64) {
    for _ in 0..count {
        assert!(host.command(&["reconcile"]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(400));
    }
    host.until_status("the passes", |status| {
        status["pass"].as_u64().is_some_and(|pass| pass > count)
    });
}

#[test]
fn passes_are_traced_under_the_name_the_environment_gives() {
    let collector = Collector::start();
    let mut host = Host::new();
    settings(&host, &collector.url());
    host.start_in(&[SOON, ("OTEL_SERVICE_NAME", "exchanges-of-the-platform")]);
    passes(&host, 2);
    assert_eq!(host.stop(), 0);
    let spans = collector.spans();
    let passes: Vec<_> = spans.iter().filter(|span| span.name == "pass").collect();
    assert!(passes.len() >= 3, "{spans:?}");
    for pass in passes {
        assert_eq!(pass.service, "exchanges-of-the-platform");
        let look = spans
            .iter()
            .find(|span| span.parent == pass.id && span.name == "look");
        assert_eq!(look.unwrap().trace, pass.trace);
    }
    assert!(!host.log().contains("traces are"), "{}", host.log());
}

#[test]
fn a_collector_that_is_away_costs_a_line_in_the_log() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let mut host = Host::new();
    settings(&host, &away);
    host.start_in(&[SOON]);
    passes(&host, 3);
    let began = Instant::now();
    assert_eq!(host.stop(), 0);
    assert!(began.elapsed() < Duration::from_secs(3));
    let log = host.log();
    assert_eq!(log.matches("traces are not taken").count(), 1, "{log}");
    assert!(!log.contains(" ERROR "), "{log}");
}

#[test]
fn a_collector_that_never_answers_delays_the_end_by_moments() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut host = Host::new();
    settings(&host, &format!("http://{}", silent.local_addr().unwrap()));
    host.start_in(&[SOON]);
    passes(&host, 2);
    let began = Instant::now();
    assert_eq!(host.stop(), 0);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
}
