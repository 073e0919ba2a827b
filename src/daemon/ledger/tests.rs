use serde_json::json;

use super::*;
use crate::apply::effect::Why;
use crate::apply::{StepTaken, Verdict};
use crate::diagnostic::did_you_mean;
use crate::observe::observed::ClusterView;
use crate::plan::policy::Policy;
use crate::plan::tests::world::{desired, exchange, id, now, observed};
use crate::status::{Phase, StatusEntry};

/// A look at one exchange that is released; `registered` or not.
fn survey(registered: bool) -> Survey {
    let one = exchange("a", json!({}));
    let desired = desired([one.clone()]);
    let mut observed = observed([&one]);
    if !registered {
        observed.registry = Ok(Arc::default());
    }
    let policy = Policy::default();
    let plan = crate::plan::plan(&desired, &observed, &policy, now());
    Survey {
        desired: desired.into(),
        observed,
        policy,
        plan,
    }
}

fn ended(verdict: Verdict) -> Outcome {
    Outcome::new(id("a"), Action::Register, verdict, Vec::new())
}

/// As well, and its servers were waited for.
fn waited() -> Outcome {
    let step = StepTaken {
        step: "wait_ready".to_owned(),
        seconds: 1.0,
        done: true,
    };
    Outcome::new(id("a"), Action::Register, Verdict::Done, vec![step])
}

fn entry(ledger: &mut Ledger) -> StatusEntry {
    let status = ledger.status(&BTreeMap::new(), now(), |_| {});
    status.exchanges[0].clone()
}

/// The look of a pass that began during an install is told when the install is long over.
#[test]
fn a_look_that_began_during_our_own_work_is_midway_until_the_next() {
    let mut ledger = Ledger::new(now());
    ledger.begin_pass(BTreeSet::from([id("a")]));
    ledger.take_outcome(ended(Verdict::Done));
    ledger.take_pass(Arc::new(survey(false)), BTreeMap::new());
    let seen = entry(&mut ledger);
    assert_eq!(seen.planned, Some(Reason::RecordMissing));
    assert!(seen.midway);
    ledger.begin_pass(BTreeSet::new());
    assert!(entry(&mut ledger).midway, "the next one has only begun");
    ledger.take_pass(Arc::new(survey(false)), BTreeMap::new());
    assert!(!entry(&mut ledger).midway);
}

#[test]
fn a_plan_that_was_carried_out_says_no_more_what_is_so() {
    let mut ledger = Ledger::new(now());
    ledger.begin_pass(BTreeSet::new());
    ledger.take_pass(Arc::new(survey(false)), BTreeMap::new());
    let why = Why::new(Reason::RegistryUnreadable, "x");
    ledger.take_outcome(ended(Verdict::Failed(why)));
    assert!(!entry(&mut ledger).midway, "it is still so");
    ledger.take_outcome(ended(Verdict::Done));
    assert!(entry(&mut ledger).midway);
    ledger.take_pass(Arc::new(survey(true)), BTreeMap::new());
    assert!(!entry(&mut ledger).midway);
}

/// Somebody who holds it sees at once that it is held, and what is still done to it.
/// A first helm that runs.
fn installing() -> InFlight {
    InFlight {
        action: Action::Install,
        planned: Reason::FileAdded,
        digest: None,
        since: now(),
        step: "helm_install",
        waiting: None,
        until: None,
    }
}

#[test]
fn what_is_suspended_while_something_is_done_to_it_is_suspended() {
    let mut ledger = Ledger::new(now());
    let mut survey = survey(false);
    let planned = &mut survey.plan.exchanges[0];
    (planned.action, planned.reason) = (Action::Blocked, Reason::Suspended);
    planned.text = "suspended by command: moved".to_owned();
    ledger.take_pass(Arc::new(survey), BTreeMap::new());
    let mut flight = installing();
    let mut standing = |flight: &InFlight| {
        let in_flight = BTreeMap::from([(id("a"), flight.clone())]);
        let entry = ledger.status(&in_flight, now(), |_| {}).exchanges[0].clone();
        (entry.phase, entry.reason, entry.text)
    };
    let (phase, reason, text) = standing(&flight);
    assert_eq!((phase, reason), (Phase::Suspended, Reason::Suspended));
    assert!(text.starts_with("suspended by command: moved; what is under way is finished"));
    flight.action = Action::Uninstall;
    assert_eq!(standing(&flight).0, Phase::Removing);
}

