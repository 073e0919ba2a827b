//! natsx-sync.
fn main() {}
