//! Lines of systemd's journal. What a line is about stands in its text, where `journalctl` shows it; systemd takes the
//! priority off its front.

use std::fmt;
use std::os::fd::AsFd;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whether stderr goes there. systemd says so in the environment, which whoever we are started by may hand on although our
/// own goes elsewhere.
pub(super) fn is_stderr() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").ok();
    stream.is_some_and(|stream| is_at(&stream, std::io::stderr()))
}

/// Whether a file is the one of that device and inode.
fn is_at(stream: &str, file: impl AsFd) -> bool {
    rustix::fs::fstat(file).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// As on a terminal, without what the journal knows itself: the time and who says it.
pub(super) struct Lines(Format<Full, ()>);

impl Lines {
    pub(super) fn new() -> Self {
        Self(
            Format::default()
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_ansi(false),
        )
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.0
            .format_event(context, Writer::new(&mut text), event)?;
        let priority = priority(*event.metadata().level());
        // Each line is an entry of its own.
        for line in text.lines() {
            writeln!(writer, "<{priority}>{line}")?;
        }
        Ok(())
    }
}

/// As in sd-daemon(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_goes_elsewhere_is_not_written_for_the_journal() {
        use std::os::unix::fs::MetadataExt as _;
        let (one, other) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let data = one.metadata().unwrap();
        let stream = format!("{}:{}", data.dev(), data.ino());
        assert!(is_at(&stream, &one));
        assert!(!is_at(&stream, &other));
    }

    #[test]
    fn a_line_says_how_bad_it_is_and_all_that_it_is_about() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .event_format(Lines::new())
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::error!(
                text = "first\nsecond",
                reason = "SettingsInvalid",
                "not taken over"
            );
            tracing::warn!("one\ntwo");
            let pass = tracing::info_span!("pass", commit = "abc");
            pass.in_scope(|| tracing::info!(exchanges = 3, "looked"));
        });
        let text = written.0.lock().unwrap().clone();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "<3>not taken over text=\"first\\nsecond\" reason=\"SettingsInvalid\"\n<4>one\n<4>two\n\
             <6>pass{commit=\"abc\"}: looked exchanges=3\n"
        );
    }
}
