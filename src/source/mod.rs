//! Where desired state comes from: a git repository at one commit, or a plain folder.

mod attribution;
pub mod checkout;
mod error;
mod folder;
mod gather;
mod history;
mod library;
mod missing;
mod open;
mod options;
mod proof;
mod steps;
mod tree;
mod work_tree;

pub use attribution::{Identifies, LastDeclared};
pub use error::SourceError;
pub use history::History;
pub use open::{Source, discover};
pub use options::{Credentials, Limits, Location, Revision, SourceOptions};
pub use proof::Declares;

#[cfg(test)]
mod tests;
