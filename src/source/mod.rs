//! Where desired state comes from: a git repository at one commit, or a plain folder.

mod attribution;
mod base;
pub mod checkout;
mod commits;
mod earlier;
mod error;
mod fetch;
mod folder;
mod gather;
mod git_settings;
mod here;
mod history;
mod leftovers;
mod library;
mod mirror;
mod missing;
mod open;
mod options;
mod place;
mod proof;
mod read;
mod remote;
mod steps;
mod tree;
mod watch;
mod watched;
mod work_tree;

pub use attribution::Identifies;
pub use base::Base;
pub use error::SourceError;
pub use history::History;
pub use open::Source;
pub use options::{Credentials, Limits, Location, Revision, SourceOptions};
pub use place::discover;
pub use proof::Declares;
pub use read::Found;

pub use watch::Watch;

#[cfg(test)]
mod tests;
