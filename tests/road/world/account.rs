//! Who natsx-sync is to a cluster: an account of the test's own. The audit log tells its requests from everybody else's,
//! and it has no rights but those it is given.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::World;

const NAMESPACE: &str = "default";

pub(crate) struct Account {
    name: String,
    /// Logs in as it.
    pub(crate) kubeconfig: PathBuf,
}

impl Account {
    /// As a subject of a binding.
    pub(crate) fn subject(&self) -> String {
        format!("{NAMESPACE}:{}", self.name)
    }

    fn username(&self) -> String {
        format!("system:serviceaccount:{}", self.subject())
    }
}

impl World {
    /// Makes an account without any rights. Helms of natsx-sync are it, too: they get its token.
    pub(crate) fn account(&self, cluster: &str, name: &str) -> Account {
        self.kubectl(
            cluster,
            &["-n", NAMESPACE, "create", "serviceaccount", name],
        );
        let token = self.kubectl(cluster, &["-n", NAMESPACE, "create", "token", name]);
        let text = std::fs::read_to_string(self.cluster(cluster).kubeconfig()).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        file["users"][0]["user"] = json!({"token": token.trim()});
        let kubeconfig = self.path(&format!("{name}.kubeconfig"));
        std::fs::write(&kubeconfig, file.to_string()).unwrap();
        Account {
            name: name.to_owned(),
            kubeconfig,
        }
    }

    /// The same with every right.
    pub(crate) fn administrator(&self, cluster: &str, name: &str) -> Account {
        let account = self.account(cluster, name);
        let subject = format!("--serviceaccount={}", account.subject());
        self.kubectl(
            cluster,
            &[
                "create",
                "clusterrolebinding",
                name,
                "--clusterrole=cluster-admin",
                &subject,
            ],
        );
        account
    }

    /// Every request of the account that changes something, or would if it were not a dry run, as `verb resource/name`.
    pub(crate) fn changes_by(&self, cluster: &str, account: &Account) -> Vec<String> {
        let text = std::fs::read_to_string(self.cluster(cluster).audit_log()).unwrap();
        let text_of = |record: &Value, pointer: &str| {
            let found = record.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|record| text_of(record, "/user/username") == account.username())
            // A question about rights is a POST, too.
            .filter(|record| text_of(record, "/objectRef/apiGroup") != "authorization.k8s.io")
            .map(|record| {
                format!(
                    "{} {}/{}",
                    text_of(&record, "/verb"),
                    text_of(&record, "/objectRef/resource"),
                    text_of(&record, "/objectRef/name"),
                )
            })
            .collect()
    }
}
