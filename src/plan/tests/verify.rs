//! The verifier refuses: an accepted plan, spoilt once for each rule.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;

use super::world::*;
use crate::diagnostic::Diagnostic;
use crate::exchange::desired::{BrokenFile, Desired, DesiredExchange, Suspend, SyncMode, Terms};
use crate::observe::observed::{Observed, Proof, ReleaseKey, Unreadable};
use crate::packed::Packed;
use crate::plan::action::{Action, Plan, PlannedExchange, StepKind};
use crate::plan::policy::{Policy, Withheld};
use crate::plan::{Refused, Violation, plan, verify};
use crate::reason::Reason;

struct Case {
    plan: Plan,
    desired: Desired,
    world: Observed,
    policy: Policy,
}

impl Case {
    /// `orders` is upgraded, `stays` is as wanted, `gone` is uninstalled, and of `ghost` only a record is left.
    fn accepted() -> Self {
        let [old, stays, gone, ghost] =
            ["orders", "stays", "gone", "ghost"].map(|name| exchange(name, some_values()));
        let mut world = observed([&old, &stays, &gone, &ghost]);
        view(&mut world).releases.remove(&ReleaseKey::of(&ghost.id));
        let desired = desired([exchange("orders", serde_json::json!({})), stays]);
        let policy = Policy::default();
        let plan = plan(&desired, &world, &policy, now());
        Self {
            plan,
            desired,
            world,
            policy,
        }
    }

    fn verify(&self) -> Result<(), Refused> {
        verify(&self.plan, &self.desired, &self.world, &self.policy)
    }

    fn entry(&mut self, name: &str) -> &mut PlannedExchange {
        let mut entries = self.plan.exchanges.iter_mut();
        entries.find(|entry| entry.id == Some(id(name))).unwrap()
    }

    fn orders(&mut self) -> &mut DesiredExchange {
        Arc::make_mut(self.desired.exchanges.get_mut(&id("orders")).unwrap())
    }

    fn last_terms(&mut self) -> &mut Terms {
        match self.world.proofs.get_mut(&id("gone")) {
            Some(Proof::Declared { terms, .. }) => terms,
            proof => panic!("{proof:?}"),
        }
    }

    fn four_more_leave(&mut self) {
        let leaving = ["one", "two", "three", "four"].map(id);
        self.policy.removing.extend(leaving);
    }
}

fn held() -> Suspend {
    Suspend {
        reason: "a person".to_owned(),
        until: None,
    }
}

type Spoil = fn(&mut Case);

