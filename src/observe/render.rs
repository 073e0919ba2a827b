//! Rendering of exchanges that change, with the real helm, and the test of their configuration with a real server where
//! one is at hand: no cluster is needed for either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::manifest;
use super::observed::{Render, Rendered, Trial, Unreadable};
use super::release::DecodeError;
use crate::chart::{ChartArchive, ChartStore};
use crate::diagnostic::chain;
use crate::exchange::desired::{ChartRef, DesiredExchange};
use crate::helm::{Folders, Helm, HelmError, Refusal, Target};
use crate::id::{Digest, ExchangeId};
use crate::mask::masked_of;
use crate::nats_server::NatsServer;

/// How long one rendering may take; no cluster has a part in it.
const LONGEST: Duration = Duration::from_secs(60);

/// Renders with one helm and one store of charts. The last rendering of each exchange is kept, so that a plan and the
/// upgrade that follows from it, or two passes over the same commit, render once.
#[derive(Debug)]
pub struct Renderer {
    /// The program, or why there is none.
    pub helm: Result<Arc<Helm>, Unreadable>,
    /// The server that tests what was rendered, where there is one.
    pub server: Option<Arc<NatsServer>>,
    /// The archives at hand.
    pub charts: Arc<ChartStore>,
    /// What the helms see.
    pub folders: Folders,
    /// The last renderings.
    pub kept: Kept,
}

/// What was rendered last, by exchange.
#[derive(Debug, Default)]
pub struct Kept(Mutex<BTreeMap<ExchangeId, (Source, Rendered)>>);

/// What a rendering depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    desired: Digest,
    chart: Digest,
}

/// Why there is no rendering.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// helm's own.
    #[error(transparent)]
    Helm(#[from] HelmError),
    /// What it rendered is no manifest.
    #[error("the rendered manifest cannot be read: {0}")]
    Manifest(#[from] DecodeError),
}

impl RenderError {
    /// Whether the same chart and values would be refused again.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Manifest(_) | Self::Helm(HelmError::TooLong(_) | HelmError::NotText) => true,
            Self::Helm(error) => {
                matches!(error.refusal(), Some(Refusal::Render | Refusal::Other))
            }
        }
    }
}

impl Renderer {
    /// Renders every one of `exchanges` whose chart is at hand, `parallel` at a time; what is not done within `limit`
    /// has no rendering. Everything kept of other exchanges is forgotten.
    pub async fn render_all(
        &self,
        exchanges: &[&DesiredExchange],
        parallel: usize,
        limit: Duration,
    ) -> BTreeMap<ExchangeId, Render> {
        self.kept.forget_others(exchanges);
        if exchanges.is_empty() {
            return BTreeMap::new();
        }
        let wanted: BTreeSet<&ChartRef> = exchanges.iter().map(|one| &one.chart).collect();
        let charts: BTreeMap<&ChartRef, Option<ChartArchive>> = wanted
            .into_iter()
            .map(|chart| (chart, self.charts.cached(chart)))
            .collect();
        let mut each = Vec::with_capacity(exchanges.len());
        for exchange in exchanges {
            let chart = charts.get(&exchange.chart).and_then(Option::as_ref);
            each.push(async move { (exchange.id.clone(), self.attempt(exchange, chart).await) });
        }
        let mut renders: BTreeMap<ExchangeId, Render> = stream::iter(each)
            .buffer_unordered(parallel)
            .take_until(tokio::time::sleep(limit))
            .collect()
            .await;
        for exchange in exchanges {
            renders.entry(exchange.id.clone()).or_insert_with(|| {
                Render::Missing(format!("not rendered within {} s", limit.as_secs()))
            });
        }
        renders
    }

    async fn attempt(&self, exchange: &DesiredExchange, chart: Option<&ChartArchive>) -> Render {
        let helm = match &self.helm {
            Ok(helm) => helm,
            Err(why) => return Render::Missing(why.text.clone()),
        };
        let Some(chart) = chart else {
            return Render::Missing("chart not at hand".to_owned());
        };
        let cancel = CancellationToken::new();
        match self.render(helm, exchange, chart, &cancel).await {
            Ok(rendered) => Render::Rendered(rendered),
            Err(error) if error.is_refusal() => Render::Refused(chain(&error)),
            Err(error) => Render::Missing(chain(&error)),
        }
    }

    /// One exchange, with this very archive.
    pub async fn render(
        &self,
        helm: &Helm,
        exchange: &DesiredExchange,
        chart: &ChartArchive,
        cancel: &CancellationToken,
    ) -> Result<Rendered, RenderError> {
        let source = Source {
            desired: exchange.digest.clone(),
            chart: chart.digest.clone(),
        };
        if let Some(rendered) = self.kept.of(&exchange.id, &source) {
            return Ok(rendered);
        }
        let target = Target {
            namespace: &exchange.id.namespace,
            release: &exchange.id.release,
            kubeconfig: None,
            folders: &self.folders,
            timeout: LONGEST,
        };
        let text = helm
            .template(&chart.path, &target, exchange.values.text(), cancel)
            .await?;
        let objects = manifest::parse_objects(&text)?;
        let mut rendered = Rendered {
            stateful_sets: manifest::stateful_sets(&objects),
            configuration: manifest::configuration(&objects),
            trial: Trial::Untried,
        };
        if let Some(server) = &self.server {
            rendered.trial = masked(server.test(&rendered).await, &exchange.values.open());
        }
        self.kept.keep(&exchange.id, source, &rendered);
        Ok(rendered)
    }
}

/// A server quotes what it refuses.
fn masked(trial: Trial, values: &Value) -> Trial {
    match trial {
        Trial::Refused(mut complaints) => {
            for complaint in &mut complaints {
                complaint.text = masked_of(&complaint.text, values);
            }
            Trial::Refused(complaints)
        }
        Trial::Open(why) => Trial::Open(masked_of(&why, values)),
        Trial::Untried | Trial::Taken => trial,
    }
}

impl Kept {
    fn of(&self, id: &ExchangeId, source: &Source) -> Option<Rendered> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, rendered) = kept.get(id)?;
        (of == source).then(|| rendered.clone())
    }

    fn keep(&self, id: &ExchangeId, source: Source, rendered: &Rendered) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(id.clone(), (source, rendered.clone()));
    }

    fn forget_others(&self, exchanges: &[&DesiredExchange]) {
        let wanted: BTreeSet<&ExchangeId> = exchanges.iter().map(|one| &one.id).collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|id, _| wanted.contains(id));
    }
}
