//! A view that is the same as the one before is the one before: not kept twice, and compared by looking at neither.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The last view of something, as long as somebody has it.
#[derive(Debug)]
pub(crate) struct Last<T>(Mutex<Seen<T>>);

#[derive(Debug)]
struct Seen<T> {
    view: Weak<T>,
    /// Of what was viewed, where its changes are counted.
    state: Option<u64>,
}

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(Mutex::new(Seen {
            view: Weak::new(),
            state: None,
        }))
    }
}

impl<T: Eq> Last<T> {
    /// The last view where this one does not differ. `state` is that of what was viewed, from before it was.
    pub(crate) fn or(&self, view: T, state: Option<u64>) -> Arc<T> {
        let mut seen = self.seen();
        seen.state = state;
        if let Some(last) = seen.view.upgrade().filter(|last| **last == view) {
            return last;
        }
        let view = Arc::new(view);
        seen.view = Arc::downgrade(&view);
        view
    }

    /// The last view, if it is of this state.
    pub(crate) fn of(&self, state: u64) -> Option<Arc<T>> {
        let seen = self.seen();
        seen.view.upgrade().filter(|_| seen.state == Some(state))
    }

    /// This is what was seen last, by somebody else: who was connected to anew has seen nothing yet.
    pub(crate) fn recall(&self, view: &Arc<T>) {
        let mut seen = self.seen();
        if seen.view.strong_count() == 0 {
            *seen = Seen {
                view: Arc::downgrade(view),
                state: None,
            };
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_differ_is_not_kept_twice() {
        let last = Last::default();
        let first = last.or("a".to_owned(), None);
        assert!(Arc::ptr_eq(&first, &last.or("a".to_owned(), None)));
        let other = last.or("b".to_owned(), None);
        assert_eq!(*other, "b");
        assert!(Arc::ptr_eq(&other, &last.or("b".to_owned(), None)));
        drop(other);
        assert!(last.0.lock().unwrap().view.upgrade().is_none());
    }

    #[test]
    fn a_view_of_another_state_is_not_taken_for_one_of_this() {
        let last = Last::default();
        let view = last.or("a".to_owned(), Some(1));
        assert!(Arc::ptr_eq(&view, &last.of(1).unwrap()));
        assert!(last.of(2).is_none());
        let same = last.or("a".to_owned(), Some(2));
        assert!(last.of(1).is_none() && last.of(2).is_some());
        let (other, kept) = (Arc::new("b".to_owned()), Arc::new("a".to_owned()));
        last.recall(&other);
        assert!(last.of(2).is_some(), "it has seen it itself");
        drop((view, same));
        assert!(last.of(2).is_none(), "it keeps nothing itself");
        last.recall(&kept);
        assert!(last.of(2).is_none());
        assert!(Arc::ptr_eq(&kept, &last.or("a".to_owned(), Some(3))));
        assert!(last.of(3).is_some());
    }
}
