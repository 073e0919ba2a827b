//! How people on this host ask the running daemon: a socket in the state folder, on which a line of JSON asks and a line
//! answers. Whoever may change the state folder may ask: the daemon's own user, and root.

mod client;
mod server;

pub use client::{Acknowledged, approve, ask, status, tell};
pub use server::{Asked, Control};

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, CommitId, ExchangeId};
use crate::state::journal::Said;
use crate::status::Status;

/// Within the state folder.
const NAME: &str = "control.sock";
/// The kernel's limit for the path of a socket, less the zero at its end.
const LONGEST_PATH: usize = 107;
/// In bytes, for a request.
const LONGEST_LINE: usize = 4096;
/// In bytes, for an answer: far more than the status of many thousand exchanges.
const LONGEST_ANSWER: u64 = 64 << 20;

/// Something asked of the daemon; what changes something also makes it look at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Look, and nothing else: something beside the repository was changed.
    Look,
    /// Try this exchange again although it was refused, and ask its servers; failures of the past no longer hold the rest.
    Retry(ExchangeId),
    /// Try every exchange again.
    RetryAll,
    /// Follow the branch to this commit although it is not a descendant of the last.
    Accept(CommitId),
    /// Take the cluster that answers now for the one that is meant; answered with what that is.
    Approve(ClusterId),
    /// Write down what a person said by command. Nothing follows from it.
    Said(Said),
    /// Say how everything stands.
    Status,
}

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is taken; the pass with this number (`tried` in the status) begins after it was and sees all it is about.
    Pass(u64),
    /// It is done; in words.
    Done(String),
    /// It was so already, and nothing was done; in words.
    Already(String),
    /// It is not, and why.
    Refused(String),
    /// How everything stands, as it was told last.
    Status(Box<Status>),
}

/// What came of approving a cluster; in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approved {
    /// It is the one that is meant from now on.
    Now(String),
    /// It was before, and nothing was done.
    Already(String),
}

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is none.
    #[error(
        "no daemon runs in {folder}, so nobody can be asked: start `natsx-sync run`, make one pass with `natsx-sync apply`, or name the daemon's folder with --state"
    )]
    Nobody {
        /// The state folder.
        folder: PathBuf,
    },
    /// Whoever works in the folder takes no requests.
    #[error(
        "process {pid} works in {folder} but takes no requests: it is an `apply` or a daemon that is ending, or its log says why"
    )]
    Deaf {
        /// The state folder.
        folder: PathBuf,
        /// The process.
        pid: u32,
    },
    /// Somebody else's daemon.
    #[error("the daemon in {folder} is another user's: ask it as that user or as root")]
    Denied {
        /// The state folder.
        folder: PathBuf,
    },
    /// It said no.
    #[error("the daemon (process {pid}) refuses: {text}")]
    Refused {
        /// The process.
        pid: u32,
        /// Its words.
        text: String,
    },
    /// The conversation broke off.
    #[error("process {pid} in {folder} does not answer; its log may say why")]
    Silent {
        /// The state folder.
        folder: PathBuf,
        /// The process.
        pid: u32,
        /// The system's error.
        source: io::Error,
    },
}

/// Where the socket is, under a name the kernel takes; it holds while the file is open.
fn place(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = folder.join(NAME);
    if path.as_os_str().len() <= LONGEST_PATH {
        return Ok((path, None));
    }
    let folder = File::open(folder)?;
    let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
    Ok((Path::new(&short).join(NAME), Some(folder)))
}

#[cfg(test)]
mod tests;
