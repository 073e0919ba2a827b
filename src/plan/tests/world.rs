//! Small worlds to plan in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::exchange::desired::{ChartRef, Desired, DesiredExchange, OWN_FILE, Terms};
use crate::id::{CommitId, Digest, ExchangeId};
use crate::observe::observed::{
    ClusterView, Observed, Proof, Record, RegistryView, ReleaseKey, ReleaseStatus, ReleaseView,
    SecretIdentity, Stamp, StoredRelease,
};
use crate::packed::Packed;
use crate::plan::policy::Policy;
use crate::plan::{plan, verify, wanted_record};

pub(crate) fn now() -> jiff::Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn id(release: &str) -> ExchangeId {
    format!("prod/nats/{release}").parse().unwrap()
}

pub(crate) fn commit() -> CommitId {
    "a".repeat(40).parse().unwrap()
}

pub(crate) fn exchange(release: &str, values: Value) -> DesiredExchange {
    exchange_of(id(release), values)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "written out where it is called"
)]
pub(crate) fn exchange_of(id: ExchangeId, values: Value) -> DesiredExchange {
    DesiredExchange {
        system_id: id.system_id(),
        adopts_record: false,
        name: id.release.to_string(),
        file: format!("exchanges/{}.yaml", id.release),
        line: 1,
        org_ids: vec!["org".to_owned()],
        metadata: Packed::default(),
        public_url: Some("https://prod/nats/x".to_owned()),
        chart: ChartRef {
            name: "nats".to_owned(),
            version: "2.14.2".to_owned(),
        },
        digest: Digest::of(values.to_string().as_bytes()),
        values: Packed::of(&values),
        provenance: Packed::default(),
        blobs: Packed::of(&BTreeMap::from([(
            OWN_FILE.to_owned(),
            format!("blob of {id}"),
        )])),
        depends_on: Vec::new(),
        terms: Terms::default(),
        drift_ignore: Vec::new(),
        secrets: BTreeSet::new(),
        diagnostics: Vec::new(),
        id,
    }
}

pub(crate) fn desired(exchanges: impl IntoIterator<Item = DesiredExchange>) -> Desired {
    Desired {
        commit: Some(commit()),
        has_history: true,
        exchanges: exchanges
            .into_iter()
            .map(|one| (one.id.clone(), one.into()))
            .collect(),
        ..Desired::default()
    }
}

pub(crate) fn released(exchange: &DesiredExchange) -> ReleaseView {
    ReleaseView {
        revision: 1,
        status: ReleaseStatus::Deployed,
        secret: SecretIdentity {
            name: format!("sh.helm.release.v1.{}.v1", exchange.id.release).into(),
            uid: "uid".into(),
            resource_version: "1".into(),
            created: Some("2026-01-01T11:59:00Z".parse().unwrap()),
        },
        stamp: Some(Stamp {
            instance: Policy::default().instance,
            system_id: exchange.system_id.clone(),
            digest: exchange.digest.label().to_owned(),
            chart: None,
            commit: Some(commit()),
            revision: 1,
        }),
        stored: Some(StoredRelease {
            chart: exchange.chart.name.clone(),
            chart_version: exchange.chart.version.clone(),
            values: exchange.values.open(),
            stateful_sets: Vec::new(),
            objects: Vec::new(),
            configuration: Vec::new(),
        }),
        undecodable: None,
        last_deployed: None,
    }
}

pub(crate) fn record(exchange: &DesiredExchange) -> Record {
    wanted_record(
        exchange,
        &Policy::default().instance,
        Some(&commit()),
        "ready",
    )
}

/// A world where every one of `exchanges` is released, registered and provable.
pub(crate) fn observed<'a>(exchanges: impl IntoIterator<Item = &'a DesiredExchange>) -> Observed {
    let clusters = BTreeMap::from([("prod".parse().unwrap(), Ok(Arc::default()))]);
    let mut world = Observed::new(clusters, Ok(Arc::default()));
    for exchange in exchanges {
        put(&mut world, exchange);
    }
    world
}

pub(crate) fn put(world: &mut Observed, exchange: &DesiredExchange) {
    let view = world
        .clusters
        .entry(exchange.id.cluster.clone())
        .or_insert_with(|| Ok(Arc::default()));
    Arc::make_mut(view.as_mut().unwrap())
        .releases
        .insert(ReleaseKey::of(&exchange.id), released(exchange));
    registry(world)
        .records
        .insert(exchange.system_id.to_string(), vec![record(exchange)]);
    world.proofs.insert(
        exchange.id.clone(),
        Proof::Declared {
            terms: exchange.terms.clone(),
            file: exchange.file.clone(),
            removed_in: None,
        },
    );
}

pub(crate) fn view(world: &mut Observed) -> &mut ClusterView {
    let view = world.clusters.get_mut(&"prod".parse().unwrap());
    Arc::make_mut(view.unwrap().as_mut().unwrap())
}

pub(crate) fn registry(world: &mut Observed) -> &mut RegistryView {
    Arc::make_mut(world.registry.as_mut().unwrap())
}

pub(crate) fn release<'a>(world: &'a mut Observed, name: &str) -> &'a mut ReleaseView {
    view(world)
        .releases
        .get_mut(&ReleaseKey::of(&id(name)))
        .unwrap()
}

/// Plans, lets the plan be verified, and gives `action reason` of one exchange.
pub(crate) fn verdict(desired: &Desired, world: &Observed, policy: &Policy, name: &str) -> String {
    let plan = plan(desired, world, policy, now());
    assert_eq!(verify(&plan, desired, world, policy), Ok(()));
    let entry = plan
        .exchanges
        .iter()
        .find(|entry| entry.id == Some(id(name)));
    entry.map_or_else(
        || "nothing".to_owned(),
        |entry| format!("{} {}", entry.action.word(), entry.reason),
    )
}

pub(crate) fn some_values() -> Value {
    json!({"config": {"cluster": {"enabled": true, "replicas": 3}}})
}
