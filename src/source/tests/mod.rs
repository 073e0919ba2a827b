//! Sources read from real repositories and folders.

mod asking;
mod base;
mod fetching;
mod fixture;
mod following;
mod reading;
mod turning;
