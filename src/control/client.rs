//! The end of whoever asks.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{Answer, Approved, ControlError, LONGEST_ANSWER, Request, place};
use crate::id::ClusterId;
use crate::state::State;
use crate::status::Status;

/// How long it may take that a daemon which has the lock has its socket, too.
const STARTING: Duration = Duration::from_secs(3);
/// How often it is tried meanwhile.
const AGAIN: Duration = Duration::from_millis(50);
/// How long an answer may take; longer than the daemon gives itself, so that its own words arrive.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the daemon took upon itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The daemon.
    pub pid: u32,
    /// The pass that serves the last request (`tried` in the status).
    pub pass: u64,
}

/// Asks the daemon in this folder, in this order; the first that is refused is the last.
///
/// # Errors
/// When there is no daemon, when it may not be asked, and when it refuses.
pub fn ask(state: &State, requests: &[Request]) -> Result<Acknowledged, ControlError> {
    let (pid, stream) = connect(state)?;
    let mut pass = 0;
    for request in requests {
        match exchange(&stream, request).map_err(silent(state, pid))? {
            Answer::Pass(number) => pass = number,
            Answer::Refused(text) => return Err(ControlError::Refused { pid, text }),
            Answer::Done(_) | Answer::Already(_) | Answer::Status(_) => {
                return Err(silent(state, pid)(no_answer()));
            }
        }
    }
    Ok(Acknowledged { pid, pass })
}

/// How everything stands, as the daemon in this folder says: also where it cannot write it down.
///
/// # Errors
/// As [`ask`].
pub fn status(state: &State) -> Result<Status, ControlError> {
    let (pid, stream) = connect(state)?;
    match exchange(&stream, &Request::Status).map_err(silent(state, pid))? {
        Answer::Status(status) => Ok(*status),
        Answer::Refused(text) => Err(ControlError::Refused { pid, text }),
        Answer::Pass(_) | Answer::Done(_) | Answer::Already(_) => {
            Err(silent(state, pid)(no_answer()))
        }
    }
}

/// Lets the daemon in this folder take the cluster it sees now for the one that is meant; what that is, in words.
///
/// # Errors
/// As [`ask`].
pub fn approve(state: &State, cluster: &ClusterId) -> Result<Approved, ControlError> {
    let (pid, stream) = connect(state)?;
    let request = Request::Approve(cluster.clone());
    match exchange(&stream, &request).map_err(silent(state, pid))? {
        Answer::Done(text) => Ok(Approved::Now(text)),
        Answer::Already(text) => Ok(Approved::Already(text)),
        Answer::Refused(text) => Err(ControlError::Refused { pid, text }),
        Answer::Pass(_) | Answer::Status(_) => Err(silent(state, pid)(no_answer())),
    }
}

fn silent(state: &State, pid: u32) -> impl Fn(io::Error) -> ControlError {
    let folder = state.folder().to_owned();
    move |source| ControlError::Silent {
        folder: folder.clone(),
        pid,
        source,
    }
}

fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "that is no answer to it")
}

/// Tells the daemon, if there is one, that something in the state folder was changed. It sees it at its next pass even if
/// it cannot be told now. None when there is none, or one that takes no requests.
///
/// # Errors
/// When a daemon could not be told.
pub fn tell(state: &State) -> Result<Option<Acknowledged>, ControlError> {
    match ask(state, &[Request::Look]) {
        Ok(acknowledged) => Ok(Some(acknowledged)),
        Err(ControlError::Nobody { .. } | ControlError::Deaf { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn connect(state: &State) -> Result<(u32, UnixStream), ControlError> {
    let folder = || state.folder().to_owned();
    let deadline = Instant::now() + STARTING;
    loop {
        let Some(holder) = state.holder() else {
            return Err(ControlError::Nobody { folder: folder() });
        };
        let pid = holder.pid;
        let connected = place(state.folder()).and_then(|(path, _opened)| UnixStream::connect(path));
        match connected {
            Ok(stream) => return Ok((pid, stream)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ControlError::Denied { folder: folder() });
            }
            Err(_) if Instant::now() >= deadline => {
                let folder = folder();
                return Err(ControlError::Deaf { folder, pid });
            }
            Err(_) => std::thread::sleep(AGAIN),
        }
    }
}

fn exchange(mut stream: &UnixStream, request: &Request) -> io::Result<Answer> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    if BufReader::new(stream.take(LONGEST_ANSWER)).read_line(&mut answer)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&answer)?)
}
