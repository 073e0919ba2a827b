//! The difference between what git says and what is seen, as actions. Pure and synchronous: no files, processes,
//! sockets or clocks; the time is an argument.

pub mod action;
pub mod policy;
