//! Whole clusters on one machine.

pub mod git_host;
