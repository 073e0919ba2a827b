//! One line for each thing that takes long.

use std::io::Write as _;
use std::time::Instant;

/// Says something to the person who waits.
pub fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Says what begins; the value says how long it took when it is finished.
pub fn step(text: String) -> Step {
    say(&format!("{text} …"));
    Step {
        text,
        began: Instant::now(),
    }
}

/// Something under way.
#[derive(Debug)]
pub struct Step {
    text: String,
    began: Instant,
}

impl Step {
    /// It is done.
    pub fn done(self) {
        say(&format!(
            "{} done in {:.1} s",
            self.text,
            self.began.elapsed().as_secs_f32()
        ));
    }
}
