//! What a person wrote, and what it means. Pure: text in, values and diagnostics out.

mod access;
mod blocks;
mod chart_defaults;
mod chart_values;
mod context;
mod credential;
mod declare;
pub mod desired;
mod digest;
mod draft;
mod federation;
mod fields;
mod finding;
mod inventory;
mod lint;
mod metadata;
mod misfit;
mod parse;
mod path;
mod privilege;
mod quantity;
mod reference;
mod relation;
mod resolve;
mod schema;
mod severity;
mod shared;
#[cfg(test)]
mod tests;
mod tree;
pub mod typed;
mod written;

pub use chart_defaults::{chart_default, chart_number, chart_switch, chart_text};
pub use context::Context;
pub use declare::declare;
pub use desired::LastDeclared;
pub use digest::{canonical_json, digest};
pub use inventory::unknown_cluster;
pub use lint::{EXAMPLES, Example, LINTS};
pub(crate) use quantity::is_quantity;
pub use quantity::quantity;
pub use resolve::{resolve, resolve_both};
pub use schema::schema;
pub use severity::{Level, Severities};
