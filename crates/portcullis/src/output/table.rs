//! Rows in columns. A narrow terminal wraps what is said between words; nothing that somebody may want to copy
//! is broken.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use portcullis_model::visible;

/// The longest word that is kept whole whatever the width: an identifier is shorter.
const LONGEST_WORD: usize = 40;

/// Blanks beside a column's content.
const PADDING: usize = 2;

/// The lines of a table, its headings first, for so many columns of text; as wide as it is where none are known.
pub(super) fn lines(headings: &[&str], rows: &[Vec<String>], width: Option<u16>) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| visible(cell)));
    }
    if let Some(width) = width {
        table.set_width(width);
        for (index, column) in table.column_iter_mut().enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(index));
            let heading = headings.get(index).copied();
            let longest = longest_word(heading.into_iter().chain(cells.map(String::as_str)));
            let least = u16::try_from(longest.saturating_add(PADDING)).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
    }
    // Every column begins with a blank; the first needs none.
    let flush = |row: &str| row.strip_prefix(' ').unwrap_or(row).to_owned();
    table.trim_fmt().lines().map(flush).collect()
}

fn longest_word<'a>(cells: impl Iterator<Item = &'a str>) -> usize {
    let words = cells.flat_map(str::split_whitespace);
    let lengths = words.map(|word| word.chars().count());
    lengths.max().unwrap_or(0).min(LONGEST_WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: [&str; 7] = [
        "id",
        "status",
        "who",
        "resource",
        "action",
        "path",
        "waits for",
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = [
            "req_01kb31v0q6e8m9c4z2x7t5w3pn",
            "pending",
            "rosa",
            "analytics-warehouse",
            "assign entitlement=read database=orders",
            "privileged",
            "olaf, iris, pia",
        ];
        vec![row.map(str::to_owned).to_vec()]
    }

    #[test]
    fn a_narrow_terminal_breaks_no_word() {
        for width in [40, 60, 80, 100, 200] {
            let lines = lines(&HEADINGS, &rows(), Some(width));
            for word in rows()
                .iter()
                .flatten()
                .flat_map(|cell| cell.split_whitespace())
            {
                let whole = |line: &String| line.split_whitespace().any(|found| found == word);
                assert!(lines.iter().any(whole), "{width}: {word} in {lines:#?}");
            }
        }
    }

    #[test]
    fn a_program_gets_a_line_for_every_row() {
        assert_eq!(lines(&HEADINGS, &rows(), None).len(), 2);
    }

    #[test]
    fn a_cell_cannot_begin_a_row() {
        let rows = vec![vec!["a\nreq_2  granted\u{1b}[2J".to_owned(), String::new()]];
        let lines = lines(&["id", "status"], &rows, None);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(!lines.concat().contains('\u{1b}'));
    }
}
