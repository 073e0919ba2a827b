//! The block `federation` as chart values: leafnode remotes, gateways and further routes. A peer of the same Kubernetes
//! cluster is named by its exchange, which gives the name of its Service; any other by its address.

use serde_json::Value;
use url::Url;

use super::blocks::{Variables, map, text};
use super::chart_defaults::chart_number;
use super::finding::Findings;
use super::tree::{Origin, Shape, Tree};
use crate::id::ExchangeId;
use crate::reason::Reason;
use crate::yaml::Place;

/// How two exchanges are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Leafnode,
    Gateway,
    Route,
}

impl Link {
    const ALL: [Self; 3] = [Self::Leafnode, Self::Gateway, Self::Route];

    /// The field of the block.
    fn field(self) -> &'static str {
        match self {
            Self::Leafnode => "leafnodes",
            Self::Gateway => "gateways",
            Self::Route => "routes",
        }
    }

    /// The section of the chart's `config` in which a peer listens for it.
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::Leafnode => "leafnodes",
            Self::Gateway => "gateway",
            Self::Route => "cluster",
        }
    }

    /// The port it listens on there, unless told otherwise.
    pub(super) fn port(self) -> u64 {
        chart_number(&["config", self.section(), "port"]).unwrap_or_default()
    }
}

/// Another exchange whose Service is reached by its name.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) id: ExchangeId,
    pub(super) link: Link,
    pub(super) place: Place,
}

/// Refuses links that could not come about; the peers whose files have to agree.
pub(super) fn check(
    block: &Tree,
    own: Option<&ExchangeId>,
    findings: &mut Findings<'_>,
) -> Vec<Peer> {
    let mut peers = Vec::new();
    for link in Link::ALL {
        for peer in items(block, link) {
            check_peer(peer, link, own, findings);
            if let (Some(id), None) = (exchange(peer), word(peer, "url")) {
                let place = peer.origin.place;
                peers.push(Peer { id, link, place });
            }
        }
    }
    peers
}

fn check_peer(peer: &Tree, link: Link, own: Option<&ExchangeId>, findings: &mut Findings<'_>) {
    let mut refuse = |part: &Tree, text: String, hint: &str| {
        findings.error(Reason::InvalidValue, part.origin.place, text, hint);
    };
    let (other, url) = (exchange(peer), word(peer, "url"));
    match (&other, url) {
        (None, None) => refuse(
            peer,
            "a link needs the other end".to_owned(),
            "add `exchange: CLUSTER/NAMESPACE/RELEASE`, or `url: nats://HOST:PORT`",
        ),
        (Some(other), None) if own.is_some_and(|own| own.cluster != other.cluster) => refuse(
            peer,
            format!(
                "{other} is in another Kubernetes cluster, where the name of its Service means nothing"
            ),
            "add `url` with the address under which it is reached from here",
        ),
        (Some(other), None) if own == Some(other) => refuse(
            peer,
            "an exchange is not linked with itself".to_owned(),
            "name another one",
        ),
        (None, Some(_)) if link == Link::Gateway && word(peer, "name").is_none() => refuse(
            peer,
            "a gateway is known by the name of the other cluster".to_owned(),
            "add `name`; clusters made by the chart are called as their StatefulSet",
        ),
        _ => {}
    }
    if let Some(part) = peer.get(&["url"])
        && let Some(url) = url
        && !is_address(url, link)
    {
        refuse(
            part,
            format!("no address that {} have", link.field()),
            "write `nats://HOST:PORT` or `tls://HOST:PORT`, without a login; a leafnode logs in by `credentials`",
        );
    }
}

