//! How a wait ended, for people and for programs.

use serde_json::json;

use super::verdict::End;
use crate::cli::gone::Gone;
use crate::cli::named::NotOne;
use crate::cli::options::Format;
use crate::cli::{Failure, Output};
use crate::mask::masked;
use crate::reason::Reason;
use crate::report::{FORMAT_VERSION, json_text};

/// All that was waited for came, or was removed.
pub(super) fn done(format: Format, end: &End, output: &Output) -> Result<(), Failure> {
    let gone = end.gone.iter().map(ToString::to_string);
    let unlisted = end.unlisted.iter();
    let unlisted = unlisted.map(|name| format!("{name} was removed while it was waited for"));
    let told: Vec<String> = gone.chain(unlisted).collect();
    for told in &told {
        output.say(told);
    }
    let result = if end.is_ready {
        output.say("ready");
        "ready"
    } else {
        "removed"
    };
    tell(format, result, &told.join("\n"), &end.gone, output)
}

/// That nothing can come of it, for programs; the failure itself is still to be told to people.
pub(in crate::cli) fn hopeless(
    format: Format,
    failure: &Failure,
    output: &Output,
) -> Result<(), Failure> {
    let text = format!("{:#}", failure.error);
    match failure.error.downcast_ref() {
        Some(NotOne::Gone(gone)) if gone.reason() == Reason::Removed => tell(
            format,
            "removed",
            &text,
            std::slice::from_ref(gone.as_ref()),
            output,
        ),
        _ => tell(format, "hopeless", &text, &[], output),
    }
}

/// The end of it, for programs.
pub(super) fn tell(
    format: Format,
    result: &str,
    text: &str,
    gone: &[Gone],
    output: &Output,
) -> Result<(), Failure> {
    if format == Format::Json {
        let text = masked(text);
        let end = json!({
            "format_version": FORMAT_VERSION, "result": result, "text": text, "gone": gone,
        });
        output.result(&json_text(&end)?);
    }
    Ok(())
}
