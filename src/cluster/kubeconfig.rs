//! The operator's kubeconfig, read for one context.

mod written;

use std::path::Path;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::access::ClusterAccess;
use super::error::ClusterError;

pub(super) use written::{News, Written};

/// Where the API server is and how it is recognised.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) server: String,
    pub(super) insecure: bool,
    pub(super) tls_server_name: Option<String>,
    pub(super) proxy: Option<String>,
    pub(super) roots: Vec<Vec<u8>>,
}

/// One context, resolved.
pub(super) struct Chosen {
    pub(super) config: Config,
    pub(super) endpoint: Endpoint,
    /// What all of it was read from, but for the token file: that one is read again as it is used.
    pub(super) written: Written,
}

/// Reads file and context; errors name both.
pub(super) async fn choose(access: &ClusterAccess) -> Result<Chosen, ClusterError> {
    let fail = |error: &KubeconfigError| unusable(access, cause(error));
    let mut written = Written::default();
    written.note(&access.kubeconfig);
    let mut file = Kubeconfig::read_from(&access.kubeconfig).map_err(|error| fail(&error))?;
    for user in &mut file.auth_infos {
        if let Some(exec) = user.auth_info.as_mut().and_then(|user| user.exec.as_mut()) {
            // A daemon has no terminal to ask on, and the program's chatter is not ours to print.
            exec.interactive_mode = Some(kube::config::ExecInteractiveMode::Never);
        }
    }
    if let Some(authority) = authority(&file, access.context.as_deref()) {
        written.note(Path::new(authority));
    }
    let options = KubeConfigOptions {
        context: access.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(file, &options)
        .await
        .map_err(|error| fail(&error))?;
    let user = &config.auth_info;
    for file in [&user.client_certificate, &user.client_key]
        .into_iter()
        .flatten()
    {
        written.note(Path::new(file));
    }
    let endpoint = Endpoint {
        server: config.cluster_url.to_string(),
        insecure: config.accept_invalid_certs,
        tls_server_name: config.tls_server_name.clone(),
        proxy: config.proxy_url.as_ref().map(ToString::to_string),
        roots: config.root_cert.clone().unwrap_or_default(),
    };
    Ok(Chosen {
        config,
        endpoint,
        written,
    })
}

/// The file of certificates the context's API server is recognised by.
fn authority<'f>(file: &'f Kubeconfig, context: Option<&str>) -> Option<&'f str> {
    let name = context.or(file.current_context.as_deref())?;
    let context = file.contexts.iter().find(|context| context.name == name)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = file.clusters.iter().find(|cluster| cluster.name == *name)?;
    let cluster = cluster.cluster.as_ref()?;
    cluster.certificate_authority.as_deref()
}

/// The error of a kubeconfig that nothing can be done with.
pub(super) fn unusable(access: &ClusterAccess, cause: String) -> ClusterError {
    ClusterError::Kubeconfig {
        file: access.kubeconfig.clone(),
        context: match &access.context {
            Some(context) => format!("context {context}"),
            None => "its current context".to_owned(),
        },
        cause,
    }
}

/// What is wrong, without the lines of the file that a parser would quote.
fn cause(error: &KubeconfigError) -> String {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the variants depend on the client's features"
    )]
    match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(location) => format!("no kubeconfig: line {}", location.line()),
            None => "no kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {error}"),
        KubeconfigError::CurrentContextNotSet => {
            "no context is named and the file has no current one".to_owned()
        }
        KubeconfigError::LoadContext(name) => format!("it has no context {name}"),
        KubeconfigError::LoadClusterOfContext(name) => format!("it has no cluster {name}"),
        other => other.to_string(),
    }
}
