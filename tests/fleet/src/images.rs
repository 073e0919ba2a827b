//! Container images made on this host: a static server and busybox, under the names the chart writes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::process::run;
use crate::tools::{NATS_NEW, NATS_OLD, Tools};

/// The image every pod's sandbox is made of.
pub const PAUSE: &str = "registry.k8s.io/pause:3.6";

/// Watches files and tells the server: what the chart's reloader does, in a few lines. It starts no program while nothing
/// changes: many pods share this host.
const RELOADER: &str = r#"#!/bin/sh
pid= files=
while [ $# -gt 0 ]; do
  case $1 in
    -pid) pid=$2; shift 2 ;;
    -config) files="$files $2"; shift 2 ;;
    *) shift ;;
  esac
done
look() {
  for file in $files; do
    mkdir -p "/tmp/looked${file%/*}"
    touch -r "$file" "/tmp/looked$file"
  done
  cat $files 2>/dev/null | md5sum
}
last=$(look)
trap 'exit 0' TERM
mkfifo /tmp/never
while :; do
  read -r -t 1 nothing <> /tmp/never
  newer=
  for file in $files; do
    [ "$file" -nt "/tmp/looked$file" ] && newer=yes
  done
  [ -n "$newer" ] && [ -s "$pid" ] || continue
  now=$(look)
  if [ "$now" != "$last" ]; then
    last=$now
    kill -HUP "$(cat "$pid")" && echo "configuration changed: server told"
  fi
done
"#;

/// Serves one page, as a place for a scrape to end.
const EXPORTER: &str = "#!/bin/sh\nmkdir -p /www && echo '# exporter' > /www/metrics && exec httpd -f -p 7777 -h /www\n";

/// Ten lines that wait, for the sandbox of a pod.
const PAUSE_SOURCE: &str = r"#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int s) { (void)s; exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, NULL, WNOHANG) > 0) {} }
int main(void) {
  signal(SIGINT, end); signal(SIGTERM, end); signal(SIGCHLD, reap);
  for (;;) pause();
}
";

/// Makes the archive of all images, once per set of programs.
pub fn archive(cache: &Cache, tools: &Tools) -> Result<PathBuf> {
    let target = cache.images().join("images-3.tar");
    if target.exists() {
        return Ok(target);
    }
    let pause = compile_pause(cache)?;
    let mut images = Archive::default();
    let shell = |extra: Vec<Entry>| -> Result<Vec<Entry>> {
        let mut entries = vec![Entry::file("bin/busybox", std::fs::read("/bin/busybox")?)];
        for name in [
            "sh", "ls", "cat", "sleep", "kill", "md5sum", "mkdir", "mkfifo", "touch", "ln", "echo",
            "httpd", "nslookup", "wget", "rm", "ps", "true",
        ] {
            entries.push(Entry::link(&format!("bin/{name}"), "busybox"));
        }
        entries.push(Entry::folder("tmp"));
        entries.extend(extra);
        Ok(entries)
    };
    for (version, program) in [
        (NATS_OLD, &tools.nats_server_old),
        (NATS_NEW, &tools.nats_server_new),
    ] {
        let layer = shell(vec![Entry::file(
            "bin/nats-server",
            std::fs::read(program)?,
        )])?;
        images.add(
            &[&format!("docker.io/library/nats:{version}-alpine")],
            &["nats-server"],
            &layer,
        )?;
    }
    let reloader = shell(vec![Entry::file(
        "bin/nats-server-config-reloader",
        RELOADER.into(),
    )])?;
    images.add(
        &["docker.io/natsio/nats-server-config-reloader:0.23.0"],
        &["nats-server-config-reloader"],
        &reloader,
    )?;
    let exporter = shell(vec![Entry::file(
        "bin/prometheus-nats-exporter",
        EXPORTER.into(),
    )])?;
    images.add(
        &["docker.io/natsio/prometheus-nats-exporter:0.19.2"],
        &["prometheus-nats-exporter"],
        &exporter,
    )?;
    images.add(
        &["docker.io/natsio/nats-box:0.19.7"],
        &["sh"],
        &shell(vec![])?,
    )?;
    images.add(&[PAUSE], &["/pause"], &[Entry::file("pause", pause)])?;
    let temporary = target.with_extension("new");
    std::fs::write(&temporary, images.finish()?)?;
    std::fs::rename(&temporary, &target)?;
    Ok(target)
}

fn compile_pause(cache: &Cache) -> Result<Vec<u8>> {
    let source = cache.images().join("pause.c");
    let binary = cache.images().join("pause");
    std::fs::write(&source, PAUSE_SOURCE)?;
    run(Command::new("cc")
        .args(["-static", "-O2", "-o"])
        .arg(&binary)
        .arg(&source))
    .context("a C compiler with a static C library is needed")?;
    Ok(std::fs::read(&binary)?)
}

struct Entry {
    path: String,
    content: Content,
}

enum Content {
    File(Vec<u8>),
    Link(String),
    Folder,
}

impl Entry {
    fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::File(bytes),
        }
    }

    fn link(path: &str, target: &str) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::Link(target.to_owned()),
        }
    }

    fn folder(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            content: Content::Folder,
        }
    }
}

/// The archive form `ctr images import` reads: a manifest, and a configuration and one layer for each image.
#[derive(Default)]
struct Archive {
    manifest: Vec<serde_json::Value>,
    files: Vec<(String, Vec<u8>)>,
}

impl Archive {
    fn add(&mut self, names: &[&str], command: &[&str], entries: &[Entry]) -> Result<()> {
        let layer = layer(entries)?;
        let layer_digest = hex(&layer);
        let config = serde_json::to_vec(&serde_json::json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {"Entrypoint": command, "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
        }))?;
        let config_name = format!("{}.json", hex(&config));
        let layer_name = format!("{layer_digest}.tar");
        self.manifest.push(
            serde_json::json!({"Config": config_name, "RepoTags": names, "Layers": [layer_name]}),
        );
        self.files.push((config_name, config));
        if !self.files.iter().any(|(name, _)| *name == layer_name) {
            self.files.push((layer_name, layer));
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        put(
            &mut tar,
            "manifest.json",
            &serde_json::to_vec(&self.manifest)?,
            0o644,
        )?;
        for (name, bytes) in &self.files {
            put(&mut tar, name, bytes, 0o644)?;
        }
        Ok(tar.into_inner()?)
    }
}

fn layer(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for entry in entries {
        match &entry.content {
            Content::File(bytes) => put(&mut tar, &entry.path, bytes, 0o755)?,
            Content::Link(target) => {
                let mut header = header(0, 0o777);
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, &entry.path, Path::new(target))?;
            }
            Content::Folder => {
                let mut header = header(0, 0o1777);
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, format!("{}/", entry.path), std::io::empty())?;
            }
        }
    }
    Ok(tar.into_inner()?)
}

fn put(tar: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
    tar.append_data(&mut header(bytes.len() as u64, mode), path, bytes)?;
    Ok(())
}

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header
}

fn hex(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").ok();
    }
    String::from_utf8_lossy(&text).into_owned()
}
