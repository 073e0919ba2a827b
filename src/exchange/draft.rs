//! One exchange file on its way to an exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::blocks::Blocks;
use super::context::Context;
use super::desired::{ChartRef, DesiredExchange, Layer, OWN_FILE, Provenance, ValueOrigin};
use super::digest::digest;
use super::federation::Peer;
use super::finding::{Findings, point};
use super::parse::{Declared, parse};
use super::relation::{self, Service};
use super::shared::{Role, Shared, expand, role, unknown_profile};
use super::tree::{Origin, Shape, Tree};
use super::{credential, inventory, lint, privilege, reference};
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::id::{ExchangeId, SystemId};
use crate::packed::Packed;
use crate::reason::Reason;
use crate::source::checkout::{Checkout, SourceFile};
use crate::yaml::{self, Data, Document, Node, Place};

/// The fields that [`super::relation`] compares between files.
const RELATED: [&str; 3] = ["release_name", "system_id", "depends_on"];

/// What became of a file.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    pub(super) file: &'a SourceFile,
    /// Where the document begins.
    begins: Place,
    /// Where the fields stand that other files can contradict; the tree itself would be most of what a draft holds.
    places: Vec<(&'static str, Place)>,
    /// What it names, even where it is broken.
    pub(super) id: Option<ExchangeId>,
    pub(super) depends_on: Vec<(ExchangeId, Place)>,
    pub(super) peers: Vec<Peer>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Broken shared files it uses.
    pub(super) waits_for: Vec<Layer>,
    /// The key of its record, as far as that is known.
    pub(super) record: Option<SystemId>,
    /// What its objects are named after, where all of its values are known.
    pub(super) services: Vec<Service>,
    /// There while no error was found.
    pub(super) exchange: Option<Arc<DesiredExchange>>,
}

impl<'a> Draft<'a> {
    /// Reads a file as far as it can be read alone.
    pub(super) fn read(
        index: usize,
        checkout: &'a Checkout,
        context: &Context,
        library: &BTreeMap<Layer, Shared<'_>>,
    ) -> Option<Self> {
        let file = checkout.files.get(index)?;
        let mut document = yaml::read(&file.bytes);
        keep_relevant(&mut document);
        let mut findings = Findings::of(file);
        let empty = document.root.as_ref().is_none_or(Node::is_null) && document.faults.is_empty();
        let torn = document.is_torn();
        findings.faults(document.faults);
        if empty {
            findings.error(
                Reason::InvalidValue,
                Place::START,
                "the file is empty",
                "write an exchange, or delete the file",
            );
        }
        // A number nobody can read may stand in a value.
        let unread = !findings
            .list
            .iter()
            .all(|found| found.reason == Reason::AmbiguousScalar);
        let mut declared = Declared::default();
        if let Some(root) = document.root.as_ref().filter(|root| !root.is_null()) {
            declared = parse(root, torn, &mut findings);
            inventory::check(root, context, &mut findings);
            credential::refuse(&Tree::of(root, index), &mut findings);
        }
        let root = document.root.as_ref();
        let place = |field: &'static str| Some((field, root?.get(field)?.place));
        let mut draft = Self {
            file,
            begins: root.map_or(Place::START, |root| root.place),
            places: RELATED.into_iter().filter_map(place).collect(),
            id: declared.id.clone(),
            depends_on: declared.depends_on.clone(),
            peers: std::mem::take(&mut declared.peers),
            diagnostics: Vec::new(),
            waits_for: Vec::new(),
            record: None,
            services: Vec::new(),
            exchange: None,
        };
        let nothing = Node {
            place: draft.begins,
            data: Data::Map(Vec::new()),
        };
        let before = findings.errors();
        let own = expand(declared.values.unwrap_or(&nothing), index, &mut findings);
        let is_read = !unread && !declared.flawed && findings.errors() == before;
        privilege::refuse(&own, context, &mut findings);
        draft.diagnostics = findings.list;
        if torn || root.is_none_or(Node::is_null) {
            draft.layers(&declared, library);
            return Some(draft);
        }
        let is_there = |field| {
            root.and_then(|root| root.get(field))
                .is_some_and(|node| !node.is_null())
        };
        draft.record = match (&declared.system_id, is_there("system_id")) {
            (Some(key), _) => Some(key.clone()),
            (None, false) => draft.id.as_ref().map(ExchangeId::system_id),
            (None, true) => None,
        };
        let found = draft.diagnostics.len();
        let layers = draft.layers(&declared, library);
        let is_whole = is_read && draft.waits_for.is_empty() && draft.diagnostics.len() == found;
        // Which names a chart knows depends on its version.
        if declared.chart_version.is_none() && is_there("chart_version") {
            return Some(draft);
        }
        let blocks = if declared.flawed {
            Blocks::none()
        } else {
            Blocks::compile(&declared, index, &context.chart.name)
        };
        // A name, an account or an address is text that the chart copies into the configuration, too.
        let mut findings = Findings::of(file);
        for layer in &blocks.layers {
            privilege::refuse(layer, context, &mut findings);
        }
        draft.diagnostics.extend(findings.list);
        let values = Composed::of(&own, &blocks, &layers, &declared, is_whole, context);
        draft.compose(declared, &blocks, &values, checkout, context);
        Some(draft)
    }

