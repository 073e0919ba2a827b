//! What others see of one who is told: in the status and in the metrics.

use std::sync::Arc;

use tokio::sync::watch;

use crate::listen::Board;
use crate::status::{Told, Trouble};

/// Shows how far one sink was told.
#[derive(Debug)]
pub struct Dial {
    sink: &'static str,
    told: watch::Sender<Told>,
    board: Arc<Board>,
}

impl Dial {
    /// A dial on which nothing is wrong.
    pub fn new(sink: &'static str, board: Arc<Board>) -> Self {
        let told = watch::Sender::new(Told {
            sink: sink.to_owned(),
            backlog: 0,
            dropped: 0,
            trouble: None,
        });
        Self { sink, told, board }
    }

    /// Who is told.
    pub fn sink(&self) -> &'static str {
        self.sink
    }

    /// What it shows, now and later.
    pub fn read(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }

    /// One more was taken.
    pub fn sent(&self) {
        self.board.metrics.event_sent(self.sink);
    }

    /// So many more will never be told.
    pub fn dropped(&self, count: u64) {
        self.board.metrics.events_dropped(self.sink, count);
    }

    /// So many bytes wait, and so many events were dropped altogether.
    pub fn measure(&self, backlog: u64, dropped: u64) {
        self.board.metrics.events_backlog(self.sink, backlog);
        self.told.send_if_modified(|told| {
            let news = told.dropped != dropped;
            told.backlog = backlog;
            told.dropped = dropped;
            news
        });
    }

    /// Why nothing is taken, or that it is.
    pub fn show(&self, trouble: Option<Trouble>) {
        let sink = self.sink;
        self.board.metrics.events_refused(sink, trouble.is_some());
        self.told.send_if_modified(|told| {
            let news = told.trouble != trouble;
            match (&told.trouble, &trouble) {
                (None, Some(why)) => {
                    tracing::warn!(sink, text = why.text, "what is told is not taken; it waits");
                }
                (Some(_), None) => tracing::info!(sink, "what is told is taken again"),
                (None, None) | (Some(_), Some(_)) => {}
            }
            told.trouble = trouble;
            news
        });
    }
}