/// The rule that is broken, by whose entry, and how.
const SPOILT: [(&str, &str, Spoil); 38] = [
    ("has two entries", "orders", |case| {
        let twice = case.entry("orders").clone();
        case.plan.exchanges.push(twice);
    }),
    ("does nothing and has steps", "stays", |case| {
        case.entry("stays").steps.push(StepKind::WaitReady);
    }),
    ("is a change without steps", "orders", |case| {
        case.entry("orders").steps.clear();
    }),
    ("is a change to something without an id", "", |case| {
        case.entry("orders").id = None;
    }),
    ("is named by a broken file", "orders", |case| {
        case.desired.broken.push(BrokenFile {
            file: "exchanges/orders.yaml".to_owned(),
            line: 1,
            blocks: BTreeSet::from([id("orders")]),
            diagnostics: Vec::new(),
        });
    }),
    ("is suspended by command", "orders", |case| {
        case.policy.suspended.insert(id("orders"), held());
    }),
    ("changes where nothing was seen", "orders", |case| {
        case.world.clusters.clear();
    }),
    ("touches a release without our mark", "orders", |case| {
        release(&mut case.world, "orders").stamp = None;
    }),
    (
        "relies on another release than was seen",
        "orders",
        |case| {
            release(&mut case.world, "orders").secret.uid = "other".into();
        },
    ),
    ("unlocks what we did not lock", "orders", |case| {
        case.entry("orders").steps.push(StepKind::Unlock);
    }),
    ("adds something undeclared", "gone", |case| {
        case.entry("gone").action = Action::Upgrade;
    }),
    ("removes something declared", "orders", |case| {
        case.entry("orders").steps.push(StepKind::HelmUninstall);
    }),
    ("changes a dry_run exchange", "orders", |case| {
        case.orders().terms.sync_mode = SyncMode::DryRun;
    }),
    ("patches objects unasked", "orders", |case| {
        case.entry("orders").steps.push(StepKind::PatchObjects);
    }),
    ("changes what is suspended", "orders", |case| {
        case.orders().terms.suspend = Some(held());
    }),
    ("writes a record that was not read", "orders", |case| {
        case.entry("orders").registry = None;
    }),
    ("touches a record without our mark", "orders", |case| {
        let key = id("orders").system_id();
        let registry = registry(&mut case.world);
        let record = &mut registry.records.get_mut(key.as_str()).unwrap()[0];
        let change = |metadata: &mut Map<_, _>| metadata["natsx"]["instance"] = "other".into();
        record.metadata.change(change);
    }),
    ("touches a record without our mark", "gone", |case| {
        let key = id("gone").system_id();
        let registry = registry(&mut case.world);
        registry.records.get_mut(key.as_str()).unwrap()[0].metadata = Packed::default();
    }),
    ("removes while the source is incomplete", "gone", |case| {
        let link = Diagnostic::error(Reason::SourceIncomplete, "a symlink");
        case.desired.incomplete.push(link);
    }),
    ("removes from a dirty tree", "gone", |case| {
        case.desired.dirty = true;
    }),
    ("removes while prune is off", "gone", |case| {
        case.policy.prune = false;
    }),
    ("removes while the registry is unread", "gone", |case| {
        case.world.registry = Err(Unreadable {
            reason: Reason::RegistryUnreadable,
            text: "down".to_owned(),
        });
    }),
    ("removes without proof", "ghost", |case| {
        case.world.proofs.clear();
    }),
    ("uninstalls what was not seen", "gone", |case| {
        view(&mut case.world)
            .releases
            .remove(&ReleaseKey::of(&id("gone")));
    }),
    ("deregisters while the release is there", "ghost", |case| {
        put(&mut case.world, &exchange("ghost", some_values()));
    }),
    (
        "deletes a record that a declared exchange uses",
        "ghost",
        |case| case.orders().system_id = id("ghost").system_id(),
    ),
    ("deregisters without naming the record", "ghost", |case| {
        case.entry("ghost").registry = None;
    }),
    (
        "removes what may be declared under another name of its cluster",
        "gone",
        |case| {
            let twin = exchange_of("other/nats/gone".parse().unwrap(), some_values());
            let twins = desired([twin]).exchanges;
            case.desired.exchanges.extend(twins);
        },
    ),
    ("removes what is protected", "gone", |case| {
        case.last_terms().protect = true;
    }),
    ("removes what its sync_mode keeps", "gone", |case| {
        case.last_terms().sync_mode = SyncMode::OneTime;
    }),
    ("removes what is suspended", "gone", |case| {
        case.last_terms().suspend = Some(held());
    }),
    ("deletes volumes that are retained", "gone", |case| {
        case.entry("gone").steps.push(StepKind::DeleteVolumes);
    }),
    ("empties everything unasked", "gone", |case| {
        case.desired.exchanges.clear();
    }),
    ("removes what was held back unasked", "gone", |case| {
        case.policy.withheld = Withheld::Ids([id("gone")].into());
    }),
    ("removes what was held back unasked", "gone", |case| {
        case.policy.withheld = Withheld::Unknown;
    }),
    (
        "removes more than the guard lets through",
        "gone",
        Case::four_more_leave,
    ),
    ("removes more than the guard lets through", "gone", |case| {
        for name in ["one", "two", "three"] {
            put(&mut case.world, &exchange(name, some_values()));
        }
    }),
    (
        "removes more than the guard lets through",
        "ghost",
        Case::four_more_leave,
    ),
];

#[test]
fn each_rule_refuses_the_plan_that_breaks_it() {
    let actions: Vec<_> = Case::accepted()
        .plan
        .exchanges
        .iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(
        actions,
        [
            Action::Deregister,
            Action::Uninstall,
            Action::Upgrade,
            Action::None
        ]
    );
    assert_eq!(Case::accepted().verify(), Ok(()));
    for (rule, name, spoil) in SPOILT {
        let mut case = Case::accepted();
        spoil(&mut case);
        let broken = Violation {
            id: (!name.is_empty()).then(|| id(name)),
            rule,
        };
        let refused = case.verify().unwrap_err();
        assert!(refused.0.contains(&broken), "{name} {rule}: {refused:?}");
    }
}

/// A text of that file in small letters and blanks alone, of three words and more, is a rule.
#[test]
fn every_rule_is_tried() {
    let source = include_str!("../verify.rs");
    let texts = source.split('"').skip(1).step_by(2);
    let rules: BTreeSet<&str> = texts
        .filter(|text| text.split(' ').count() > 2)
        .filter(|text| {
            text.chars()
                .all(|one| one.is_ascii_lowercase() || " _".contains(one))
        })
        .collect();
    let tried: BTreeSet<&str> = SPOILT.iter().map(|(rule, _, _)| *rule).collect();
    assert_eq!(rules, tried);
}

#[test]
fn a_refusal_is_told_in_words_and_not_at_any_length() {
    let violation = |number: usize| Violation {
        id: Some(id(&format!("a{number}"))),
        rule: "removes without proof",
    };
    let told = Refused((0..12).map(violation).collect()).to_string();
    assert!(told.contains("please report it: prod/nats/a0: removes without proof; prod/nats/a1: "));
    assert!(
        told.ends_with("prod/nats/a9: removes without proof; and 2 more"),
        "{told}"
    );
}
