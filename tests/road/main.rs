//! The whole road on real clusters: git, helm, NATS, the registry. A module per promise; each test has exchange names of its own.
//! Run by `cargo xtask test`, which starts the fleet.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod access;
mod activation;
mod charts;
mod churn;
#[cfg(feature = "otel")]
#[path = "../daemon/collector.rs"]
mod collector;
mod commit_status;
mod crash;
mod daemon;
mod dead;
mod drift;
mod effects;
mod effects_table;
mod events;
mod federation;
mod files;
mod guard;
mod helms;
#[expect(
    dead_code,
    reason = "who is believed over TLS is for the daemon's own tests"
)]
#[path = "../daemon/inbox.rs"]
mod inbox;
mod jetstream;
mod life;
mod objects;
mod outage;
mod overtaken;
mod readme;
mod remote;
mod replaced;
mod rights;
mod saved;
mod slow;
mod stored;
mod strangers;
#[path = "../programs/stream.rs"]
mod stream;
mod terminating;
#[cfg(feature = "otel")]
mod traces;
mod trial;
mod unseen;
mod world;
mod writers;
