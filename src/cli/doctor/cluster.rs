//! A cluster: does it answer, and may we do what we need to?

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::sheet::Check;
use super::{PATIENCE, late, untrusted};
use crate::cluster::{Cluster, ClusterAccess, ClusterError, Permissions};
use crate::diagnostic::chain;
use crate::reason::Reason;

/// It is asked when its turn comes, and its time begins then.
pub(super) async fn check_cluster(access: ClusterAccess, turns: &Semaphore) -> Check {
    // They are never closed; without one it would merely be asked at once.
    let _turn = turns.acquire().await.ok();
    let until = Instant::now() + PATIENCE;
    let name = format!("cluster {}", access.id);
    let cluster = match timeout_at(until, Cluster::connect(&access)).await {
        Ok(Ok(cluster)) => cluster,
        Ok(Err(error)) => return Check::bad(&name, &error.to_string(), "mend its kubeconfig"),
        Err(_) => {
            // Nothing was sent yet: no other part of it takes its time.
            let file = access.kubeconfig.display();
            let text = format!(
                "kubeconfig {file}: its credential program gave {}",
                late(PATIENCE)
            );
            return Check::bad(&name, &text, "run that program as this user to see why");
        }
    };
    let host = cluster.address().to_owned();
    let answer = timeout_at(until, cluster.permissions()).await;
    let answer = answer.unwrap_or_else(|_| {
        Err(ClusterError::Unreachable {
            host,
            cause: late(PATIENCE),
        })
    });
    match answer {
        Err(error) => {
            let text = chain(&error);
            let place = "`certificate-authority` of its kubeconfig";
            let advice = untrusted(&text, place);
            let advice = advice.as_deref().unwrap_or(unanswered(error.reason()));
            Check::bad(&name, &text, advice)
        }
        Ok(Permissions { missing, .. }) if missing.is_empty() => Check::good(
            &name,
            &format!("{} answers, all permissions", cluster.host()),
        ),
        Ok(Permissions { missing, grant }) => {
            let rules: Vec<_> = missing.iter().map(ToString::to_string).collect();
            let text = format!("permissions are missing:\n{}", rules.join("\n"));
            let bad = Check::bad(&name, &text, "grant what is printed below, or part of it");
            let id = &access.id;
            bad.granting(format!(
                "# cluster {id}: `kubectl apply` this as its administrator\n{grant}"
            ))
        }
    }
}

/// What to do about a cluster that does not say what we may.
fn unanswered(reason: Reason) -> &'static str {
    if reason == Reason::ClusterUnreachable {
        "see that its API server can be reached from here"
    } else {
        reason.story()
    }
}
