use super::fixture::{Fixture, declares, id, identifies, oid};
use crate::exchange::LastDeclared;
use crate::id::CommitId;
use crate::observe::observed::{Ancestry, Proof};
use crate::reason::Reason;
use crate::source::{History, Location, Source, SourceOptions};

fn history(fixture: &Fixture) -> History {
    let head: CommitId = fixture.head().unwrap().to_string().parse().unwrap();
    fixture.source().history(&head).unwrap()
}

fn refused(proof: &Proof) -> Option<Reason> {
    match proof {
        Proof::NotProved(why) => Some(why.reason),
        Proof::Declared { .. } => None,
    }
}

#[test]
fn a_removal_is_proved_with_its_last_terms() {
    let fixture = Fixture::new();
    let added = fixture.commit(&[
        ("exchanges/a.yaml", Some("a protected")),
        ("exchanges/b.yaml", Some("b")),
    ]);
    fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    let removed = fixture.commit(&[("exchanges/a.yaml", None)]);
    fixture.commit(&[("exchanges/c.yaml", Some("c"))]);
    let history = history(&fixture);
    let Proof::Declared {
        terms,
        file,
        removed_in,
    } = history.prove(&id("a"), Some(&added), &declares)
    else {
        panic!("not proved");
    };
    assert!(!terms.protect);
    assert_eq!(file, "exchanges/a.yaml");
    assert_eq!(removed_in, Some(removed));
}

#[test]
fn the_last_terms_are_those_before_the_removal() {
    let fixture = Fixture::new();
    let added = fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/b.yaml", Some("b")),
    ]);
    fixture.commit(&[("exchanges/a.yaml", Some("a protected"))]);
    fixture.commit(&[("exchanges/a.yaml", None)]);
    let Proof::Declared { terms, .. } = history(&fixture).prove(&id("a"), Some(&added), &declares)
    else {
        panic!("not proved");
    };
    assert!(terms.protect);
}

#[test]
fn commits_of_other_histories_prove_nothing() {
    let fixture = Fixture::new();
    let root = fixture.commit(&[("exchanges/b.yaml", Some("b"))]);
    let added = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    let removed = fixture.commit(&[("exchanges/a.yaml", None)]);
    let asked = history(&fixture);
    let prove = |stamped: Option<&CommitId>| refused(&asked.prove(&id("a"), stamped, &declares));
    let nowhere: CommitId = "1".repeat(40).parse().unwrap();
    assert_eq!(prove(Some(&added)), None);
    for stamped in [None, Some(&nowhere), Some(&root), Some(&removed)] {
        assert_eq!(prove(stamped), Some(Reason::NotFromThisHistory));
    }
    assert_eq!(asked.ancestry(&added), Ancestry::HeadOrAncestor);
    assert_eq!(asked.ancestry(&nowhere), Ancestry::Elsewhere);

    // The branch is rewritten without the commit that declared it.
    fixture.commit_entries(Some(oid(&root)), &[("exchanges/b.yaml", None)]);
    let rewritten = history(&fixture);
    assert_eq!(
        refused(&rewritten.prove(&id("a"), Some(&added), &declares)),
        Some(Reason::NotFromThisHistory)
    );
    assert_eq!(rewritten.ancestry(&added), Ancestry::Elsewhere);
}

#[test]
fn a_moved_and_removed_file_is_proved() {
    let fixture = Fixture::new();
    let added = fixture.commit(&[("exchanges/a.yaml", Some("a"))]);
    fixture.commit(&[
        ("exchanges/a.yaml", None),
        ("exchanges/deep/er/a.yml", Some("a protected")),
    ]);
    fixture.commit(&[
        ("exchanges/deep/er/a.yml", None),
        ("exchanges/z.yaml", Some("z")),
    ]);
    let proof = history(&fixture).prove(&id("a"), Some(&added), &declares);
    assert!(
        matches!(proof, Proof::Declared { ref terms, ref file, .. } if terms.protect && file == "exchanges/deep/er/a.yml")
    );
}

