//! Looks into a cluster past natsx-sync.

use serde_json::Value;

use super::World;

impl World {
    pub(crate) fn cluster(&self, name: &str) -> &fleet::Cluster {
        self.fleet
            .clusters()
            .iter()
            .find(|cluster| cluster.name() == name)
            .unwrap()
    }

    pub(crate) fn kubectl(&self, cluster: &str, arguments: &[&str]) -> String {
        self.cluster(cluster).kubectl(arguments).unwrap()
    }

    /// Takes the servers of a release away by hand, and leaves the rest of it.
    pub(crate) fn scale_to_nothing(&self, cluster: &str, namespace: &str, release: &str) {
        let scale = ["scale", "statefulset", release, "--replicas=0"];
        self.kubectl(cluster, &[&["-n", namespace][..], &scale].concat());
    }

    /// An object as JSON; none when it is not there.
    pub(crate) fn object(&self, cluster: &str, kind: &str, name: &str) -> Option<Value> {
        let text = self.kubectl(
            cluster,
            &[
                "-n",
                "road",
                "get",
                kind,
                name,
                "--ignore-not-found",
                "-o",
                "json",
            ],
        );
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// The labels of each stored revision of a release, oldest first.
    pub(crate) fn revisions(&self, cluster: &str, release: &str) -> Vec<Value> {
        self.revisions_in(cluster, "road", release)
    }

    /// The same in another namespace.
    pub(crate) fn revisions_in(&self, cluster: &str, namespace: &str, release: &str) -> Vec<Value> {
        let selector = format!("owner=helm,name={release}");
        let text = self.kubectl(
            cluster,
            &[
                "-n", namespace, "get", "secrets", "-l", &selector, "-o", "json",
            ],
        );
        let list: Value = serde_json::from_str(&text).unwrap();
        let mut labels: Vec<Value> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["labels"].clone())
            .collect();
        labels.sort_by_key(|labels| labels["version"].as_str().unwrap().parse::<u32>().unwrap());
        labels
    }

    /// The latest revision and its status.
    pub(crate) fn latest(&self, cluster: &str, release: &str) -> Option<(u32, String)> {
        let labels = self.revisions(cluster, release).pop()?;
        Some((
            labels["version"].as_str().unwrap().parse().unwrap(),
            labels["status"].as_str().unwrap().to_owned(),
        ))
    }

    /// The server's configuration as the ConfigMap holds it, with the map's own version.
    pub(crate) fn configuration(&self, cluster: &str, release: &str) -> (String, String) {
        let map = self
            .object(cluster, "configmap", &format!("{release}-config"))
            .unwrap();
        let text = map["data"]["nats.conf"].as_str().unwrap().to_owned();
        (
            text,
            map["metadata"]["resourceVersion"]
                .as_str()
                .unwrap()
                .to_owned(),
        )
    }

    /// Waits until the running server itself says so.
    pub(crate) fn until_connections(&self, cluster: &str, pod: &str, wanted: u64) {
        let path = format!("/api/v1/namespaces/road/pods/{pod}:8222/proxy/varz");
        super::eventually(
            &format!("{pod} takes {wanted} connections"),
            std::time::Duration::from_secs(90),
            || {
                let text = self
                    .cluster(cluster)
                    .kubectl(&["get", "--raw", &path])
                    .unwrap_or_default();
                let varz: Value = serde_json::from_str(&text).unwrap_or_default();
                varz["max_connections"] == wanted
            },
        );
    }

    /// Runs the real helm by hand.
    pub(crate) fn helm(&self, cluster: &str, arguments: &[&str]) -> String {
        let done = std::process::Command::new(&self.fleet.tools().helm3)
            .args(arguments)
            .arg("--namespace=road")
            .arg(format!(
                "--kubeconfig={}",
                self.cluster(cluster).kubeconfig().display()
            ))
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}