    /// The shared files below this one, in order.
    fn layers<'s>(
        &mut self,
        declared: &Declared<'_>,
        library: &'s BTreeMap<Layer, Shared<'s>>,
    ) -> Vec<&'s Shared<'s>> {
        let mut stack: Vec<&Shared<'_>> = Vec::new();
        if let Some(base) = library.get(&Layer::Base) {
            if !base.sound {
                self.waits_for.push(Layer::Base);
            }
            stack.push(base);
        }
        for (name, place) in &declared.profiles {
            let layer = Layer::Profile(name.clone());
            if let Some(profile) = library.get(&layer) {
                if !profile.sound {
                    self.waits_for.push(layer);
                }
                stack.push(profile);
            } else {
                let known = library.keys().filter_map(|layer| match layer {
                    Layer::Profile(name) => Some(name.as_str()),
                    Layer::Base | Layer::Block(_) | Layer::Exchange => None,
                });
                let known = nearest(name, known);
                self.diagnostics
                    .push(unknown_profile(name, known, self.file, *place));
            }
        }
        stack
    }

    fn compose(
        &mut self,
        declared: Declared<'_>,
        blocks: &Blocks,
        values: &Composed<'_, '_>,
        checkout: &Checkout,
        context: &Context,
    ) {
        let Composed {
            tree,
            chart,
            layers,
            is_whole,
        } = values;
        self.examine(values, checkout, context);
        let Some(id) = declared.id.filter(|_| *is_whole) else {
            return;
        };
        let values = tree.to_value();
        self.services = relation::services(&id, &chart.name, &values);
        if !self.is_sound() {
            return;
        }
        let blobs = layers
            .iter()
            .filter_map(|shared| Some((shared.path.clone(), shared.blob?.to_owned())))
            .chain([(OWN_FILE.to_owned(), self.file.blob.clone())]);
        let exchange = DesiredExchange {
            system_id: declared.system_id.clone().unwrap_or_else(|| id.system_id()),
            adopts_record: declared.system_id.is_some(),
            name: declared.name,
            file: self.file.path.clone(),
            line: self.begins.line,
            org_ids: declared.org_ids,
            metadata: Packed::of(&declared.metadata),
            public_url: declared.public_url.or_else(|| context.public_url(&id)),
            digest: digest(chart, &values),
            chart: chart.clone(),
            provenance: Packed::of(&provenance(tree, blocks, checkout)),
            secrets: reference::collect(&values),
            values: Packed::of(&values),
            blobs: Packed::of(&blobs.collect()),
            depends_on: declared.depends_on.into_iter().map(|(id, _)| id).collect(),
            terms: declared.terms,
            drift_ignore: declared.drift_ignore,
            diagnostics: self.diagnostics.clone(),
            id,
        };
        self.exchange = Some(Arc::new(exchange));
    }

    /// Holds the values to what NATS and its chart take. What is already said of a place is not said in other words.
    fn examine(&mut self, values: &Composed<'_, '_>, checkout: &Checkout, context: &Context) {
        let place = |found: &Diagnostic| (found.file.clone(), found.line, found.column);
        let errors = self
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error);
        let told: BTreeSet<_> = errors.map(place).collect();
        for finding in lint::examine(&values.tree, &values.chart, values.is_whole) {
            let file = checkout.files.get(finding.origin.file);
            let judged = context.severities.apply(finding.diagnostic);
            if let (Some(file), Some(judged)) = (file, judged) {
                let found = point(judged, file, finding.origin.place);
                if !told.contains(&place(&found)) {
                    self.diagnostics.push(found);
                }
            }
        }
    }

    /// What another checkout makes of the same text beside the same shared files.
    pub(super) fn again(&self, file: &'a SourceFile) -> Self {
        Self {
            file,
            ..self.clone()
        }
    }

    /// Whether nothing found so far is an error of the file. Which clusters there are is the operator's to say: an exchange
    /// of one that is not known is whole, and held by the plan.
    pub(super) fn is_sound(&self) -> bool {
        self.diagnostics.iter().all(|found| {
            found.severity != Severity::Error || found.reason == Reason::ClusterNotInInventory
        })
    }

    /// Whether it is about one of these.
    pub(super) fn is_one_of(&self, ids: &BTreeSet<ExchangeId>) -> bool {
        self.id.as_ref().is_some_and(|id| ids.contains(id))
    }

    /// Adds an error that only other files show, at one of the fields.
    pub(super) fn refuse(&mut self, error: Diagnostic, field: &str) {
        let place = self.places.iter().find(|(name, _)| *name == field);
        let place = place.map_or(Place::START, |(_, place)| *place);
        self.diagnostics.push(point(error, self.file, place));
        self.exchange = None;
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, warning: Diagnostic, place: Place) {
        self.diagnostics.push(point(warning, self.file, place));
    }
}

