//! The daemon as a process, without a cluster: the one it knows does not answer.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod beside;
#[cfg(feature = "otel")]
#[expect(
    dead_code,
    reason = "spans of exchanges are for the tests of real ones"
)]
mod collector;
mod commit_status;
mod control;
mod events;
mod held;
mod host;
mod inbox;
mod listen;
mod log;
mod reload;
mod source;
#[cfg(feature = "otel")]
mod traces;
mod webhook;
