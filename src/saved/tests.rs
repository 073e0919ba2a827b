use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::exchange::desired::BrokenFile;
use crate::observe::observed::{Observed, Proof};
use crate::packed::Packed;
use crate::plan::plan;
use crate::plan::policy::Policy;
use crate::plan::tests::changes::{CHANGES, upgrade};
use crate::plan::tests::world::*;

fn save(desired: &Desired, world: &Observed) -> SavedPlan {
    let policy = Policy::default();
    let circumstances = Circumstances {
        created: now(),
        expires: "2026-01-02T12:00:00Z".parse().unwrap(),
        instance: policy.instance.clone(),
        truth: Truth::Live,
        allow_delete: BTreeSet::new(),
        archives: BTreeMap::new(),
    };
    SavedPlan::new(
        &plan(desired, world, &policy, now()),
        desired,
        circumstances,
    )
}

/// `id: part, part` of each stale entry.
fn told(
    saved: &SavedPlan,
    desired: &Desired,
    world: &Observed,
    head: Option<&Desired>,
) -> Vec<String> {
    let plan = plan(desired, world, &Policy::default(), now());
    let archives = BTreeMap::new();
    let head = head.map(|desired| Head {
        desired,
        proofs: &world.proofs,
    });
    let now = Now {
        plan: &plan,
        desired,
        proofs: &world.proofs,
        head,
        archives: &archives,
    };
    let parts = |stale: Stale| {
        let parts = stale
            .changes
            .into_iter()
            .map(|change| String::from(change.part));
        format!(
            "{}: {}",
            stale.id.release,
            parts.collect::<Vec<_>>().join(", ")
        )
    };
    stale(saved, now).into_iter().map(parts).collect()
}

#[test]
fn what_matters_to_an_exchange_spoils_its_entry_and_nothing_else_does() {
    for (name, part, change) in CHANGES {
        let (mut desired, mut world) = upgrade();
        let saved = save(&desired, &world);
        assert_eq!(told(&saved, &desired, &world, None), [] as [&str; 0]);
        change(&mut desired, &mut world);
        let told = told(&saved, &desired, &world, None);
        match part {
            None => assert_eq!(told, [] as [&str; 0], "{name}"),
            Some(part) => {
                assert_eq!(told.len(), 1, "{name}");
                assert!(
                    told[0].starts_with(&format!("orders: {part}")),
                    "{name}: {told:?}"
                );
            }
        }
    }
}

