//! File events of a local repository: activations, which carry no data. Without them the interval is all there is, and that
//! is enough.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::source::{Source, SourceError, Watch};
use crate::status::Trouble;

pub(super) struct FileEvents {
    activation: Arc<Notify>,
    watch: Option<Watch>,
    /// What keeps them from coming; said once, as it is found again at each pass.
    trouble: Option<String>,
}

impl FileEvents {
    pub(super) fn of(source: &Source) -> Self {
        let activation = Arc::new(Notify::new());
        let (watch, error) = match source.watch(&activation) {
            Ok(watch) => (Some(watch), None),
            Err(error) => (None, Some(error)),
        };
        let mut events = Self {
            activation,
            watch,
            trouble: None,
        };
        events.tell(error.as_ref());
        events
    }

    /// Watches what is there now: something else may be, or the same again, after an event and without any.
    pub(super) fn renew(&mut self, source: &Source) {
        if let Some(watch) = &mut self.watch {
            let error = watch.renew(source).err();
            self.tell(error.as_ref());
        }
    }

    pub(super) async fn come(&self) {
        self.activation.notified().await;
    }

    fn tell(&mut self, error: Option<&SourceError>) {
        let trouble = error.map(|error| Trouble::of(error.reason(), error).text);
        if let Some(text) = &trouble
            && self.trouble != trouble
        {
            tracing::warn!(
                text,
                "changes of the repository are seen at the next interval only"
            );
        }
        self.trouble = trouble;
    }
}