/// What the block, which was checked, sets in the chart.
pub(super) fn compile(block: &Tree, chart: &str, variables: &mut Variables) -> Tree {
    let origin = block.origin;
    let mut config = Vec::new();
    let remotes = list(block, Link::Leafnode, |peer| {
        let address = address(peer, chart, Link::Leafnode.port());
        let mut remote = vec![("url", text(peer.origin, &address))];
        // A seed, by which the peer knows the nkey.
        if let Some(seed) = peer.get(&["credentials"]) {
            remote.push(("nkey", variables.of(seed)));
        }
        if let Some(account) = peer.get(&["account"]) {
            remote.push(("account", account.clone()));
        }
        map(peer.origin, remote)
    });
    // Not in the section, which would open a port for leafnodes as well.
    if let Some(remotes) = remotes {
        let section = map(origin, [("remotes", remotes)]);
        config.push(("merge", map(origin, [("leafnodes", section)])));
    }
    let gateways = list(block, Link::Gateway, |peer| {
        let known = exchange(peer).map(|other| full_name(&other, chart));
        let name = word(peer, "name").map(str::to_owned).or(known);
        let address = address(peer, chart, Link::Gateway.port());
        let name = text(peer.origin, &name.unwrap_or_default());
        map(
            peer.origin,
            [("name", name), ("url", text(peer.origin, &address))],
        )
    });
    if let Some(gateways) = gateways {
        let on = leaf(origin, Value::Bool(true));
        let more = map(origin, [("gateways", gateways)]);
        config.push(("gateway", map(origin, [("enabled", on), ("merge", more)])));
    }
    // A list that is merged would take the place of the routes to the cluster's own servers.
    let routes = list(block, Link::Route, |peer| {
        let part = |value: &str| text(peer.origin, value);
        let address = part(word(peer, "url").unwrap_or_default());
        let add = [
            ("op", part("add")),
            ("path", part("/routes/-")),
            ("value", address),
        ];
        map(peer.origin, add)
    });
    if let Some(routes) = routes {
        config.push(("cluster", map(origin, [("patch", routes)])));
    }
    map(origin, [("config", map(origin, config))])
}

/// The name of the chart's objects.
pub(super) fn full_name(id: &ExchangeId, chart: &str) -> String {
    let release = id.release.as_str();
    if release.contains(chart) {
        release.to_owned()
    } else {
        format!("{release}-{chart}")
    }
}

/// An exchange is reached through its headless Service: that has every port, where the other one has those it was told.
fn address(peer: &Tree, chart: &str, port: u64) -> String {
    match (word(peer, "url"), exchange(peer)) {
        (Some(url), _) => url.to_owned(),
        (None, Some(other)) => {
            let name = full_name(&other, chart);
            format!("nats://{name}-headless.{}.svc:{port}", other.namespace)
        }
        (None, None) => String::new(),
    }
}

fn is_address(url: &str, link: Link) -> bool {
    let schemes: &[&str] = match link {
        Link::Leafnode => &["nats", "nats-leaf", "tls", "ws", "wss"],
        Link::Gateway | Link::Route => &["nats", "nats-route", "tls"],
    };
    Url::parse(url).is_ok_and(|url| {
        let login = !url.username().is_empty() || url.password().is_some();
        schemes.contains(&url.scheme()) && url.has_host() && !login
    })
}

/// The peers of one kind, each as what the chart is told; none where there is none.
fn list(block: &Tree, link: Link, told: impl FnMut(&Tree) -> Tree) -> Option<Tree> {
    let peers = block.get(&[link.field()])?;
    let told: Vec<Tree> = items(block, link).into_iter().map(told).collect();
    (!told.is_empty()).then_some(Tree {
        origin: peers.origin,
        shape: Shape::List(told),
    })
}

fn items(block: &Tree, link: Link) -> Vec<&Tree> {
    block
        .get(&[link.field()])
        .map(Tree::items)
        .unwrap_or_default()
}

fn exchange(peer: &Tree) -> Option<ExchangeId> {
    word(peer, "exchange")?.parse().ok()
}

fn word<'p>(peer: &'p Tree, field: &str) -> Option<&'p str> {
    peer.get(&[field]).and_then(Tree::text)
}

fn leaf(origin: Origin, value: Value) -> Tree {
    Tree {
        origin,
        shape: Shape::Leaf(value),
    }
}
