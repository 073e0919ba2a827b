//! natsx-sync: makes NATS exchanges match a git repository.

use std::process::ExitCode;

use natsx_sync::cli::{self, Cli};
use tikv_jemallocator::Jemalloc;

/// A daemon's first minute takes more than all of its months; the system's own allocator would keep that.
#[global_allocator]
static MEMORY: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    // The only TLS provider of the tree; without this the first client to need one would choose.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    // A panic is a bug of ours, told apart from every other failure.
    let outcome = std::panic::catch_unwind(|| match Cli::given() {
        Ok(cli) => cli::run(cli),
        Err(error) => {
            error.print().ok();
            if error.use_stderr() { cli::USAGE } else { 0 }
        }
    });
    ExitCode::from(outcome.unwrap_or(cli::BUG))
}
