use super::*;
use crate::apply::order::SavedClaim;
use crate::apply::tests::{secret, seen, steps};
use crate::plan::action::{Action, Precondition, StepKind};

fn entry(action: Action, steps: &[StepKind], revision: Option<u32>) -> PlannedExchange {
    PlannedExchange {
        steps: steps.to_vec(),
        precondition: Precondition {
            secret: revision.map(secret),
            revision,
            record: None,
        },
        ..PlannedExchange::undeclared(None, action, Reason::FileAdded, "")
    }
}

/// As a planner makes it.
fn planned(action: Action, revision: Option<u32>) -> PlannedExchange {
    entry(action, &steps(action), revision)
}

fn why(reason: Reason) -> Why {
    Why::new(reason, "x")
}

/// Runs a task against scripted answers (`Done` when the script has none for an effect): what was asked, how it ended.
fn play(entry: &PlannedExchange, script: &[(&str, Reply)]) -> (Vec<String>, Verdict) {
    play_seen(entry, script, |_, _| {})
}

/// The same; `look` sees the task whenever something is asked.
fn play_seen(
    entry: &PlannedExchange,
    script: &[(&str, Reply)],
    mut look: impl FnMut(&Task, &Effect),
) -> (Vec<String>, Verdict) {
    let mut script: Vec<_> = script.to_vec();
    let mut task = Task::new(entry, None);
    let (mut reply, mut asked) = (None, Vec::new());
    for _ in 0..50 {
        let (after, next) = step(task, reply.take());
        task = after;
        let effect = match next {
            Next::End(verdict) => return (asked, verdict),
            Next::Do(effect) | Next::Again(effect, ..) => effect,
        };
        look(&task, &effect);
        asked.push(effect.word().to_owned());
        let found = script.iter().position(|(word, _)| *word == effect.word());
        let usual = match (&effect, entry.precondition.revision) {
            (Effect::Fence | Effect::Inspect, None) => Reply::Release(None),
            (Effect::Fence | Effect::Inspect, Some(revision)) => {
                Reply::Release(Some(seen(revision, ReleaseStatus::Deployed)))
            }
            (Effect::SaveManifest, _) => Reply::Saved(Leftover::default()),
            _ => Reply::Done,
        };
        reply = Some(found.map_or(usual, |at| script.remove(at).1));
    }
    panic!("no end: {asked:?}");
}

#[rstest::rstest]
#[case(
    Action::Install,
    None,
    "fetch_chart ensure_namespace await_clear fence helm_install wait_ready register"
)]
#[case(
    Action::Upgrade,
    Some(1),
    "fetch_chart dry_run await_clear fence helm_upgrade wait_ready register"
)]
#[case(
    Action::Uninstall,
    Some(1),
    "fence mark_deleting fence save_manifest helm_uninstall wait_gone deregister"
)]
#[case(Action::Repair, Some(1), "fence patch_stamp")]
#[case(Action::Register, Some(1), "wait_ready register")]
#[case(Action::Deregister, None, "wait_gone deregister")]
fn each_action_has_its_order(
    #[case] action: Action,
    #[case] revision: Option<u32>,
    #[case] order: &str,
) {
    let (asked, verdict) = play(&planned(action, revision), &[]);
    assert_eq!(asked.join(" "), order);
    assert_eq!(verdict, Verdict::Done);
}