/// The values of a file over those of the shared ones, as far as they could be read.
struct Composed<'l, 's> {
    tree: Tree,
    chart: ChartRef,
    layers: &'l [&'s Shared<'s>],
    /// None of them is missing.
    is_whole: bool,
}

impl<'l, 's> Composed<'l, 's> {
    fn of(
        own: &Tree,
        blocks: &Blocks,
        layers: &'l [&'s Shared<'s>],
        declared: &Declared<'_>,
        is_whole: bool,
        context: &Context,
    ) -> Self {
        let mut tree = Tree {
            origin: own.origin,
            shape: Shape::Map(BTreeMap::new()),
        };
        let shared = layers.iter().filter_map(|shared| shared.tree.as_ref());
        for layer in shared.chain(&blocks.layers).chain([own]) {
            tree.overlay(layer);
        }
        tree.origin = own.origin;
        let version = declared.chart_version.as_ref();
        Self {
            tree,
            chart: ChartRef {
                name: context.chart.name.clone(),
                version: version.unwrap_or(&context.chart.version).clone(),
            },
            layers,
            is_whole,
        }
    }
}

/// Where a field is a text, a bare `no` is one: versions of YAML disagree about free form only.
fn keep_relevant(document: &mut Document) {
    let Some(root) = &document.root else {
        return;
    };
    let values = root
        .entries()
        .iter()
        .position(|entry| entry.key == "helm_values");
    let from = values.and_then(|index| root.entries().get(index));
    let to = values.and_then(|index| root.entries().get(index + 1));
    document.faults.retain(|fault| {
        fault.reason != Reason::AmbiguousScalar
            || from.is_some_and(|from| {
                fault.place > from.place && to.is_none_or(|to| fault.place < to.place)
            })
    });
}

/// Where each leaf was set; lists count as leaves, because layers replace them whole.
fn provenance(tree: &Tree, blocks: &Blocks, checkout: &Checkout) -> Provenance {
    fn visit(
        tree: &Tree,
        path: &mut Vec<String>,
        layer: &impl Fn(Origin) -> Layer,
        found: &mut Provenance,
    ) {
        match &tree.shape {
            Shape::Map(map) if !map.is_empty() => {
                for (key, below) in map {
                    path.push(key.clone());
                    visit(below, path, layer, found);
                    path.pop();
                }
            }
            Shape::Map(_) | Shape::List(_) | Shape::Indexed(_) | Shape::Leaf(Value::Null | _) => {
                if !path.is_empty() {
                    let origin = ValueOrigin {
                        layer: layer(tree.origin),
                        line: tree.origin.place.line,
                        column: tree.origin.place.column,
                    };
                    found.set(path.clone(), origin);
                }
            }
        }
    }
    let layer = |origin: Origin| {
        if let Some(block) = blocks.name_of(origin) {
            return Layer::Block(block.to_owned());
        }
        let path = checkout
            .files
            .get(origin.file)
            .map_or("", |file| file.path.as_str());
        match role(path, &checkout.folder) {
            Role::Values(layer) => layer,
            Role::Exchange | Role::None => Layer::Exchange,
        }
    };
    let mut found = Provenance::default();
    visit(tree, &mut Vec::new(), &layer, &mut found);
    found
}