/// A field is missing because its name is misspelt: that is what has to be mended.
#[test]
fn a_misspelt_field_comes_before_the_one_that_is_missing_for_it() {
    let mut survey = survey(true);
    let planned = &mut survey.plan.exchanges[0];
    (planned.action, planned.reason) = (Action::Blocked, Reason::FileInvalid);
    let missing = Diagnostic::error(Reason::InvalidValue, "org_ids is missing").hint("write it");
    let unknown = Diagnostic::error(Reason::UnknownField, "no field \"org_idz\"");
    let misspelt = unknown.clone().hint(did_you_mean("org_ids"));
    let unknown = unknown.hint("the fields are: a, b");
    planned.diagnostics = vec![missing, unknown, misspelt.clone()];
    let mut ledger = Ledger::new(now());
    ledger.take_pass(Arc::new(survey), BTreeMap::new());
    let seen = entry(&mut ledger);
    assert_eq!(seen.diagnostics[0], misspelt);
    assert!(
        seen.text.ends_with("did you mean org_ids?"),
        "{}",
        seen.text
    );
}

/// It was healthy when it could be asked last.
#[test]
fn nobody_is_healthy_in_a_cluster_that_cannot_be_read() {
    let mut ledger = Ledger::new(now());
    ledger.take_outcome(waited());
    ledger.take_pass(Arc::new(survey(true)), BTreeMap::new());
    assert_eq!(entry(&mut ledger).health, "healthy");
    let mut unread = survey(true);
    unread.plan.exchanges[0].action = Action::Unreadable;
    ledger.take_pass(Arc::new(unread), BTreeMap::new());
    assert_eq!(entry(&mut ledger).health, "unknown");
}

/// What runs is still the chart that was released.
#[test]
fn a_broken_file_does_not_hide_which_chart_runs() {
    let mut ledger = Ledger::new(now());
    ledger.take_pass(Arc::new(survey(true)), BTreeMap::new());
    let runs = entry(&mut ledger).chart_version;
    assert!(runs.is_some());
    for _ in 0..2 {
        let mut broken = survey(true);
        let planned = &mut broken.plan.exchanges[0];
        (planned.action, planned.reason) = (Action::Blocked, Reason::FileInvalid);
        (planned.chart.new, planned.chart.old) = (None, None);
        let mut desired = desired([]);
        desired.commit = broken.desired.commit.clone();
        broken.desired = desired.into();
        ledger.take_pass(Arc::new(broken), BTreeMap::new());
        assert_eq!(entry(&mut ledger).chart_version, runs);
    }
}

/// What a pass plans in the middle of an install is not what is done.
#[test]
fn what_is_under_way_is_told_beside_the_plan() {
    let mut ledger = Ledger::new(now());
    ledger.take_pass(Arc::new(survey(false)), BTreeMap::new());
    let flight = InFlight {
        action: Action::Install,
        planned: Reason::FileAdded,
        digest: None,
        since: now(),
        step: "wait_ready",
        waiting: Some(Why::new(Reason::RollingOut, "0 of 1 pods ready")),
        until: Some(now()),
    };
    let in_flight = BTreeMap::from([(id("a"), flight)]);
    let told = ledger.status(&in_flight, now(), |_| {}).exchanges[0].clone();
    assert_eq!(told.action, Action::Register);
    assert_eq!(told.under_way, Some(Action::Install));
    assert_eq!(told.until, Some(now()));
}

/// A pass sees the lock of our own helm: nothing was interrupted.
#[test]
fn what_is_under_way_says_why_it_was_begun() {
    let mut ledger = Ledger::new(now());
    let mut seen = survey(false);
    let planned = &mut seen.plan.exchanges[0];
    (planned.action, planned.reason) = (Action::Repair, Reason::ReleaseStuck);
    ledger.begin_pass(BTreeSet::from([id("a")]));
    ledger.take_pass(Arc::new(seen), BTreeMap::new());
    let flight = installing();
    let in_flight = BTreeMap::from([(id("a"), flight)]);
    let told = ledger.status(&in_flight, now(), |_| {}).exchanges[0].clone();
    assert_eq!(
        (told.phase, told.reason, told.text.as_str()),
        (Phase::Progressing, Reason::FileAdded, "helm install")
    );
    assert_eq!(told.under_way, Some(Action::Install));
}

/// The lanes answer for it in each pass until it is tried again.
#[test]
fn what_failed_is_failed_until_it_is_tried_again() {
    let mut ledger = Ledger::new(now());
    let why = Why::new(Reason::HealthTimeout, "0 of 3 pods ready");
    let failed = ended(Verdict::Failed(why));
    ledger.begin_pass(BTreeSet::new());
    ledger.take_pass(Arc::new(survey(false)), BTreeMap::new());
    ledger.take_outcome(failed.clone());
    for _ in 0..2 {
        let seen = entry(&mut ledger);
        assert_eq!(
            (seen.phase, seen.reason),
            (Phase::Failed, Reason::HealthTimeout)
        );
        ledger.begin_pass(BTreeSet::new());
        ledger.take_pass(
            Arc::new(survey(false)),
            BTreeMap::from([(id("a"), failed.clone())]),
        );
    }
}

