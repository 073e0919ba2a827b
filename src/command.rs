//! Runs a child process: argument vector only, cleared environment, deadline, bounded output, and the whole process
//! group ended when it is time. The only room of the library that starts programs.

use std::ffi::OsString;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::sync::CancellationToken;

/// How long a child has between SIGTERM and SIGKILL. helm marks its release `failed` on SIGTERM, which
/// takes it a few API calls; without them the release stays locked.
pub const GRACE: Duration = Duration::from_secs(15);

/// How long what a child wrote is read after its end.
const REST: Duration = Duration::from_secs(1);

/// Finds a program: a path as it stands, a bare name on `PATH`. Links are followed, so that what was found stays what it
/// is while the link moves on.
pub fn find(path: &str) -> std::io::Result<PathBuf> {
    let found = if path.contains('/') {
        PathBuf::from(path)
    } else {
        std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(path))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| {
                let text = format!("no folder of the PATH has {path}");
                std::io::Error::new(std::io::ErrorKind::NotFound, text)
            })?
    };
    let shown = found.display();
    let program = found.canonicalize().map_err(|error| {
        let text = format!("{shown}: {error}");
        std::io::Error::new(error.kind(), text)
    })?;
    if is_executable(&program) {
        Ok(program)
    } else {
        let text = format!("{shown} is no program that may be run");
        Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            text,
        ))
    }
}

