//! A second API server of a cluster. Stopped, the cluster is gone for whoever uses it, and for nobody else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cluster::{Cluster, wait_until};
use crate::network::free_ports;
use crate::process::{Process, run};

/// Ended when dropped.
#[derive(Debug)]
pub struct ApiServer {
    cluster: Cluster,
    name: String,
    arguments: Vec<String>,
    kubeconfig: PathBuf,
    process: Option<Process>,
}

impl Cluster {
    /// Starts a second API server on the same data. Its kubeconfig and logs lie in `folder`.
    pub fn another_api(&self, folder: &Path) -> Result<ApiServer> {
        let [port] = free_ports()?;
        let text = std::fs::read_to_string(self.kubeconfig())?;
        let first = format!("127.0.0.1:{}", self.record.api_port);
        let kubeconfig = folder.join("kubeconfig");
        std::fs::write(
            &kubeconfig,
            text.replace(&first, &format!("127.0.0.1:{port}")),
        )?;
        let own = ["--secure-port=", "--audit-log-path="];
        let shared = self.record.api_arguments.iter();
        let mut arguments: Vec<String> = shared
            .filter(|argument| !own.iter().any(|own| argument.starts_with(own)))
            .cloned()
            .collect();
        arguments.extend([
            format!("--secure-port={port}"),
            format!("--audit-log-path={}", folder.join("audit.log").display()),
            // Pods go on asking the first one.
            "--endpoint-reconciler-type=none".to_owned(),
        ]);
        let mut server = ApiServer {
            cluster: self.clone(),
            name: format!("kube-apiserver-{port}"),
            arguments,
            kubeconfig,
            process: None,
        };
        server.start()?;
        Ok(server)
    }
}

impl ApiServer {
    /// Leads to it, with every right.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Starts it, also after [`ApiServer::stop`]; it answers then.
    pub fn start(&mut self) -> Result<()> {
        let log = self.kubeconfig.with_file_name("kube-apiserver.log");
        let tools = &self.cluster.tools;
        let mut command = Command::new(&tools.api_server);
        let process = Process::start(&self.name, command.args(&self.arguments), &log)?;
        // Whoever ends the fleet finds it, should this process not live to do so.
        let record = &self.cluster.record;
        record.remember_guest(&self.name, &process)?;
        self.process = Some(process);
        let kubeconfig = self.kubeconfig.clone();
        wait_until("the API server answers", Duration::from_secs(60), || {
            let mut ask = Command::new(&tools.kubectl);
            ask.arg("--kubeconfig").arg(&kubeconfig);
            run(ask.args(["get", "--raw", "/readyz"])).is_ok()
        })
        .with_context(|| format!("see {}", log.display()))
    }

    /// Ends it at once, as when its host dies.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.end(Duration::ZERO);
            self.cluster.record.forget_guest(&self.name);
        }
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop();
    }
}
