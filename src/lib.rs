//! Reconciles NATS exchanges from git.