#[test]
fn a_shallow_repository_says_that_its_history_is_incomplete() {
    let fixture = Fixture::new();
    let added = fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/b.yaml", Some("b")),
    ]);
    let removed = fixture.commit(&[("exchanges/a.yaml", None)]);
    let boundary = format!("{removed}\n");
    std::fs::write(fixture.root().join(".git/shallow"), boundary).unwrap();
    let checkout = fixture
        .source()
        .read(&crate::source::Revision::Head)
        .unwrap();
    assert!(checkout.shallow);
    let proof = history(&fixture).prove(&id("a"), Some(&added), &declares);
    assert_eq!(refused(&proof), Some(Reason::HistoryIncomplete));
    let broken = ["exchanges/b.yaml".to_owned(), "exchanges/n.yaml".to_owned()];
    let found = history(&fixture).last_declared(&broken, &identifies);
    assert_eq!(found["exchanges/n.yaml"], LastDeclared::NotFound);
    assert_eq!(found["exchanges/b.yaml"], LastDeclared::Exchange(id("b")));
}

#[test]
fn broken_files_are_attributed_to_what_they_last_declared() {
    let fixture = Fixture::new();
    fixture.commit(&[
        ("exchanges/a.yaml", Some("a0")),
        ("exchanges/moved.yaml", Some("m")),
        ("exchanges/again.yaml", Some("r")),
    ]);
    fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/again.yaml", None),
    ]);
    fixture.commit(&[("exchanges/a.yaml", Some("!"))]);
    fixture.commit(&[
        ("exchanges/a.yaml", Some("!!")),
        ("exchanges/moved.yaml", None),
        ("exchanges/new/place.yaml", Some("m!")),
    ]);
    fixture.commit(&[
        ("exchanges/never.yaml", Some("!")),
        ("exchanges/again.yaml", Some("!")),
    ]);
    let broken: Vec<String> = ["a", "new/place", "never", "again", "uncommitted"]
        .iter()
        .map(|name| format!("exchanges/{name}.yaml"))
        .collect();
    let found = history(&fixture).last_declared(&broken, &identifies);
    let last: Vec<_> = broken.iter().map(|path| found[path].clone()).collect();
    assert_eq!(
        last,
        [
            LastDeclared::Exchange(id("a")),
            LastDeclared::Exchange(id("m")),
            LastDeclared::Never,
            LastDeclared::Exchange(id("r")),
            LastDeclared::Never,
        ]
    );
}

#[test]
fn one_of_several_moved_files_cannot_be_told() {
    let fixture = Fixture::new();
    fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/b.yaml", Some("b")),
        ("exchanges/c.yaml", Some("c")),
    ]);
    fixture.commit(&[
        ("exchanges/a.yaml", None),
        ("exchanges/b.yaml", None),
        ("exchanges/x.yaml", Some("!")),
    ]);
    let broken = ["exchanges/x.yaml".to_owned()];
    let found = history(&fixture).last_declared(&broken, &identifies);
    assert_eq!(found["exchanges/x.yaml"], LastDeclared::NotFound);
}

#[test]
fn a_history_that_is_too_long_proves_nothing_and_denies_nothing() {
    let fixture = Fixture::new();
    let added = fixture.commit(&[
        ("exchanges/a.yaml", Some("a")),
        ("exchanges/b.yaml", Some("b")),
    ]);
    fixture.commit(&[("exchanges/a.yaml", None)]);
    for number in 0..6 {
        fixture.commit(&[("exchanges/b.yaml", Some(&format!("b {number}")))]);
    }
    let asked = |most: usize| {
        let mut options = SourceOptions::new(Location::Path(fixture.root()));
        options.limits.history = most;
        let head: CommitId = fixture.head().unwrap().to_string().parse().unwrap();
        Source::open(options).unwrap().history(&head).unwrap()
    };
    // The stamped commit is the eighth, and the removal the seventh.
    for most in [1, 3, 7] {
        let proof = asked(most).prove(&id("a"), Some(&added), &declares);
        assert_eq!(refused(&proof), Some(Reason::HistoryIncomplete), "{most}");
        let Proof::NotProved(why) = proof else {
            panic!("proved")
        };
        assert!(why.text.contains("add the file again"), "{}", why.text);
        let nowhere: CommitId = "1".repeat(40).parse().unwrap();
        let proof = asked(most).prove(&id("a"), Some(&nowhere), &declares);
        assert_eq!(refused(&proof), Some(Reason::HistoryIncomplete), "{most}");
    }
    let proof = asked(8).prove(&id("a"), Some(&added), &declares);
    assert_eq!(refused(&proof), None);
}
