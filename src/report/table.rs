//! Tables for people: no lines, no colours, as wide as the terminal.

use comfy_table::{ContentArrangement, Table, presets};

/// An empty table of so many columns of text; what does not fit is wrapped.
pub fn table<const N: usize>(header: [&str; N], width: u16) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header);
    table
}
