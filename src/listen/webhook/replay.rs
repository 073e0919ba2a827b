//! Deliveries that were seen: the last so many, by id and by signature. To send one again changes nothing that is signed.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Marks that are remembered; at the rate one address may deliver, more than an hour.
const MOST: usize = 8192;
/// Of a mark, in bytes; a signature has 64.
const LONGEST: usize = 128;

/// What was delivered before.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    known: HashSet<String>,
    order: VecDeque<String>,
}

impl Delivered {
    /// Whether none of these marks was seen; then they are remembered.
    pub(super) fn is_new(&self, marks: &[String]) -> bool {
        let mut seen = self.marks();
        let marks: Vec<String> = marks.iter().map(|mark| cut(mark)).collect();
        if marks.iter().any(|mark| seen.known.contains(mark)) {
            return false;
        }
        for mark in marks {
            if seen.known.insert(mark.clone()) {
                seen.order.push_back(mark);
            }
        }
        while seen.order.len() > MOST {
            if let Some(oldest) = seen.order.pop_front() {
                seen.known.remove(&oldest);
            }
        }
        true
    }

    /// Whether one of these marks was seen; none of them is remembered for that.
    pub(super) fn knows(&self, marks: &[String]) -> bool {
        let seen = self.marks();
        let mut marks = marks.iter().map(|mark| cut(mark));
        marks.any(|mark| seen.known.contains(&mark))
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(mark: &str) -> String {
    mark.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(each: &[&str]) -> Vec<String> {
        each.iter().map(|mark| (*mark).to_owned()).collect()
    }

    #[test]
    fn a_delivery_counts_once_whatever_it_is_called() {
        let delivered = Delivered::default();
        assert!(delivered.is_new(&marks(&["id 1", "signature 1"])));
        assert!(!delivered.is_new(&marks(&["id 1", "signature 1"])));
        assert!(
            !delivered.is_new(&marks(&["id 2", "signature 1"])),
            "another id"
        );
        assert!(
            !delivered.is_new(&marks(&["id 1", "signature 2"])),
            "a retry"
        );
        assert!(!delivered.knows(&marks(&["id 2", "signature 2"])));
        assert!(delivered.knows(&marks(&["id 2", "signature 1"])));
        assert!(
            delivered.is_new(&marks(&["id 2", "signature 2"])),
            "not taken, not seen"
        );
    }

    #[test]
    fn only_the_last_are_remembered() {
        let delivered = Delivered::default();
        for number in 0..=MOST {
            assert!(delivered.is_new(&[number.to_string()]));
        }
        assert!(!delivered.is_new(&marks(&["1"])));
        assert!(delivered.is_new(&marks(&["0"])), "forgotten");
        let marks = delivered.marks.lock().unwrap();
        assert_eq!((marks.known.len(), marks.order.len()), (MOST, MOST));
    }
}
