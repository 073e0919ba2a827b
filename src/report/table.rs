//! Tables for people: no lines, no colours, as wide as the terminal.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

/// The width of what no terminal shows: nothing is wrapped there, so that lines can be searched and names copied.
pub const UNBOUNDED: u16 = u16::MAX;
/// The least that is left for prose where the terminal is narrow.
const PROSE: u16 = 24;

/// A table under a header. Names, ids and times are never broken, however narrow it is; only the column called `prose` is
/// wrapped. No line ends with spaces.
pub fn table<const N: usize>(
    header: [&str; N],
    prose: &str,
    rows: impl IntoIterator<Item = [String; N]>,
    width: u16,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if width == UNBOUNDED {
        table.set_content_arrangement(ContentArrangement::Disabled);
    } else {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_constraints(header.map(|name| {
                if name == prose {
                    ColumnConstraint::LowerBoundary(Width::Fixed(PROSE))
                } else {
                    ColumnConstraint::ContentWidth
                }
            }));
    }
    table.add_rows(rows);
    let lines = table.lines();
    let trimmed: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    trimmed.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6d9aa5ea-e2d3-5aeb-94c7-f96d9233ce91";

    fn shown(width: u16) -> String {
        let why = "a reason with so many words that they do not fit beside an id";
        let row = [
            ID.to_owned(),
            why.to_owned(),
            "2026-11-21T16:00:00Z".to_owned(),
        ];
        table(["ID", "WHY", "TIME"], "WHY", [row], width)
    }

    #[test]
    fn ids_and_times_are_whole_and_only_prose_is_wrapped() {
        let narrow = shown(60);
        assert!(narrow.contains(ID), "{narrow}");
        assert!(narrow.contains("2026-11-21T16:00:00Z"), "{narrow}");
        assert!(narrow.lines().count() > 3, "{narrow}");
        assert_eq!(shown(UNBOUNDED).lines().count(), 2);
        for text in [narrow, shown(UNBOUNDED)] {
            assert!(text.lines().all(|line| line.trim_end() == line), "{text:?}");
        }
    }
}
