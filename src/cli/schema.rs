//! `schema`

use super::{Done, Output};

pub(super) fn run(output: &Output) -> Done {
    output.result(&serde_json::to_string_pretty(&crate::exchange::schema())?);
    Ok(0)
}
