//! A chart from an OCI registry, put there by helm.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::world::{EU, World, exchange};

/// A registry of this host, as long as a test lasts.
struct Registry {
    child: Child,
    port: String,
}

impl Registry {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["-port", "0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut first).unwrap();
        // It goes on talking; somebody has to listen.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let port = first.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("oci://localhost:{}/charts", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn an_exchange_is_made_of_a_chart_that_helm_pushed() {
    let world = World::new("oci");
    let registry = Registry::start(&world.fleet.tools().oci_registry);
    let chart = world.fleet.chart();
    let folder = world.path("packed");
    let packed = folder.to_string_lossy();
    world.helm(EU, &["package", &chart.to_string_lossy(), "-d", &packed]);
    let archive = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let archive = archive.path();
    let push = [
        "push",
        &archive.to_string_lossy(),
        &registry.url(),
        "--plain-http",
    ];
    world.helm(EU, &push);

    let settings = std::fs::read_to_string(world.path("config.yaml")).unwrap();
    let ours = format!("repository: {}}}", chart.display());
    assert!(settings.contains(&ours));
    let theirs = format!("repository: '{}'}}", registry.url());
    std::fs::write(world.path("config.yaml"), settings.replace(&ours, &theirs)).unwrap();

    let absent = format!("{}chart_version: 2.14.999\n", exchange(EU, "nats-oci", ""));
    world.commit(&[("exchanges/a.yaml", Some(&absent))]);
    let missing = world.run(&["apply", "--yes"]).expect(3);
    let said = format!("{}{}", missing.stdout, missing.stderr);
    assert!(
        said.contains("has no chart nats of version 2.14.999"),
        "{said}"
    );

    world.commit(&[("exchanges/a.yaml", Some(&exchange(EU, "nats-oci", "")))]);
    let id = "eu-edge-cluster/road/nats-oci";
    let ran = world.apply().expect(0);
    assert_eq!(ran.entry(id)["result"], "done");
    // Kept: the next pass does not need the registry.
    drop(registry);
    let values = exchange(EU, "nats-oci", "  config.merge.max_connections: 50\n");
    world.commit(&[("exchanges/a.yaml", Some(&values))]);
    let ran = world.apply().expect(0);
    assert_eq!(ran.entry(id)["action"], "upgrade");
    assert_eq!(ran.entry(id)["result"], "done");
}