/// What is read for a helm must still be so when it starts. A wait takes nobody's place.
#[rstest::rstest]
#[case::install(planned(Action::Install, None), "", "fence helm_install")]
#[case::upgrade(planned(Action::Upgrade, Some(1)), "", "dry_run fence helm_upgrade")]
#[case::uninstall(
    planned(Action::Uninstall, Some(1)),
    "",
    "fence save_manifest helm_uninstall"
)]
#[case::finish_uninstall(
    entry(
        Action::Repair,
        &[StepKind::HelmUninstall, StepKind::WaitGone, StepKind::HelmInstall],
        Some(1),
    ),
    "",
    "fence save_manifest helm_uninstall fence helm_upgrade"
)]
#[case::unlock(entry(Action::Repair, &[StepKind::Unlock], Some(1)), "", "")]
#[case::lost(
    planned(Action::Upgrade, Some(1)),
    "helm_upgrade",
    "dry_run fence helm_upgrade inspect helm_upgrade"
)]
fn the_turn_of_a_helm_begins_with_what_is_read_for_it(
    #[case] entry: PlannedExchange,
    #[case] lost: &str,
    #[case] turns: &str,
) {
    let script = [(lost, Reply::Lost(why(Reason::ClusterUnreachable)))];
    let mut taken = Vec::new();
    play_seen(&entry, &script, |task, effect| {
        if task.takes_turn(effect) {
            taken.push(effect.word());
        }
    });
    assert_eq!(taken.join(" "), turns);
}

#[test]
fn a_turn_that_comes_late_begins_anew() {
    let late = [("helm_uninstall", Reply::Late)];
    let (asked, verdict) = play(&planned(Action::Uninstall, Some(1)), &late);
    assert_eq!(
        asked.join(" "),
        "fence mark_deleting fence save_manifest helm_uninstall fence helm_uninstall wait_gone deregister"
    );
    assert_eq!(verdict, Verdict::Done);
}

/// What an earlier commit wanted of them was journalled; what the newest wants is in the plan.
#[test]
fn volumes_of_an_unfinished_removal_go_only_where_the_plan_says_so() {
    let left = Leftover {
        claims: vec![SavedClaim {
            name: "data-0".to_owned(),
            uid: "uid".to_owned(),
        }],
        ..Leftover::default()
    };
    let run = |steps: &[StepKind]| {
        let mut task = Task::new(&entry(Action::Deregister, steps, None), Some(&left));
        let (mut reply, mut asked) = (None, Vec::new());
        loop {
            let (after, next) = step(task, reply.take());
            task = after;
            let Next::Do(effect) = next else {
                return asked;
            };
            asked.push(effect);
            reply = Some(Reply::Done);
        }
    };
    let (objects, claims) = (Vec::new(), left.claims.clone());
    let gone = Effect::AwaitGone { objects };
    assert_eq!(
        run(&[StepKind::Deregister]),
        [gone.clone(), Effect::DeleteRecord]
    );
    assert_eq!(
        run(&[StepKind::DeleteVolumes, StepKind::Deregister]),
        [gone, Effect::DeleteClaims { claims }, Effect::DeleteRecord]
    );
}

#[test]
fn what_is_no_change_does_nothing() {
    for action in Action::ALL.into_iter().filter(|action| !action.is_change()) {
        let (asked, verdict) = play(&planned(action, None), &[]);
        assert_eq!((asked.len(), verdict), (0, Verdict::Unchanged));
    }
}

#[test]
fn a_moved_release_is_fenced() {
    let moved = Reply::Release(Some(seen(2, ReleaseStatus::Deployed)));
    let (asked, verdict) = play(&planned(Action::Upgrade, Some(1)), &[("fence", moved)]);
    assert_eq!(asked.last().map(String::as_str), Some("fence"));
    assert!(matches!(verdict, Verdict::Fenced(_)), "{verdict:?}");
}

#[test]
fn a_refused_dry_run_starts_no_helm() {
    let refused = Reply::Blocked(why(Reason::StatefulSetImmutable));
    let (asked, verdict) = play(&planned(Action::Upgrade, Some(1)), &[("dry_run", refused)]);
    assert!(!asked.iter().any(|word| word == "helm_upgrade"));
    assert_eq!(verdict, Verdict::Blocked(why(Reason::StatefulSetImmutable)));
}

