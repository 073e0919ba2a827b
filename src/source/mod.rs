//! Where desired state comes from: a git repository at one commit, or a plain folder.

pub mod checkout;
