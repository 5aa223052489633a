//! Tables: figures in rows, the best of a column marked, as text, Markdown and HTML.

use std::fmt::Write as _;

/// A question and its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The question.
    pub title: String,
    /// What the figures are, and how to read them.
    pub note: String,
    /// Headings of the columns after the first, which has the labels of the rows.
    pub columns: Vec<Column>,
    /// Rows that compete with each other.
    pub groups: Vec<Group>,
}

/// A column of figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its heading.
    pub heading: String,
    /// Which figure of a group is the best.
    pub best: Best,
}

/// Which figure is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Best {
    /// None: the column only informs.
    None,
    /// The smallest.
    Lowest,
    /// The largest.
    Highest,
}

/// Rows that compete with each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// What they have in common; empty for a table of one group.
    pub title: String,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its first column.
    pub label: String,
    /// A row that belongs to the one above it, such as the same figures of another document.
    pub continues: bool,
    /// The other columns.
    pub cells: Vec<Cell>,
}

/// A field of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The figure, as shown; empty where there is none.
    pub text: String,
    /// More about it: the same before a correction, or how it differs from another document.
    pub aside: String,
    /// What is compared.
    pub value: Option<f64>,
    /// Whether it is the best of its group.
    pub best: bool,
}

impl Cell {
    /// No figure.
    pub fn none() -> Self {
        Self { text: "-".into(), ..Self::default() }
    }

    /// Words, which do not compete.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number with so many decimal places.
    pub fn number(value: f64, places: usize) -> Self {
        Self { text: format!("{value:.places$}"), value: Some(value), ..Self::default() }
    }

    /// A whole number.
    #[expect(clippy::cast_precision_loss, reason = "figures above 2^53 need not compete exactly")]
    pub fn count(value: u64) -> Self {
        Self { text: value.to_string(), value: Some(value as f64), ..Self::default() }
    }

    /// The same with something beside it.
    #[must_use]
    pub fn beside(self, aside: impl Into<String>) -> Self {
        Self { aside: aside.into(), ..self }
    }
}

impl Column {
    /// A column that only informs.
    pub fn plain(heading: &str) -> Self {
        Self { heading: heading.into(), best: Best::None }
    }

    /// A column where small is good.
    pub fn lowest(heading: &str) -> Self {
        Self { heading: heading.into(), best: Best::Lowest }
    }

    /// A column where large is good.
    pub fn highest(heading: &str) -> Self {
        Self { heading: heading.into(), best: Best::Highest }
    }
}

impl Table {
    /// Marks the best figures of each group. Figures that look the same are equally good; a
    /// column where all do has no best one.
    pub fn mark_best(&mut self) {
        for group in &mut self.groups {
            for (index, column) in self.columns.iter().enumerate() {
                group.mark_best(index, column.best);
            }
        }
    }

    /// Whether there is a figure at all.
    pub fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.rows.is_empty())
    }

    /// As text for a terminal; the best figures have an asterisk.
    pub fn text(&self) -> String {
        let groups = &self.groups;
        let rows = || groups.iter().flat_map(|group| &group.rows);
        let first = rows().map(|row| row.shown_label().chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|index| {
                let cells = rows().filter_map(|row| row.cells.get(index));
                let widest = cells.map(|cell| cell.plain("*").chars().count()).max().unwrap_or(0);
                // A figure without an asterisk stands as if it had one.
                widest.max(self.columns[index].heading.chars().count() + 1)
            })
            .collect();
        let mut text = format!("{}\n", self.title);
        // Writing to a string does not fail.
        let _ = write!(text, "{:first$}", "");
        for (column, width) in self.columns.iter().zip(&widths) {
            let _ = write!(text, "  {:>width$}", format!("{} ", column.heading));
        }
        text.push('\n');
        for group in groups {
            if !group.title.is_empty() {
                let _ = writeln!(text, "{}", group.title);
            }
            for row in &group.rows {
                let _ = write!(text, "{:first$}", row.shown_label());
                for (cell, width) in row.cells.iter().zip(&widths) {
                    let _ = write!(text, "  {:>width$}", cell.plain("*"));
                }
                while text.ends_with(' ') {
                    text.pop();
                }
                text.push('\n');
            }
        }
        if !self.note.is_empty() {
            text += &wrapped(&self.note, 100);
        }
        text
    }

    /// As Markdown; the best figures are bold.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        let headings: Vec<&str> =
            self.columns.iter().map(|column| column.heading.as_str()).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| | {} |", headings.join(" | "));
        let _ = writeln!(text, "|:--|{}", "--:|".repeat(headings.len()));
        for group in &self.groups {
            if !group.title.is_empty() {
                let _ = writeln!(text, "| **{}** |{}", group.title, " |".repeat(headings.len()));
            }
            for row in &group.rows {
                let cells: Vec<String> = row.cells.iter().map(Cell::markdown).collect();
                let label = row.shown_label().replace('|', "\\|");
                let _ = writeln!(text, "| {} | {} |", label, cells.join(" | "));
            }
        }
        if !self.note.is_empty() {
            let _ = write!(text, "\n{}\n", self.note);
        }
        text
    }
}

