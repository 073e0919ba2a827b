//! Reconciles NATS exchanges from git.
//!
//! ```text
//! git ─Checkout▶ exchange ─Desired▶┐
//!                                  ├▶ plan ─Plan▶ apply ─Outcome▶ status · report
//! clusters, registry ▶ observe ─Observed▶┘  (pure)  (effects)
//! ```
//!
//! The middle of the road knows no tokio, kube, git2, files, processes, clocks or environment; which rooms those are, and
//! what is in every other, stands in ARCHITECTURE.md, and a test holds both to it.

mod address;
pub mod apply;
pub mod chart;
pub mod cli;
pub mod cluster;
pub mod command;
pub mod config;
pub mod control;
pub mod daemon;
pub mod diagnostic;
pub mod drift;
pub mod events;
pub mod exchange;
mod file;
pub mod health;
pub mod helm;
pub mod id;
pub mod listen;
pub mod mask;
pub mod metrics;
pub mod nats_server;
pub mod observe;
pub mod packed;
pub mod pass;
pub mod plan;
pub mod reason;
pub mod registry;
pub mod report;
pub mod saved;
pub mod sealed;
pub mod snapshot;
pub mod source;
pub mod state;
pub mod status;
pub mod yaml;
