//! Whole clusters on one machine.
