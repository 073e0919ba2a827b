//! What a test's end takes with it: pods left standing would slow every test after it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;

impl Drop for World {
    fn drop(&mut self) {
        // Left as they are for whoever looks into a failure.
        if std::thread::panicking() {
            return;
        }
        for cluster in self.fleet.clusters() {
            for (namespace, releases) in self.releases(cluster) {
                let selector = format!(
                    "app.kubernetes.io/instance%20in%20({})",
                    releases.join("%2C")
                );
                for kind in ["statefulsets", "deployments"] {
                    let path = format!(
                        "/apis/apps/v1/namespaces/{namespace}/{kind}?labelSelector={selector}"
                    );
                    cluster.kubectl(&["delete", "--raw", &path]).ok();
                }
            }
        }
    }
}

impl World {
    /// The releases of this test's instance, by namespace.
    fn releases(&self, cluster: &fleet::Cluster) -> BTreeMap<String, Vec<String>> {
        let path = format!(
            "/api/v1/secrets?labelSelector=owner%3Dhelm%2Cnatsx-sync%2Finstance%3D{}",
            self.instance()
        );
        let text = cluster
            .kubectl(&["get", "--raw", &path])
            .unwrap_or_default();
        let list: Value = serde_json::from_str(&text).unwrap_or_default();
        let mut releases = BTreeMap::<String, Vec<String>>::new();
        for secret in list["items"].as_array().into_iter().flatten() {
            let metadata = &secret["metadata"];
            let (Some(namespace), Some(release)) = (
                metadata["namespace"].as_str(),
                metadata["labels"]["name"].as_str(),
            ) else {
                continue;
            };
            releases
                .entry(namespace.to_owned())
                .or_default()
                .push(release.to_owned());
        }
        releases
    }
}