#[test]
fn a_refused_upgrade_is_put_back() {
    let mut broken = seen(2, ReleaseStatus::Failed);
    broken.last_deployed = Some(1);
    let mut stages = Vec::new();
    let (asked, verdict) = play_seen(
        &planned(Action::Upgrade, Some(1)),
        &[
            ("helm_upgrade", Reply::Refused(why(Reason::HelmFailed))),
            ("inspect", Reply::Release(Some(broken))),
            (
                "inspect",
                Reply::Release(Some(seen(3, ReleaseStatus::Deployed))),
            ),
        ],
        |task, _| stages.push(task.stage()),
    );
    assert!(
        asked
            .join(" ")
            .ends_with("helm_upgrade inspect helm_rollback inspect restore_stamp")
    );
    // No newer plan ends it halfway.
    stages.drain(..stages.len() - 4);
    assert_eq!(stages, [Stage::PutsBack; 4]);
    assert_eq!(verdict, Verdict::Failed(why(Reason::HelmFailed)));
}

#[test]
fn a_refused_first_install_stays_for_inspection() {
    let refused = Reply::Refused(why(Reason::HelmFailed));
    let (asked, verdict) = play(
        &planned(Action::Install, None),
        &[("helm_install", refused)],
    );
    assert_eq!(asked.last().map(String::as_str), Some("helm_install"));
    assert!(matches!(verdict, Verdict::Failed(_)));
}

#[rstest::rstest]
#[case::nothing_happened(None, "inspect helm_install wait_ready register")]
#[case::it_succeeded(Some(seen(1, ReleaseStatus::Deployed)), "inspect wait_ready register")]
#[case::it_failed(
    Some(seen(1, ReleaseStatus::Failed)),
    "inspect helm_upgrade wait_ready register"
)]
#[case::it_is_locked(
    Some(seen(1, ReleaseStatus::PendingInstall)),
    "inspect unlock inspect helm_install wait_ready register"
)]
fn a_lost_answer_is_looked_up(#[case] found: Option<Seen>, #[case] rest: &str) {
    let lost = Reply::Lost(why(Reason::ClusterUnreachable));
    let (asked, verdict) = play(
        &planned(Action::Install, None),
        &[("helm_install", lost), ("inspect", Reply::Release(found))],
    );
    assert_eq!(asked.join(" ").split_once("helm_install ").unwrap().1, rest);
    assert_eq!(verdict, Verdict::Done);
}

/// It began after our fence, and helm copied our labels to it: to delete its Secret would let a second helm run beside it.
#[rstest::rstest]
#[case::install(Action::Install, None, "helm_install")]
#[case::upgrade(Action::Upgrade, Some(5), "helm_upgrade")]
#[case::uninstall(Action::Uninstall, Some(5), "helm_uninstall")]
fn the_lock_of_a_person_is_left_alone(
    #[case] action: Action,
    #[case] revision: Option<u32>,
    #[case] helm: &str,
) {
    // The last one is of another host.
    for (is_ours, is_untouched) in [(true, false), (false, false), (true, true)] {
        let theirs = Seen {
            is_ours,
            is_untouched,
            ..seen(6, ReleaseStatus::PendingUpgrade)
        };
        let (asked, verdict) = play(
            &planned(action, revision),
            &[
                (helm, Reply::Lost(why(Reason::ReleaseLocked))),
                ("inspect", Reply::Release(Some(theirs))),
            ],
        );
        assert!(asked.join(" ").ends_with(&format!("{helm} inspect")));
        let (Verdict::Blocked(why) | Verdict::Failed(why)) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(why.reason, Reason::ReleaseLocked);
        assert!(why.text.contains("revision 6"), "{why:?}");
    }
}

/// It began and ended while ours was refused, or before its answer was lost.
#[test]
fn what_a_person_made_meanwhile_is_planned_anew() {
    let mut theirs = seen(6, ReleaseStatus::Deployed);
    theirs.is_untouched = false;
    let (asked, verdict) = play(
        &planned(Action::Upgrade, Some(5)),
        &[
            ("helm_upgrade", Reply::Lost(why(Reason::ReleaseLocked))),
            ("inspect", Reply::Release(Some(theirs))),
        ],
    );
    assert!(asked.join(" ").ends_with("helm_upgrade inspect"));
    assert!(matches!(verdict, Verdict::Fenced(_)), "{verdict:?}");
}

