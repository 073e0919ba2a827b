//! What an offline plan and `validate` ask of the system, seen by strace: no socket, no program, nothing written, no file
//! outside the checkout, in a repository that would like it otherwise.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::Case;

pub(crate) const CASES: &[Case] = &[
    (
        "trace::an_offline_plan_opens_no_socket_starts_no_program_and_reads_the_checkout_only",
        &["strace", "git"],
        alone,
    ),
    ("trace::the_judge_knows_an_offence", &[], judged),
];

const PROGRAM: &str = env!("CARGO_BIN_EXE_natsx-sync");

/// What starting any program opens: the loader, memory maps, the number of processors, random seeds.
const LOADER: [&str; 7] = [
    "/etc/ld.so",
    "/lib",
    "/usr/lib",
    "/proc/self/",
    "/sys/devices/system/cpu/",
    "/dev/null",
    "/dev/urandom",
];

/// What the allocator asks when a program starts with it: how memory is promised, and whether a link holds settings.
const ALLOCATOR: [(&str, &str); 3] = [
    ("open", "/proc/sys/vm/overcommit_memory"),
    ("open", "/sys/kernel/mm/transparent_hugepage/enabled"),
    ("readlink", "/etc/_rjem_malloc.conf"),
];

/// How many of the processors a container may use: what the standard library asks before threads are started.
const QUOTAS: [&str; 3] = ["cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"];

/// Whether the default state folder is there is asked, what is in it is not.
const STATE: &str = "/var/lib/natsx-sync";

/// A repository that names programs wherever git would run one, beside a home that does the same.
struct Hostile {
    folder: TempDir,
}