/// The folders where [`find`] looks, unless it is told the path.
pub fn folders(path: &str) -> Option<String> {
    if path.contains('/') {
        return None;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    Some(folders.to_string_lossy().into_owned())
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Ticks a second, as the kernel counts for programs.
const TICKS: u64 = 100;

/// When a process started, since boot; none when there is no such process. With its id it names one process for as long
/// as the machine runs.
pub fn started(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses; the fields count from behind the last one.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    Some(Duration::from_millis(ticks.saturating_mul(1000 / TICKS)))
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Command {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// Its arguments. Never a secret: they can be read by every user of the host.
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(String, OsString)>,
    /// The working folder.
    pub cwd: PathBuf,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// When it is told to end.
    pub deadline: Duration,
    /// Bytes kept of each output stream; the rest is read and dropped, so that the child never blocks.
    pub max_output: usize,
}

/// A finished child.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The first `max_output` bytes.
    pub stdout: Vec<u8>,
    /// The first `max_output` bytes.
    pub stderr: Vec<u8>,
    /// Wall time.
    pub took: Duration,
    /// Ended by its deadline.
    pub timed_out: bool,
    /// Ended because we were told to stop.
    pub cancelled: bool,
}

impl Finished {
    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard error as text.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Talking to it failed.
    #[error("lost {program} while it ran")]
    Wait {
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

/// A child whose process id and start are known, so that a journal can name it.
#[derive(Debug)]
pub struct Running {
    child: tokio::process::Child,
    program: PathBuf,
    pid: Option<Pid>,
    deadline: Duration,
    max_output: usize,
    began: Instant,
}

impl Command {
    /// Runs it to its end, its deadline, or until `cancel` fires.
    pub fn run(self, cancel: &CancellationToken) -> BoxFuture<'_, Result<Finished, CommandError>> {
        // Boxed, as it lies at the bottom of everything we do: the compiler would look through it anew for each.
        async move { self.start()?.finish(cancel).await }.boxed()
    }

    /// Starts it in a process group of its own.
    pub fn start(self) -> Result<Running, CommandError> {
        let stdin = input(&self.stdin).map_err(|source| CommandError::Start {
            program: self.program.clone(),
            source,
        })?;
        let child = tokio::process::Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(self.env)
            .current_dir(&self.cwd)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| CommandError::Start {
                program: self.program.clone(),
                source,
            })?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Running {
            child,
            program: self.program,
            pid,
            deadline: self.deadline,
            max_output: self.max_output,
            began: Instant::now(),
        })
    }
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for its end, its deadline, or `cancel`; SIGTERM first, SIGKILL after [`GRACE`].
    pub async fn finish(mut self, cancel: &CancellationToken) -> Result<Finished, CommandError> {
        // Somebody who left the group may keep the pipes open long after the child: they are read a little longer, no more.
        let over = CancellationToken::new();
        let out = keep(self.child.stdout.take(), self.max_output, &over);
        let err = keep(self.child.stderr.take(), self.max_output, &over);
        let ended = async {
            let ended = end(&mut self.child, self.pid, self.deadline, cancel).await;
            over.cancel();
            ended
        };
        let (stdout, stderr, ended) = tokio::join!(out, err, ended);
        let (status, timed_out, cancelled) = ended.map_err(|source| CommandError::Wait {
            program: self.program.clone(),
            source,
        })?;
        Ok(Finished {
            code: status.code(),
            stdout,
            stderr,
            took: self.began.elapsed(),
            timed_out,
            cancelled,
        })
    }
}

/// A file without a name, not a pipe: if we are killed right after the start, a pipe would end early and the child would
/// take the part it got, or nothing, for the whole input (helm: empty values, so the chart's defaults).
fn input(bytes: &[u8]) -> std::io::Result<Stdio> {
    if bytes.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file = nameless()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

#[cfg(target_os = "linux")]
fn nameless() -> std::io::Result<std::fs::File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(rustix::fs::memfd_create("input", flags)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> std::io::Result<std::fs::File> {
    tempfile::tempfile()
}

async fn end(
    child: &mut tokio::process::Child,
    pid: Option<Pid>,
    deadline: Duration,
    cancel: &CancellationToken,
) -> std::io::Result<(std::process::ExitStatus, bool, bool)> {
    let (timed_out, cancelled) = tokio::select! {
        status = child.wait() => {
            let status = status?;
            // What it left behind in its group goes with it, or its pipes would stay open.
            signal(pid, Signal::KILL);
            return Ok((status, false, false));
        }
        () = tokio::time::sleep(deadline) => (true, false),
        () = cancel.cancelled() => (false, true),
    };
    signal(pid, Signal::TERM);
    let status = if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        status?
    } else {
        signal(pid, Signal::KILL);
        child.wait().await?
    };
    signal(pid, Signal::KILL);
    Ok((status, timed_out, cancelled))
}

fn signal(pid: Option<Pid>, signal: Signal) {
    if let Some(pid) = pid {
        // The group may be gone already.
        kill_process_group(pid, signal).ok();
    }
}

async fn keep(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: usize,
    over: &CancellationToken,
) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return kept };
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut late = std::pin::pin!(async {
        over.cancelled().await;
        tokio::time::sleep(REST).await;
    });
    loop {
        let count = tokio::select! {
            read = pipe.read(&mut buffer) => read.unwrap_or_default(),
            () = &mut late => 0,
        };
        if count == 0 {
            break;
        }
        let room = limit.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, deadline: Duration) -> Command {
        Command {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![],
            cwd: "/".into(),
            stdin: b"hello".to_vec(),
            deadline,
            max_output: 8,
        }
    }

    #[tokio::test]
    async fn output_is_bounded_and_environment_is_clear() {
        let done = shell("cat; echo $HOME; echo 123456789", Duration::from_secs(5))
            .run(&CancellationToken::new())
            .await
            .unwrap();
        assert!(done.success());
        assert_eq!(done.stdout, b"hello\n12");
    }

    #[tokio::test]
    async fn the_whole_input_is_there_when_the_child_starts() {
        let mut command = shell("wc -c", Duration::from_secs(5));
        // More than a pipe holds; nothing of ours runs between the start and the end.
        command.stdin = vec![b'x'; 200_000];
        let mut running = command.start().unwrap();
        let patience = Instant::now() + Duration::from_secs(10);
        while running.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "it waits for its input");
            std::thread::sleep(Duration::from_millis(10));
        }
        let done = running.finish(&CancellationToken::new()).await.unwrap();
        assert_eq!(done.stdout.trim_ascii(), b"200000");
    }

    #[tokio::test]
    async fn who_left_the_group_does_not_keep_us_waiting() {
        let script = "setsid sleep 30 & echo $!; exec true";
        let mut command = shell(script, Duration::from_secs(20));
        command.env = vec![("PATH".to_owned(), "/usr/bin:/bin".into())];
        let done = command.run(&CancellationToken::new()).await.unwrap();
        assert!(
            done.success() && done.took < Duration::from_secs(5),
            "{done:?}"
        );
        let pid = String::from_utf8(done.stdout).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        for (path, words) in [
            ("/nowhere/helm", "/nowhere/helm: No such file"),
            ("no-such-helm", "no folder of the PATH has no-such-helm"),
            ("/etc/passwd", "/etc/passwd is no program"),
        ] {
            let error = find(path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[tokio::test]
    async fn the_whole_group_ends_at_the_deadline() {
        let done = shell("sleep 60 & sleep 60", Duration::from_millis(200))
            .run(&CancellationToken::new())
            .await
            .unwrap();
        assert!(done.timed_out);
        assert!(done.took < Duration::from_secs(5));
    }
}
