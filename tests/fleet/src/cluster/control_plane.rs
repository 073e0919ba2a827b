//! etcd, API server, controller manager and scheduler.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cluster::wait_until;
use crate::network::free_ports;
use crate::pki::{Authority, Identity};
use crate::process::{Process, run};
use crate::record::ClusterRecord;
use crate::tools::Tools;

/// Requests that change something, without their bodies: what tests count.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
- level: None
  users: ['system:apiserver', 'system:kube-scheduler', 'system:kube-controller-manager']
- level: None
  userGroups: ['system:nodes', 'system:serviceaccounts:kube-system']
- level: Metadata
";

/// Starts it and waits until the API server answers.
pub(crate) fn start_control_plane(record: &mut ClusterRecord, tools: &Tools) -> Result<Authority> {
    let folder = record.folder.clone();
    std::fs::create_dir_all(&folder)?;
    let authority = Authority::create(&folder.join("pki"))?;
    let [etcd_port, peer_port, api_port] = free_ports()?;
    record.api_port = api_port;
    start_etcd(record, tools, etcd_port, peer_port)?;

    let bridge: IpAddr = match &record.bridge {
        Some(bridge) => bridge.address().parse()?,
        None => "127.0.0.1".parse()?,
    };
    let loopback: IpAddr = "127.0.0.1".parse()?;
    let service: IpAddr = "10.96.0.1".parse()?;
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ];
    let server = authority.sign(
        "apiserver",
        "kube-apiserver",
        None,
        &names,
        &[loopback, service, bridge],
    )?;
    let admin = authority.sign("admin", "fleet-admin", Some("system:masters"), &[], &[])?;
    let accounts = authority.sign("accounts", "service-accounts", None, &[], &[])?;
    write_kubeconfig(
        &record.kubeconfig,
        &record.name,
        api_port,
        &authority,
        &admin,
    )?;
    std::fs::write(folder.join("audit.yaml"), AUDIT_POLICY)?;

    record.api_arguments = vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={api_port}"),
        // The bridge's: endpoints on loopback are refused.
        format!("--advertise-address={bridge}"),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--tls-cert-file={}", server.certificate.display()),
        format!("--tls-private-key-file={}", server.key.display()),
        format!("--client-ca-file={}", authority.certificate().display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!(
            "--service-account-key-file={}",
            accounts.certificate.display()
        ),
        format!(
            "--service-account-signing-key-file={}",
            accounts.key.display()
        ),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged".to_owned(),
        format!(
            "--kubelet-client-certificate={}",
            admin.certificate.display()
        ),
        format!("--kubelet-client-key={}", admin.key.display()),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!(
            "--audit-policy-file={}",
            folder.join("audit.yaml").display()
        ),
        format!("--audit-log-path={}", folder.join("audit.log").display()),
        format!("--cert-dir={}", folder.join("pki").display()),
        // The fleet is one impatient user.
        "--max-requests-inflight=2000".to_owned(),
    ];
    let api = Process::start(
        "kube-apiserver",
        Command::new(&tools.api_server).args(&record.api_arguments),
        &folder.join("kube-apiserver.log"),
    )?;
    record.remember(api)?;

    let kubeconfig = record.kubeconfig.clone();
    wait_until("the API server answers", Duration::from_secs(60), || {
        run(Command::new(&tools.kubectl)
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(["get", "--raw", "/readyz"]))
        .is_ok()
    })
    .with_context(|| format!("see {}", folder.join("kube-apiserver.log").display()))?;
    start_controllers(record, tools, &authority, &accounts)?;
    Ok(authority)
}

fn start_etcd(record: &mut ClusterRecord, tools: &Tools, port: u16, peer: u16) -> Result<()> {
    let folder = &record.folder;
    let client = format!("http://127.0.0.1:{port}");
    let peer = format!("http://127.0.0.1:{peer}");
    let etcd = Process::start(
        "etcd",
        Command::new(&tools.etcd)
            .arg(format!("--data-dir={}", folder.join("etcd").display()))
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={peer}"))
            .arg(format!("--initial-advertise-peer-urls={peer}"))
            .arg(format!("--initial-cluster=default={peer}"))
            // Nothing here outlives the host.
            .args(["--unsafe-no-fsync", "--log-level=error"]),
        &folder.join("etcd.log"),
    )?;
    record.remember(etcd)?;
    Ok(())
}

fn start_controllers(
    record: &mut ClusterRecord,
    tools: &Tools,
    authority: &Authority,
    accounts: &Identity,
) -> Result<()> {
    let folder = record.folder.clone();
    let kubeconfig = format!("--kubeconfig={}", record.kubeconfig.display());
    let manager = Process::start(
        "kube-controller-manager",
        Command::new(&tools.controller_manager)
            .arg(&kubeconfig)
            .arg(format!(
                "--service-account-private-key-file={}",
                accounts.key.display()
            ))
            .arg(format!(
                "--root-ca-file={}",
                authority.certificate().display()
            ))
            .args([
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--secure-port=0",
            ]),
        &folder.join("kube-controller-manager.log"),
    )?;
    record.remember(manager)?;
    let scheduler = Process::start(
        "kube-scheduler",
        Command::new(&tools.scheduler)
            .arg(&kubeconfig)
            .args(["--leader-elect=false", "--secure-port=0"]),
        &folder.join("kube-scheduler.log"),
    )?;
    record.remember(scheduler)?;
    Ok(())
}

/// Writes a kubeconfig with everything inline, so that it can be copied anywhere.
pub(crate) fn write_kubeconfig(
    path: &Path,
    name: &str,
    port: u16,
    authority: &Authority,
    identity: &Identity,
) -> Result<()> {
    use base64::Engine as _;
    let encode = |path: &Path| -> Result<String> {
        Ok(base64::engine::general_purpose::STANDARD.encode(std::fs::read(path)?))
    };
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": encode(&authority.certificate())?,
        }}],
        "users": [{"name": name, "user": {
            "client-certificate-data": encode(&identity.certificate)?,
            "client-key-data": encode(&identity.key)?,
        }}],
    });
    std::fs::write(path, serde_json::to_vec_pretty(&config)?)?;
    Ok(())
}