impl Row {
    fn shown_label(&self) -> String {
        if self.continues { format!("  {}", self.label) } else { self.label.clone() }
    }
}

impl Cell {
    fn plain(&self, mark: &str) -> String {
        let aside =
            if self.aside.is_empty() { String::new() } else { format!(" ({})", self.aside) };
        format!("{}{aside}{}", self.text, if self.best { mark } else { " " })
    }

    fn markdown(&self) -> String {
        let aside =
            if self.aside.is_empty() { String::new() } else { format!(" ({})", self.aside) };
        let text = self.text.replace('|', "\\|");
        if self.best { format!("**{text}**{aside}") } else { format!("{text}{aside}") }
    }
}

impl Group {
    fn mark_best(&mut self, index: usize, best: Best) {
        let better = |one: f64, other: f64| match best {
            Best::None => false,
            Best::Lowest => one < other,
            Best::Highest => one > other,
        };
        let figures = || self.rows.iter().filter_map(|row| row.cells.get(index));
        let winner = figures()
            .filter(|cell| cell.value.is_some())
            .reduce(|one, other| if better(other.key(), one.key()) { other } else { one })
            .map(|cell| cell.text.clone());
        let Some(winner) = winner.filter(|_| best != Best::None) else { return };
        if figures().filter(|cell| cell.value.is_some()).all(|cell| cell.text == winner) {
            return;
        }
        for cell in self.rows.iter_mut().filter_map(|row| row.cells.get_mut(index)) {
            cell.best = cell.value.is_some() && cell.text == winner;
        }
    }
}

impl Cell {
    fn key(&self) -> f64 {
        self.value.unwrap_or(f64::NAN)
    }
}

/// `text` in lines of at most `width` characters.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push('\n');
            used = 0;
        }
        if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines += word;
        used += length;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: [f64; 3]) -> Table {
        let rows = values.iter().zip(["a", "b", "c"]).map(|(value, label)| Row {
            label: label.into(),
            continues: false,
            cells: vec![Cell::number(*value, 2), Cell::none()],
        });
        let mut table = Table {
            title: "Question".into(),
            note: "Note.".into(),
            columns: vec![Column::lowest("low"), Column::highest("none")],
            groups: vec![Group { title: String::new(), rows: rows.collect() }],
        };
        table.mark_best();
        table
    }

    #[test]
    fn figures_that_look_the_same_are_equally_good() {
        let text = table([1.001, 2.0, 1.0]).text();
        assert_eq!(text.matches('*').count(), 2, "{text}");
        assert!(text.contains("1.00*"));
    }

    #[test]
    fn where_all_are_equal_none_is_best() {
        assert_eq!(table([1.0, 1.0, 1.0]).text().matches('*').count(), 0);
    }

    #[test]
    fn markdown_has_bold_figures() {
        let markdown = table([3.0, 2.0, 4.0]).markdown();
        assert!(markdown.contains("| b | **2.00** | - |"), "{markdown}");
        assert!(markdown.starts_with("### Question\n"));
    }
}
