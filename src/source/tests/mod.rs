//! Sources read from real repositories and folders.

mod asking;
mod fixture;
mod reading;
