//! What a collector is sent of a pass: the pass, the exchanges it handed over, and their steps.

use std::time::Duration;

use crate::collector::{Collector, Span};
use crate::world::{US, World, eventually, exchange};

#[test]
fn a_pass_is_traced_to_each_step_of_what_it_began() {
    let world = World::new("traces");
    let collector = Collector::start();
    let settings = format!("telemetry: {{otlp: '{}'}}\n", collector.url());
    world.settings(&world.repository.url_file(), &settings);
    let id = "us-east-cluster/road/nats-traces";
    let text = exchange(US, "nats-traces", "");
    let commit = world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let daemon = world.daemon();
    world.until_phase(id, "ready");
    let values = "  config.merge.max_connections: 50\n";
    let text = exchange(US, "nats-traces", values);
    world.commit(&[("exchanges/a.yaml", Some(&text))]);
    let is_told = || {
        let spans = collector.spans();
        spans.iter().any(|span| span.is_of(id, "upgrade"))
    };
    eventually("the upgrade is told", Duration::from_secs(120), is_told);
    assert_eq!(daemon.stop(), 0);
    let spans = collector.spans();
    let installed = spans.iter().find(|span| span.is_of(id, "install")).unwrap();
    assert_eq!(installed.text("cluster"), US);
    assert_eq!(installed.text("result"), "done");
    assert_eq!(installed.text("reason"), "");
    assert!(!installed.failed);

    let pass = parent(&spans, installed);
    assert_eq!(pass.name, "pass");
    assert_eq!(pass.text("commit"), commit);
    assert_eq!(pass.service, "natsx-sync");
    assert!(pass.parent.is_empty());
    let steps = children(&spans, installed);
    for step in ["fetch_chart", "helm_install", "wait_ready", "register"] {
        let found = steps.iter().filter(|span| span.name == step).count();
        assert_eq!(found, 1, "{step}: {steps:#?}");
    }
    let parts = children(&spans, pass);
    for part in ["fetch", "look", "exchange"] {
        assert!(parts.iter().any(|span| span.name == part), "{part}");
    }
    for span in steps.iter().chain(&parts) {
        assert_eq!(span.trace, pass.trace, "{span:?}");
        assert!(pass.began <= span.began, "{span:?} of {pass:?}");
    }
    for span in &steps {
        assert!(span.ended <= installed.ended, "{span:?} of {installed:?}");
    }
    // Another pass is another trace.
    let upgraded = spans.iter().find(|span| span.is_of(id, "upgrade"));
    assert_ne!(upgraded.unwrap().trace, pass.trace);

    // The log says within what.
    let log = std::fs::read_to_string(world.path("run.log")).unwrap();
    let within = format!(
        "commit={commit}}}:exchange{{exchange={id} cluster={US} action=\"install\"}}:step{{step=\"helm_install\"}}: begins"
    );
    assert!(log.contains(&within), "{log}");
}

fn parent<'a>(spans: &'a [Span], of: &Span) -> &'a Span {
    spans.iter().find(|span| span.id == of.parent).unwrap()
}

fn children<'a>(spans: &'a [Span], of: &Span) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.parent == of.id).collect()
}