/// What it said is what is wrong; the lock only keeps it from being put back.
#[test]
fn nothing_is_put_back_under_the_lock_of_a_person() {
    let mut theirs = seen(6, ReleaseStatus::PendingUpgrade);
    (theirs.is_untouched, theirs.last_deployed) = (false, Some(5));
    let (asked, verdict) = play(
        &planned(Action::Upgrade, Some(5)),
        &[
            ("helm_upgrade", Reply::Refused(why(Reason::HelmFailed))),
            ("inspect", Reply::Release(Some(theirs))),
        ],
    );
    assert!(asked.join(" ").ends_with("helm_upgrade inspect"));
    let Verdict::Failed(why) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(why.reason, Reason::HelmFailed);
    assert!(why.sentence().contains("could not be put back"), "{why:?}");
}

#[test]
fn a_lost_upgrade_to_the_same_values_is_not_taken_for_done() {
    let lost = Reply::Lost(why(Reason::ClusterUnreachable));
    let (asked, _) = play(
        &planned(Action::Upgrade, Some(1)),
        &[("helm_upgrade", lost)],
    );
    assert_eq!(
        asked.iter().filter(|word| *word == "helm_upgrade").count(),
        2
    );
}

#[test]
fn attempts_are_bounded() {
    let lost = || ("helm_install", Reply::Lost(why(Reason::ClusterUnreachable)));
    let script = [lost(), lost(), lost(), lost(), lost()];
    let (asked, verdict) = play(&planned(Action::Install, None), &script);
    assert_eq!(
        asked.iter().filter(|word| *word == "helm_install").count(),
        3
    );
    assert!(matches!(verdict, Verdict::Failed(_)));
}

#[test]
fn a_record_goes_only_after_everything_else() {
    let stays = Reply::TimedOut(why(Reason::Terminating));
    for steps in [
        steps(Action::Uninstall).as_slice(),
        &[StepKind::HelmUninstall, StepKind::Deregister],
        &[
            StepKind::HelmUninstall,
            StepKind::DeleteVolumes,
            StepKind::Deregister,
        ],
    ] {
        let entry = entry(Action::Uninstall, steps, Some(1));
        let (asked, verdict) = play(&entry, &[("wait_gone", stays.clone())]);
        assert_eq!(asked.last().map(String::as_str), Some("wait_gone"));
        assert!(matches!(verdict, Verdict::Failed(_)));
    }
}

#[test]
fn a_release_somebody_removed_is_only_watched() {
    let steps = [
        StepKind::HelmUninstall,
        StepKind::WaitGone,
        StepKind::Deregister,
    ];
    let entry = entry(Action::Uninstall, &steps, Some(1));
    let (asked, verdict) = play(&entry, &[("fence", Reply::Release(None))]);
    assert_eq!(asked.join(" "), "fence wait_gone deregister");
    assert_eq!(verdict, Verdict::Done);
}

#[test]
fn an_unlocked_release_is_installed_or_upgraded_as_found() {
    let steps = [StepKind::Unlock, StepKind::HelmUpgrade];
    let pending = Reply::Release(Some(seen(1, ReleaseStatus::PendingInstall)));
    let (asked, _) = play(
        &entry(Action::Repair, &steps, Some(1)),
        &[("fence", pending), ("fence", Reply::Release(None))],
    );
    assert_eq!(
        asked.join(" "),
        "fetch_chart fence unlock dry_run await_clear fence helm_install"
    );
}

#[test]
fn waiting_asks_again() {
    let not_yet = Reply::NotYet(why(Reason::RollingOut));
    let (asked, verdict) = play(
        &planned(Action::Install, None),
        &[("wait_ready", not_yet.clone()), ("wait_ready", not_yet)],
    );
    assert_eq!(asked.iter().filter(|word| *word == "wait_ready").count(), 3);
    assert_eq!(verdict, Verdict::Done);
}

#[test]
fn cancelled_is_the_end_of_it() {
    let (asked, verdict) = play(
        &planned(Action::Upgrade, Some(1)),
        &[("helm_upgrade", Reply::Cancelled)],
    );
    assert_eq!(asked.last().map(String::as_str), Some("helm_upgrade"));
    assert_eq!(verdict, Verdict::Cancelled);
}
