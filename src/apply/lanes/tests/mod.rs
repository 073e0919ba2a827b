//! Lanes on a world that can fail at every step.

mod fake;
mod halting;
mod leased;
mod recalled;
mod waiting;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::*;
use crate::apply::Subject;
use crate::apply::outcome::OutcomeResult;
use crate::exchange::desired::{Desired, DesiredExchange};
use crate::observe::observed::ReleaseStatus;
use crate::plan::action::{Plan, PlannedExchange};
use crate::reason::Reason;
use crate::state::journal::{Line, Phase};
use fake::*;

#[rstest::rstest]
#[case::before(Fault::Before)]
#[case::after(Fault::After)]
#[case::lost(Fault::Lost)]
#[tokio::test(start_paused = true)]
async fn a_crash_anywhere_leaves_one_release_and_one_record_then_none(
    #[case] fault: fn(usize) -> Fault,
) {
    let ids = [id("east/ns/a")];
    for (present, purge) in [(true, false), (false, false), (false, true)] {
        let case = format!("present: {present}, purge: {purge}");
        for number in 0.. {
            let scene = Scene::new();
            *lock(&scene.fake.purge) = purge;
            if !present {
                scene.pass(&ids, true).await;
                scene.fake.count.store(0, Ordering::SeqCst);
            }
            *lock(&scene.fake.fault) = Some(fault(number));
            scene.pass(&ids, present).await;
            let is_past_the_end = scene.fake.count.load(Ordering::SeqCst) <= number;
            *lock(&scene.fake.fault) = None;
            scene.pass(&ids, present).await;
            let (releases, records) = (lock(&scene.fake.releases), lock(&scene.fake.records));
            let expected = usize::from(present);
            assert_eq!(releases.len(), expected, "{case} {number}");
            assert_eq!(records.len(), expected, "{case} {number}");
            let volumes = lock(&scene.fake.claims).len();
            assert_eq!(volumes, usize::from(!purge), "{case} {number}");
            assert_eq!(scene.fake.installs.load(Ordering::SeqCst), 1);
            let journal = Journal::open(scene.folder.path(), "test").unwrap();
            assert!(journal.memory(&ids[0]).open.is_none(), "{case} {number}");
            if is_past_the_end {
                assert!(number > 6, "{case}: {number} effects are too few");
                break;
            }
        }
    }
}

/// Its file came back with other terms and went again, while nobody was there.
#[tokio::test(start_paused = true)]
async fn volumes_stay_where_the_newest_terms_retain_them_whatever_was_begun() {
    let ids = [id("east/ns/a")];
    let scene = Scene::new();
    scene.pass(&ids, true).await;
    scene.fake.count.store(0, Ordering::SeqCst);
    *lock(&scene.fake.purge) = true;
    // Behind: fence, mark_deleting, fence, save_manifest and helm_uninstall.
    *lock(&scene.fake.fault) = Some(Fault::Before(5));
    scene.pass(&ids, false).await;
    assert!(lock(&scene.fake.releases).is_empty());
    *lock(&scene.fake.fault) = None;
    *lock(&scene.fake.purge) = false;
    scene.pass(&ids, false).await;
    assert!(lock(&scene.fake.records).is_empty());
    assert_eq!(lock(&scene.fake.claims).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_cluster_delays_only_itself_and_helms_are_bounded() {
    let scene = Scene::new();
    *lock(&scene.fake.dead) = Some("west".parse().unwrap());
    let ids: Vec<ExchangeId> = (0..10)
        .flat_map(|number| {
            [
                id(&format!("west/ns/a{number}")),
                id(&format!("east/ns/a{number}")),
            ]
        })
        .collect();
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &ids, true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    let mut ended = 0;
    while ended < 10 {
        if let Some(Progress::Ended(outcome)) = told.recv().await {
            assert_eq!(outcome.id.cluster.as_str(), "east");
            assert_eq!(outcome.result, OutcomeResult::Done);
            ended += 1;
        }
    }
    assert_eq!(lanes.in_flight().len(), 10);
    assert_eq!(scene.fake.most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn one_pass_answers_for_every_exchange() {
    let scene = Scene::new();
    let ids = [id("east/ns/a"), id("east/ns/b")];
    let (plan, desired) = plan(&scene.fake, &ids, true);
    let pass = crate::apply::Pass {
        world: Arc::clone(&scene.fake),
        journal: Arc::new(Journal::open(scene.folder.path(), "test").unwrap()),
        limits: limits(),
        number: 1,
    };
    let outcomes =
        crate::apply::apply(&plan, &desired, pass, |_| {}, CancellationToken::new()).await;
    assert_eq!(outcomes.len(), 2);
    let first = serde_json::to_value(&outcomes[&ids[0]]).unwrap();
    assert_eq!(first["result"], "done");
    assert_eq!(first["steps"][4]["step"], "helm_install");
}

#[tokio::test(start_paused = true)]
async fn what_quotes_a_secret_gets_neither_into_the_journal_nor_further() {
    let scene = Scene::new();
    *lock(&scene.fake.refuse) = true;
    let (lanes, mut told) = scene.lanes(limits());
    let (plan, desired) = plan(&scene.fake, &[id("east/ns/a")], true);
    lanes.submit(&plan, &desired, 1, Retry::Everything);
    lanes.idle().await;
    let mut said = String::new();
    while let Ok(progress) = told.try_recv() {
        writeln!(said, "{progress:?}").unwrap();
    }
    for entry in std::fs::read_dir(scene.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        said += &std::fs::read_to_string(path).unwrap_or_default();
    }
    assert!(
        said.contains("no (sensitive #1) here") && !said.contains(CANARY),
        "{said}"
    );
    assert!(said.matches("because of (sensitive").count() >= 2, "{said}");
}
