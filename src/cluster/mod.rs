//! Everything that talks to a Kubernetes API server, except helm.

mod access;
mod assemble;
mod error;
mod exec;
mod helm_access;
mod kubeconfig;
mod stamp;
mod stored;
mod view;

pub use access::{Cluster, ClusterAccess};
pub use assemble::latest_releases;
pub use error::ClusterError;
pub use stamp::{parse_stamp, stamp_labels};
pub use view::ViewWants;