#[test]
fn a_branch_that_went_on_spoils_what_its_files_change() {
    for (name, part, change) in CHANGES {
        let (desired, world) = upgrade();
        let saved = save(&desired, &world);
        let mut head = desired.clone();
        change(&mut head, &mut world.clone());
        // Settings are those of whoever applies, whatever the commit.
        let of_file = part.filter(|part| part.contains("file") || part.contains("yaml"));
        let expected: Vec<String> = of_file
            .map(|part| format!("orders: {part}"))
            .into_iter()
            .collect();
        assert_eq!(
            told(&saved, &desired, &world, Some(&head)),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_removal_holds_while_the_head_declares_nothing_of_it() {
    let (gone, stays) = (exchange("gone", json!({})), exchange("stays", json!({})));
    let world = observed([&gone, &stays]);
    let wanted = desired([stays.clone()]);
    let saved = save(&wanted, &world);
    let look = |head: &Desired| told(&saved, &wanted, &world, Some(head));
    let nothing: [&str; 0] = [];
    assert_eq!(saved.changes().count(), 1);
    assert_eq!(look(&desired([])), nothing, "other removals are no matter");
    assert_eq!(look(&desired([gone.clone(), stays])), ["gone: file"]);
    let mut broken = wanted.clone();
    broken.broken.push(BrokenFile {
        file: "exchanges/x.yaml".to_owned(),
        line: 1,
        blocks: [gone.id].into(),
        diagnostics: Vec::new(),
    });
    assert_eq!(look(&broken), ["gone: file"]);
    broken.broken[0].blocks.clear();
    assert_eq!(
        look(&broken),
        ["gone: file"],
        "nobody knows what it declares"
    );
    broken.broken[0].blocks.insert(id("other"));
    assert_eq!(look(&broken), nothing);
}

/// Its file came back with `protect: true` and went again, after the plan was saved.
#[test]
fn a_removal_holds_while_the_head_proves_it_by_the_same_terms() {
    let (gone, stays) = (exchange("gone", json!({})), exchange("stays", json!({})));
    let world = observed([&gone, &stays]);
    let wanted = desired([stays]);
    let saved = save(&wanted, &world);
    let plan = plan(&wanted, &world, &Policy::default(), now());
    let archives = BTreeMap::new();
    let look = |proofs: &BTreeMap<ExchangeId, Proof>| {
        let head = Head {
            desired: &wanted,
            proofs,
        };
        let now = Now {
            plan: &plan,
            desired: &wanted,
            proofs: &world.proofs,
            head: Some(head),
            archives: &archives,
        };
        let stale = stale(&saved, now).into_iter();
        let texts = stale.flat_map(|stale| stale.changes).map(|one| one.text);
        texts.collect::<Vec<_>>()
    };
    assert_eq!(look(&world.proofs), [] as [&str; 0]);
    let with = |proof: Proof| BTreeMap::from([(gone.id.clone(), proof)]);
    let mut terms = gone.terms.clone();
    terms.protect = true;
    let again = |terms, removed_in| {
        with(Proof::Declared {
            terms,
            file: gone.file.clone(),
            removed_in,
        })
    };
    let texts = look(&again(terms.clone(), Some(commit())));
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("declared again since"), "{texts:?}");
    let same_terms = again(gone.terms.clone(), Some(commit()));
    assert_eq!(look(&same_terms), [] as [&str; 0], "as after a merge");
    assert_eq!(look(&again(terms, None)).len(), 1);
    let why = crate::observe::observed::Unreadable {
        reason: crate::reason::Reason::HistoryIncomplete,
        text: "shallow".to_owned(),
    };
    assert_eq!(look(&with(Proof::NotProved(why))), ["at the head: shallow"]);
    assert_eq!(look(&BTreeMap::new()).len(), 1);
}

#[test]
fn another_archive_of_the_same_chart_spoils_what_would_get_it() {
    let (desired, world) = upgrade();
    let mut saved = save(&desired, &world);
    let chart = desired.exchanges[&id("orders")].chart.clone();
    let plan = plan(&desired, &world, &Policy::default(), now());
    let look = |saved: &SavedPlan, archives: &BTreeMap<ChartRef, Digest>| {
        let now = Now {
            plan: &plan,
            desired: &desired,
            proofs: &world.proofs,
            head: None,
            archives,
        };
        stale(saved, now).len()
    };
    let archives = BTreeMap::from([(chart, Digest::of(b"one"))]);
    assert_eq!(look(&saved, &archives), 0, "not known when it was saved");
    for entry in &mut saved.exchanges {
        entry.archive = Some(Digest::of(b"one"));
    }
    assert_eq!(look(&saved, &archives), 0);
    assert_eq!(look(&saved, &BTreeMap::new()), 0, "not known now");
    for entry in &mut saved.exchanges {
        entry.archive = Some(Digest::of(b"other"));
    }
    assert_eq!(look(&saved, &archives), 1);
}

#[test]
fn it_is_read_as_it_was_written_and_keeps_no_value() {
    let (mut desired, world) = upgrade();
    let one = desired.exchanges.get_mut(&id("orders")).unwrap();
    let values = json!({"config": {"merge": {"authorization": {"password": "canary-1"}, "note": "canary-2"}}});
    Arc::make_mut(one).values = Packed::of(&values);
    let saved = save(&desired, &world);
    let text = saved.to_text().unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(
        SavedPlan::read("plan.json", text.as_bytes()).unwrap(),
        saved
    );
    let swapped = SavedPlan {
        digest: "0".repeat(64),
        ..saved
    };
    let text = swapped.to_text().unwrap();
    let error = SavedPlan::read("plan.json", text.as_bytes()).unwrap_err();
    assert!(matches!(error, SealError::Edited { .. }), "{error}");
}

#[test]
fn only_a_live_unexpired_plan_of_ours_with_a_commit_is_applied() {
    let (desired, world) = upgrade();
    let good = save(&desired, &world);
    let us = Instance::default();
    assert_eq!(good.check("plan.json", &us, now()), Ok(commit()));
    let refusal = |change: fn(&mut SavedPlan)| {
        let mut saved = good.clone();
        change(&mut saved);
        let error = saved.check("plan.json", &us, now()).unwrap_err();
        assert!(error.to_string().starts_with("plan.json"), "{error}");
        (error.is_stale(), error.to_string())
    };
    for (change, stale, word) in [
        (
            (|saved| saved.truth = Truth::Offline) as fn(&mut SavedPlan),
            false,
            "offline",
        ),
        (
            |saved| saved.source.commit = None,
            false,
            "commit the files",
        ),
        (
            |saved| saved.instance = "b".parse().unwrap(),
            false,
            "instance b",
        ),
        (
            |saved| saved.tool_version = "9.9.9".to_owned(),
            true,
            "9.9.9",
        ),
        (|saved| saved.expires = now(), true, "expired"),
    ] {
        let (is_stale, text) = refusal(change);
        assert_eq!(is_stale, stale, "{text}");
        assert!(text.contains(word), "{text}");
    }
}
