//! `status`: what the daemon (or the last `apply`) saw. Reads one file, so it works while everything else is on fire.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use url::Url;

use super::gone::{self, Gone};
use super::named::{NotOne, one_of, refused};
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::cli::options::Format;
use crate::control;
use crate::reason::Reason;
use crate::report::json_text;
use crate::snapshot::bounded;
use crate::state::State;
use crate::state::journal::{Journal, deeds};
use crate::status::{Status, StatusEntry, frame};

/// How often `--watch` looks.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Far more than a status of many thousand exchanges.
const LARGEST: u64 = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync status\n  natsx-sync status nats-orders --format json\n  natsx-sync status --watch"
)]
pub(super) struct Args {
    /// Only this exchange: its id, the end of it from a `/` on, or its file
    #[arg(value_name = "X")]
    exchange: Option<String>,
    /// Ask the daemon that answers here instead of the state folder
    #[arg(long, value_name = "URL")]
    status: Option<Url>,
    /// Show it again and again, until interrupted
    #[arg(long, conflicts_with = "format")]
    watch: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    if !args.watch {
        return once(common, args, output).await;
    }
    loop {
        output.clear();
        once(common, args, output).await?;
        tokio::time::sleep(AGAIN).await;
    }
}

async fn once(common: &Common, args: &Args, output: &Output) -> Done {
    let (alive, mut status) = look(common, args.status.as_ref(), output).await?;
    if let Some(wanted) = &args.exchange {
        let entry = match meant(common, args.status.as_ref(), &status, wanted) {
            Ok(entry) => entry.clone(),
            Err(NotOne::Gone(gone)) => return tell_gone(status, &gone, args.format, output),
            Err(error) => return Err(refused(error)),
        };
        status.exchanges = vec![entry];
    }
    match args.format {
        Format::Json => output.result(&json_text(&status)?),
        Format::Text => {
            // What does not fit into a window would scroll the rest out of it.
            let height = args.watch.then(|| output.height()).flatten();
            let (now, width) = (Timestamp::now(), output.width());
            output.result(&frame(&status, now, alive, width, height));
        }
    }
    Ok(0)
}

/// What is listed no more is no part of the status, but who asks for it is told what became of it.
fn tell_gone(mut status: Status, gone: &Gone, format: Format, output: &Output) -> Done {
    status.exchanges.clear();
    match format {
        Format::Json => {
            let mut result = serde_json::to_value(status)?;
            if let Some(map) = result.as_object_mut() {
                map.insert("gone".to_owned(), serde_json::to_value(gone)?);
            }
            output.result(&json_text(&result)?);
        }
        Format::Text => output.result(&gone.tell(output.width())),
    }
    Ok(NOTHING_MATCHED)
}

/// The entry that is meant. What became of one that is not listed is known on the host whose status it is.
pub(super) fn meant<'s>(
    common: &Common,
    url: Option<&Url>,
    status: &'s Status,
    wanted: &str,
) -> Result<&'s StatusEntry, NotOne> {
    one_of(wanted, &status.exchanges).map_err(|error| match (url, open(common)) {
        (None, Ok(state)) => gone::told(&state, status, wanted, error),
        (Some(_), _) | (None, Err(_)) => error,
    })
}

/// The status, and whether who wrote it still runs.
pub(super) async fn look(
    common: &Common,
    url: Option<&Url>,
    output: &Output,
) -> Result<(bool, Status), Failure> {
    if let Some(url) = url {
        return Ok((true, fetch(url).await?));
    }
    let state = open(common)?;
    let holder = state.holder();
    let status = state.read_status()?;
    // A daemon that cannot write it, on a full disk perhaps, still says it.
    if let (None, Some(holder)) = (&status, &holder) {
        if let Ok(status) = tokio::task::block_in_place(|| control::status(&state)) {
            return Ok((true, status));
        }
        // Its socket is its own; what it serves is for every user of this host.
        let address = holder.status.map(|address| format!("http://{address}/"));
        if let Some(url) = address.and_then(|address| Url::parse(&address).ok()) {
            return Ok((true, fetch(&url).await?));
        }
    }
    let mut status = status.ok_or_else(|| no_status(state.folder()))?;
    if let Err(error) = common.settings() {
        let error = anyhow::Error::from(error);
        output.say(&format!("note: the settings cannot be used; what is shown rests on the state folder alone. {error:#}"));
    }
    let alive = holder.is_some_and(|holder| holder.pid == status.pid);
    if !alive {
        take_unfinished(&state, &mut status);
    }
    Ok((alive, status))
}

/// What nobody ended is not in a status that nobody could write any more. Who may not read the journal has that one alone.
fn take_unfinished(state: &State, status: &mut Status) {
    if let Ok((entries, _)) = Journal::look(&state.journal()) {
        status.take_unfinished(&deeds(&entries));
    }
}

/// The status a daemon shows at an address (design: `listen.status`).
pub(super) async fn fetch(url: &Url) -> Result<Status, Failure> {
    let mut address = url.clone();
    if !address.path().ends_with("/status") {
        let path = format!("{}/status", address.path().trim_end_matches('/'));
        address.set_path(&path);
    }
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        // Whoever is named is asked, nobody else.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let get = async || -> anyhow::Result<Status> {
        let answer = client.get(address.clone()).send().await;
        let answer = answer.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        anyhow::ensure!(status == reqwest::StatusCode::OK, "it answers {status}");
        let body = bounded(answer, LARGEST).await?;
        let body = body.with_context(|| format!("it answers with more than {LARGEST} bytes"))?;
        Ok(serde_json::from_slice(&body)?)
    };
    get()
        .await
        .map_err(|error| Failure::from(error.context(format!("no status from {address}"))))
}

/// The state folder and the status in it; settings that cannot be used do not matter.
pub(super) fn read(common: &Common) -> Result<(State, Status), Failure> {
    let state = open(common)?;
    let status = state.read_status()?;
    let status = status.ok_or_else(|| no_status(state.folder()))?;
    Ok((state, status))
}

fn open(common: &Common) -> Result<State, Failure> {
    let folder = common.state_folder().ok_or_else(no_state)?;
    if !folder.exists() {
        return Err(no_status(&folder));
    }
    Ok(State::look(&folder)?)
}

pub(super) fn no_state() -> Failure {
    Failure::from(anyhow::anyhow!(
        "no state folder: set `state`, $STATE_DIRECTORY or $HOME"
    ))
}

pub(super) fn no_status(folder: &std::path::Path) -> Failure {
    Failure::from(anyhow::anyhow!(
        "{}: nothing has run in {} yet; try `natsx-sync plan`, or name the state folder of the one that runs with --state",
        Reason::NoStatus,
        folder.display()
    ))
}