/// It said that it was well when the install was over; what it said before comes late.
#[test]
fn a_slow_answer_takes_nothing_back() {
    let mut ledger = Ledger::new(now());
    let asked = Instant::now();
    ledger.take_outcome(waited());
    let text = "0 of 3 pods ready".to_owned();
    let reason = Reason::RollingOut;
    let mut answer = |asked: Instant| {
        let health = Health::Waiting {
            reason,
            text: text.clone(),
        };
        ledger.take_health(Answer {
            id: id("a"),
            health,
            client_urls: Some(["nats://a.shop.svc:4222".to_owned()].into()),
            asked,
        });
        let condition = &ledger.health[&id("a")];
        (condition.health.clone(), condition.client_urls.len())
    };
    assert_eq!(answer(asked), (Health::Ready, 1));
    assert_ne!(answer(Instant::now()).0, Health::Ready, "asked again");
}

/// The status is written when it has something new to tell, and not at each answer.
#[test]
fn only_another_answer_is_news() {
    let mut ledger = Ledger::new(now());
    let mut take = |health: Health, urls: &[&str]| {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        let (id, asked) = (id("a"), Instant::now());
        ledger.take_health(Answer {
            id,
            health,
            client_urls: Some(urls),
            asked,
        })
    };
    let url = ["nats://a.shop.svc:4222"];
    assert!(take(Health::Ready, &url));
    assert!(!take(Health::Ready, &url));
    assert!(take(Health::Ready, &[]));
    let text = "0 of 3 pods ready".to_owned();
    let reason = Reason::RollingOut;
    let unwell = Health::Waiting { reason, text };
    assert!(take(unwell.clone(), &[]));
    assert!(take(unwell, &[]), "unwell twice in a row is more than once");
}

/// A record or labels were written: that asks no server, and where clients find them is not seen anew either.
#[test]
fn what_waits_for_nobody_says_nothing_of_health() {
    let mut ledger = Ledger::new(now());
    let answer = |ledger: &mut Ledger, health: Health, urls: Option<&[&str]>| {
        let urls = urls.map(|urls| urls.iter().map(|url| (*url).to_owned()).collect());
        ledger.take_health(Answer {
            id: id("a"),
            health,
            client_urls: urls,
            asked: Instant::now(),
        });
    };
    let down = || Health::Waiting {
        reason: Reason::RollingOut,
        text: "0 of 3 pods ready".to_owned(),
    };
    answer(&mut ledger, down(), Some(&["nats://a.shop.svc:4222"]));
    ledger.take_outcome(ended(Verdict::Done));
    assert_eq!(ledger.health[&id("a")].health, down());
    ledger.take_outcome(waited());
    assert_eq!(ledger.health[&id("a")].health, Health::Ready);
    let text = "timed out".to_owned();
    answer(&mut ledger, Health::Unknown { text }, None);
    assert_eq!(
        ledger.health[&id("a")].client_urls.len(),
        1,
        "not seen is not gone"
    );
}

/// What was there is not known to be gone from one that is another.
#[test]
fn a_cluster_is_told_as_read_where_it_is_the_one_it_was() {
    let mut ledger = Ledger::new(now());
    let mut take = |change: fn(&mut Result<Arc<ClusterView>, Unreadable>)| {
        let mut seen = survey(true);
        seen.observed.clusters.values_mut().for_each(change);
        ledger.take_pass(Arc::new(seen), BTreeMap::new());
        let status = ledger.status(&BTreeMap::new(), now(), |_| {});
        status.read.clone()
    };
    let whole = take(|_| {});
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].cluster, id("a").cluster);
    assert_eq!(whole[0].namespaces, None);
    let replaced = take(|view| {
        let view = view.as_mut().unwrap();
        Arc::make_mut(view).replaced = Some("before".to_owned());
    });
    assert!(replaced.is_empty());
    let dark = take(|view| {
        *view = Err(Unreadable {
            reason: Reason::ClusterUnreachable,
            text: String::new(),
        });
    });
    assert!(dark.is_empty());
}

/// Whoever asks for one that is not listed has to know whether a file may declare it.
#[test]
fn the_status_says_why_a_file_may_declare_what_it_does_not_list() {
    let mut ledger = Ledger::new(now());
    let mut unclear = survey(true);
    let broken = Diagnostic::error(Reason::SourceIncomplete, "nothing is removed").hint("mend it");
    let mut wanted = desired([exchange("a", json!({}))]);
    wanted.incomplete.push(broken);
    unclear.desired = wanted.into();
    ledger.take_pass(Arc::new(unclear), BTreeMap::new());
    let status = ledger.status(&BTreeMap::new(), now(), |_| {});
    let text = "nothing is removed; mend it".to_owned();
    let reason = Reason::SourceIncomplete;
    assert_eq!(status.source, Some(crate::status::Trouble { reason, text }));
    ledger.take_pass(Arc::new(survey(true)), BTreeMap::new());
    let status = ledger.status(&BTreeMap::new(), now(), |_| {});
    assert_eq!(status.source, None);
}
