//! Everything that talks to a Kubernetes API server, except helm.

mod access;
mod assemble;
mod calm;
mod changes;
mod claims;
mod client;
mod clock;
mod drift;
mod dry_run;
mod error;
mod exec;
mod frame;
mod grant;
mod helm_access;
mod inventory;
mod kinds;
mod kubeconfig;
mod lease;
mod listed;
mod permissions;
mod present;
mod stamp;
mod stored;
mod terminating;
mod told;
mod validity;
mod view;
mod warnings;
mod write;

pub(crate) use access::absent_is_none;
pub use access::{Cluster, ClusterAccess};
pub use assemble::latest_releases;
pub use changes::Change;
pub use claims::Claim;
pub(crate) use claims::label_selector;
pub use drift::Compared;
pub use dry_run::DryRun;
pub use error::ClusterError;
pub(crate) use error::shorten;
pub use inventory::{Connected, Inventory};
pub use lease::{Leases, NotAdmitted};
pub use permissions::{MissingRule, Permissions};
pub use present::Present;
pub use stamp::{parse_stamp, stamp_labels};
pub use view::ViewWants;

#[cfg(test)]
pub(crate) mod tests;
