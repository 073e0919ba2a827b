//! Tables for people: no lines, no colours, as wide as the terminal.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::{UNBOUNDED, folded};

/// The least that is left for prose where the terminal is narrow.
const PROSE: u16 = 24;
/// Before what stands below its row.
const INDENT: &str = "    ";

/// A table under a header. Names, ids and times are never broken, however narrow it is; only the column called `prose` is
/// wrapped. No line ends with spaces. Where no terminal shows it, cells are whole and parted by a tab each, so that `cut`
/// finds them and a long one makes no other line longer.
pub fn table<const N: usize>(
    header: [&str; N],
    prose: &str,
    rows: impl IntoIterator<Item = [String; N]>,
    width: u16,
) -> String {
    if width == UNBOUNDED {
        let header = header.map(str::to_owned);
        let lines = std::iter::once(header).chain(rows).map(parted);
        return lines.collect::<Vec<_>>().join("\n");
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_constraints(header.map(|name| {
            if name == prose {
                ColumnConstraint::LowerBoundary(Width::Fixed(PROSE))
            } else {
                ColumnConstraint::ContentWidth
            }
        }))
        .add_rows(rows);
    let lines = table.lines();
    let trimmed: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    trimmed.join("\n")
}

/// A table that was made for a window into which everything fits, with what has no column there in lines of its own below
/// each row.
pub fn below(table: &str, rest: impl Iterator<Item = String>, width: u16) -> String {
    let mut rows = table.lines();
    let mut lines: Vec<String> = rows.next().map(str::to_owned).into_iter().collect();
    for (row, rest) in rows.zip(rest) {
        lines.push(row.to_owned());
        if !rest.is_empty() {
            lines.push(folded(&rest, INDENT, INDENT, width));
        }
    }
    lines.join("\n")
}

/// A row in one line, with as many tabs as every other.
fn parted<const N: usize>(row: [String; N]) -> String {
    let cells = row.map(|cell| cell.replace(['\t', '\n'], " "));
    cells.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::FITTING;

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
        assert_eq!(shown(FITTING).lines().count(), 2);
        for text in [narrow, shown(FITTING)] {
            assert!(text.lines().all(|line| line.trim_end() == line), "{text:?}");
        }
    }

    #[test]
    fn what_no_terminal_shows_has_whole_cells_and_no_padding() {
        let long = "a word ".repeat(40);
        let rows = [["1", long.as_str(), ""], ["2", "a\nb\tc", "z"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let text = table(["ID", "WHY", "TIME"], "WHY", rows, UNBOUNDED);
        let expected = format!("ID\tWHY\tTIME\n1\t{long}\t\n2\ta b c\tz");
        assert_eq!(text, expected);
    }
}
