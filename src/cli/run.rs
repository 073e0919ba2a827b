//! `run`: the daemon.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::telemetry::Telemetry;
use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::config::files::{self, Unreadable};
use crate::config::settings::{ListenSettings, LogFormat};
use crate::config::{ConfigError, Settings, Told};
use crate::daemon::{Options, Owner, Session, check};
use crate::id::ExchangeId;
use crate::listen::{Board, Hook, Port, Secrets, bind, serve_named, status_router, webhook_router};
use crate::pass::{Equipment, Purpose, Survey};
use crate::plan::action::PlannedExchange;
use crate::report::news_text;
use crate::source::Revision;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync run --source . --kubeconfig my-cluster=$HOME/.kube/config\n  natsx-sync run --config /etc/natsx-sync/config.yaml --dry-run"
)]
pub(super) struct Args {
    /// Make one pass and wait until nothing is in flight
    #[arg(long, conflicts_with = "dry_run")]
    once: bool,
    /// Observe and plan, show each planned change, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Let this removal through the guard (can be repeated)
    #[arg(long, value_name = "ID", requires = "once")]
    allow_delete: Vec<ExchangeId>,
}

pub(super) async fn run(
    common: &Common,
    args: &Args,
    output: &Output,
    telemetry: &Telemetry,
) -> Done {
    // A reload that is asked for while all this begins neither ends us nor is lost.
    let hangup = signal(SignalKind::hangup())?;
    let loaded = common.settings()?;
    let settings = loaded.settings.clone();
    let format = settings.log.format;
    telemetry.set_format(format);
    telemetry.trace(&settings)?;
    if args.once {
        let wish = super::apply::Wish {
            ask: false,
            allow_delete: args.allow_delete.iter().cloned().collect(),
            detailed: false,
            dirty: false,
            format: Format::Text,
            expect: None,
        };
        return super::apply::once(common, &wish, output).await;
    }
    check(&settings)?;
    telemetry.set_level(settings.log.level);
    let secrets = webhook_secrets(&settings).await?;
    for Unreadable { key, text } in files::unreadable(&settings)?.0 {
        tracing::warn!(
            setting = key,
            text,
            "a file that the settings name cannot be used"
        );
    }
    let equipment = Equipment::connect(settings, Purpose::Change).await?;
    let session = Session::begin(&equipment, "run").map_err(super::apply::held)?;
    let say = |text: String| match format {
        LogFormat::Text => output.say(&text),
        LogFormat::Json => tracing::info!("{text}"),
    };
    say(format!(
        "watching {}",
        equipment.repository.source.display()
    ));
    if let Some(address) = equipment.registry.address().await {
        say(format!("registry at http://{address}"));
    }
    say(format!("state in {}", equipment.state.folder().display()));
    let (board, pushed) = (Arc::new(Board::new()), Arc::new(Notify::new()));
    let settings = &equipment.settings;
    let found = equipment.repository.source.display();
    let told = common.telling(&loaded, found);
    let shown = served_status(&session, settings, told, &board).await?;
    say(format!("status at http://{}", shown.address));
    let hook = match secrets {
        Some(secrets) => Some(served_webhook(secrets, settings, &pushed, &board).await?),
        None => None,
    };
    if let Some(hook) = &hook {
        say(format!("webhook at http://{}/hook", hook.address));
    }
    let options = Options {
        board,
        pushed,
        dry_run: args.dry_run,
        revision: common.revision.clone().map(Revision::Named),
    };
    let person = Person {
        common,
        output,
        telemetry,
        format,
    };
    let ended = crate::daemon::run(equipment, &session, options, &person, hangup).await;
    for served in [Some(shown), hook].into_iter().flatten() {
        served.close().await;
    }
    ended?;
    Ok(0)
}

/// The status endpoint; its address is announced, and what the settings are from.
async fn served_status(
    session: &Session,
    settings: &Settings,
    told: Told,
    board: &Arc<Board>,
) -> anyhow::Result<Served> {
    let wanted = settings.listen.status;
    let port = Port::of(wanted, ListenSettings::default().status);
    let router = status_router(Arc::clone(board));
    let shown = Served::open("listen.status", wanted, port, router, Vec::new()).await?;
    session.lock.announce(shown.address, told)?;
    Ok(shown)
}

/// The secrets of the webhook, where a file of them is set; without a good one nothing is begun.
async fn webhook_secrets(settings: &Settings) -> anyhow::Result<Option<Secrets>> {
    let secrets = settings.webhook.secret_file.clone().map(Secrets::in_file);
    if let Some(secrets) = &secrets {
        secrets.read().await?;
    }
    Ok(secrets)
}

/// The webhook. Whoever delivers knows one port, so no other is taken.
async fn served_webhook(
    secrets: Secrets,
    settings: &Settings,
    pushed: &Arc<Notify>,
    board: &Arc<Board>,
) -> anyhow::Result<Served> {
    let hook = Hook::new(secrets, Arc::clone(pushed), Arc::clone(board));
    let wanted = settings.listen.webhook;
    let names = settings.webhook.hosts.clone();
    let router = webhook_router(hook);
    Served::open("listen.webhook", wanted, Port::Exact, router, names).await
}

/// Something that is served.
struct Served {
    address: SocketAddr,
    ending: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn open(
        key: &str,
        wanted: SocketAddr,
        port: Port,
        router: Router,
        names: Vec<String>,
    ) -> anyhow::Result<Self> {
        let listener = bind(wanted, port)
            .await
            .with_context(|| format!("cannot listen on `{key}` {wanted}"))?;
        let address = listener.local_addr()?;
        let ending = CancellationToken::new();
        let ended = ending.clone().cancelled_owned();
        let serving = tokio::spawn(serve_named(listener, router, names, ended));
        Ok(Self {
            address,
            ending,
            serving,
        })
    }

    /// Finishes what is under way.
    async fn close(self) {
        self.ending.cancel();
        self.serving.await.ok();
    }
}

/// Who typed `run`: their options, their terminal, their log.
struct Person<'a> {
    common: &'a Common,
    output: &'a Output,
    telemetry: &'a Telemetry,
    format: LogFormat,
}

impl Owner for Person<'_> {
    fn settings(&self) -> Result<Settings, ConfigError> {
        Ok(self.common.settings()?.settings)
    }

    fn taken(&self, settings: &Settings) {
        self.telemetry.set_level(settings.log.level);
    }

    /// Programs are told by the log.
    fn show(&self, survey: &Survey, news: &[&PlannedExchange]) {
        if self.format == LogFormat::Json {
            return;
        }
        let header = super::plan::header(&survey.desired);
        let style = super::plan::style(self.output, false);
        let text = news_text(&survey.plan, news, &header, style);
        self.output.result(&text);
    }
}
