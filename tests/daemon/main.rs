//! The daemon as a process, without a cluster: the one it knows does not answer.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod host;
mod reload;