impl Hostile {
    fn new() -> Self {
        let hostile = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let (work, home) = (hostile.work(), hostile.path("home"));
        fs::create_dir_all(work.join("exchanges")).unwrap();
        fs::create_dir_all(&home).unwrap();
        hostile.git(&["init", "-q", "-b", "main"]);
        for name in ["a", "b"] {
            let text =
                format!("name: {name}\nrelease_name: nats-{name}\ncluster_id: us\norg_ids: [o]\n");
            fs::write(work.join(format!("exchanges/{name}.yaml")), text).unwrap();
        }
        fs::write(
            work.join(".gitattributes"),
            "*.yaml filter=evil diff=evil\n",
        )
        .unwrap();
        hostile.git(&["add", "-A"]);
        hostile.git(&["commit", "-qm", "one"]);
        hostile.git(&["checkout", "-qb", "topic"]);
        fs::remove_file(work.join("exchanges/b.yaml")).unwrap();
        hostile.git(&["commit", "-qam", "two"]);
        let script = hostile.path("evil");
        program(
            &script,
            &format!("#!/bin/sh\ntouch {}\n", hostile.path("ran").display()),
        );
        for hook in [
            "post-checkout",
            "fsmonitor-watchman",
            "reference-transaction",
        ] {
            program(
                &work.join(".git/hooks").join(hook),
                &fs::read_to_string(&script).unwrap(),
            );
        }
        let script = script.display();
        let settings = format!(
            "[core]\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\tpager = {script}\n\texcludesFile = {home}/ignore\n[filter \"evil\"]\n\tclean = {script}\n\tsmudge = {script}\n\tprocess = {script}\n\trequired = true\n[diff \"evil\"]\n\ttextconv = {script}\n\tcommand = {script}\n",
            home = home.display()
        );
        fs::write(
            home.join(".gitconfig"),
            format!("{settings}[include]\n\tpath = more\n"),
        )
        .unwrap();
        fs::write(home.join("more"), settings.clone()).unwrap();
        let own = work.join(".git/config");
        fs::write(&own, fs::read_to_string(&own).unwrap() + &settings).unwrap();
        let secret = hostile.path("secret.yaml");
        fs::write(&secret, "name: secret\n").unwrap();
        std::os::unix::fs::symlink(&secret, work.join("exchanges/link.yaml")).unwrap();
        hostile
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn work(&self) -> PathBuf {
        self.path("work")
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .current_dir(self.work())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .status();
        assert!(done.unwrap().success(), "{arguments:?}");
    }

    /// The system calls of a program run in the checkout with the hostile home.
    fn trace(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let log = self.path("trace");
        let done = Command::new("strace")
            .args([
                "-f",
                "-qq",
                "-s",
                "4096",
                "-e",
                "trace=%file,%process,%network",
                "-o",
            ])
            .arg(&log)
            .arg(program)
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let trace = fs::read_to_string(&log).unwrap_or_default();
        assert!(trace.contains("execve("), "strace saw nothing: {said}");
        trace.lines().map(str::to_owned).collect()
    }
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Lines that an offline plan may not cause.
fn offences(trace: &[String], checkout: &Path) -> Vec<String> {
    let mut started = false;
    let is_offence = |line: &&String| {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((name, rest)) = call.split_once('(') else {
            return false;
        };
        match name {
            "execve" => std::mem::replace(&mut started, true),
            "clone" | "clone3" => !rest.contains("CLONE_THREAD"),
            "exit_group" | "exit" | "wait4" => false,
            _ => match rest.split('"').nth(1) {
                Some(path) => is_foreign(name, path, rest, checkout),
                // Asked by an open descriptor, or whether the call is there at all.
                None => !name.contains("stat"),
            },
        }
    };
    trace.iter().filter(is_offence).cloned().collect()
}

fn is_foreign(name: &str, path: &str, rest: &str, checkout: &Path) -> bool {
    let path = checkout.join(path);
    if ["O_WRONLY", "O_RDWR", "O_CREAT"]
        .iter()
        .any(|flag| rest.contains(flag))
    {
        return path != Path::new("/dev/null");
    }
    let reads = name.starts_with("open")
        || [
            "access",
            "faccessat",
            "faccessat2",
            "readlink",
            "readlinkat",
            "getcwd",
            "statfs",
        ]
        .contains(&name)
        || name.contains("stat");
    // Finding the repository around the checkout looks at the folders above it, and opens none.
    let looks_up = checkout.starts_with(&path) && !name.starts_with("open");
    let at_git = path.file_name().is_some_and(|name| name == ".git")
        && path
            .parent()
            .is_some_and(|above| checkout.starts_with(above))
        && !name.starts_with("open");
    let loads = LOADER
        .iter()
        .any(|start| path.to_string_lossy().starts_with(start));
    let allocates = ALLOCATOR
        .iter()
        .any(|(call, asked)| name.starts_with(call) && path == Path::new(asked));
    let quota = |name: &str| path.file_name().is_some_and(|last| last == name);
    let at_quota = path.starts_with("/sys/fs/cgroup")
        && (QUOTAS.into_iter().any(quota) || !name.starts_with("open"));
    let at_state = path == Path::new(STATE) && name.contains("stat");
    let own = path.starts_with(checkout) || path == Path::new(PROGRAM);
    !reads || !(own || looks_up || at_git || at_state || at_quota || loads || allocates)
}

fn alone() {
    let hostile = Hostile::new();
    let work = hostile.work();
    let plan: &[&str] = &["plan", "--offline", "--base", "main"];
    for arguments in [plan, &["validate"]] {
        let trace = hostile.trace(PROGRAM, arguments);
        let has = |text: &str| trace.iter().any(|line| line.contains(text));
        assert!(has("exchanges/a.yaml"), "it read the checkout");
        assert!(has(".git/objects"), "and git's objects");
        let offences = offences(&trace, &work);
        assert!(
            offences.is_empty(),
            "{arguments:?}:\n{}",
            offences.join("\n")
        );
        assert!(!hostile.path("ran").exists(), "{arguments:?}");
    }
    // The traps are real: git itself walks into them, and the judge sees it.
    let trace = hostile.trace("git", &["status"]);
    assert!(hostile.path("ran").exists());
    assert!(!offences(&trace, &work).is_empty());
}

fn judged() {
    let checkout = Path::new("/srv/checkout");
    let harmless = [
        "7 execve(\"/bin/x\", [\"x\"], 0x7 /* 2 vars */) = 0",
        "7 openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) = 3",
        "7 openat(AT_FDCWD, \"/srv/checkout/.git/config\", O_RDONLY) = 3",
        "7 openat(AT_FDCWD, \"exchanges\", O_RDONLY|O_DIRECTORY) = 3",
        "7 newfstatat(AT_FDCWD, \"/srv\", {st_mode=S_IFDIR|0755}, 0) = 0",
        "7 openat(AT_FDCWD, \"/sys/fs/cgroup/a/cpu.max\", O_RDONLY|O_CLOEXEC) = 3",
        "7 open(\"/proc/sys/vm/overcommit_memory\", O_RDONLY|O_CLOEXEC) = 3",
        "7 readlink(\"/etc/_rjem_malloc.conf\", 0x7ffc, 4096) = -1 ENOENT",
        "7 clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0}, 88) = 8",
        "8 <... openat resumed>) = 3",
        "7 +++ exited with 0 +++",
    ];
    for offence in [
        "7 execve(\"/bin/sh\", [\"sh\"], 0x7) = 0",
        "7 socket(AF_INET, SOCK_STREAM, 0) = 3",
        "7 socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]) = 0",
        "7 clone(child_stack=NULL, flags=SIGCHLD) = 9",
        "7 vfork() = 9",
        "7 openat(AT_FDCWD, \"/srv/person/.gitconfig\", O_RDONLY) = -1 ENOENT",
        "7 openat(AT_FDCWD, \"/srv\", O_RDONLY|O_DIRECTORY) = 3",
        "7 openat(AT_FDCWD, \"/srv/checkout/x\", O_WRONLY|O_CREAT, 0600) = 3",
        "7 newfstatat(AT_FDCWD, \"/etc/gitconfig\", 0x7, 0) = -1 ENOENT",
        "7 openat(AT_FDCWD, \"/sys/fs/cgroup/a/cgroup.procs\", O_RDONLY) = 3",
        "7 openat(AT_FDCWD, \"/etc/_rjem_malloc.conf\", O_RDONLY) = 3",
        "7 openat(AT_FDCWD, \"/proc/sys/kernel/hostname\", O_RDONLY) = 3",
        "7 unlink(\"/srv/checkout/a\") = 0",
        "7 connect(3, {sa_family=AF_UNIX, sun_path=\"/run/x\"}, 110) = 0",
    ] {
        let mut trace: Vec<String> = harmless.iter().map(|line| (*line).to_owned()).collect();
        trace.push(offence.to_owned());
        assert_eq!(offences(&trace, checkout), [offence]);
    }
}
