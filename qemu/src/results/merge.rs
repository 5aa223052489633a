//! Tables of several documents as one: a row of the first, below it those of the others.

use super::table::{Cell, Column, Group, Row, Table};

/// One table for each title that any source has. With a single source they are that source's.
pub fn side_by_side(mut sources: Vec<(&str, Vec<Table>)>) -> Vec<Table> {
    if sources.len() == 1 {
        return sources.remove(0).1;
    }
    let mut merged: Vec<Table> = Vec::new();
    for table in sources.iter().flat_map(|(_, tables)| tables) {
        if merged.iter().all(|known| known.title != table.title) {
            merged.push(Table { groups: Vec::new(), ..table.clone() });
        }
    }
    for table in &mut merged {
        let same: Vec<(&str, Option<&Table>)> = sources
            .iter()
            .map(|(label, tables)| (*label, tables.iter().find(|one| one.title == table.title)))
            .collect();
        if table.columns.len() == 1 {
            // One figure a row: the sources are the columns.
            table.columns = same.iter().map(|(label, _)| Column::plain(label)).collect();
            table.groups = groups(&same, beside);
        } else {
            table.groups = groups(&same, below);
        }
    }
    merged
}

/// How rows of several sources become rows of one table.
type Join = fn(&[(&str, Option<Group>)]) -> Vec<Row>;

/// A name that any of the lists has, once each, in the order they come.
fn union<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut union = Vec::new();
    for name in names {
        if !union.contains(&name) {
            union.push(name);
        }
    }
    union
}

fn groups(tables: &[(&str, Option<&Table>)], join: Join) -> Vec<Group> {
    let all = tables.iter().filter_map(|(_, table)| *table).flat_map(|table| &table.groups);
    let titles = union(all.map(|group| group.title.as_str()));
    let group = |title: &str| {
        let of = |table: Option<&&Table>| -> Option<Group> {
            table?.groups.iter().find(|group| group.title == title).cloned()
        };
        let same: Vec<(&str, Option<Group>)> =
            tables.iter().map(|(label, table)| (*label, of(table.as_ref()))).collect();
        Group { title: title.to_owned(), rows: join(&same) }
    };
    titles.into_iter().map(group).collect()
}

/// The labels of all rows, and the row of that label in a group.
fn labels<'a>(groups: &'a [(&str, Option<Group>)]) -> Vec<&'a str> {
    let all = groups.iter().filter_map(|(_, group)| group.as_ref()).flat_map(|group| &group.rows);
    union(all.map(|row| row.label.as_str()))
}

fn find<'a>(group: Option<&'a Group>, label: &str) -> Option<&'a Row> {
    group?.rows.iter().find(|row| row.label == label)
}

/// Each label as a heading, below it a row for each source.
fn below(groups: &[(&str, Option<Group>)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for label in labels(groups) {
        let mut first: Option<&Row> = None;
        rows.push(Row { label: label.to_owned(), ..Row::default() });
        for (source, group) in groups {
            let Some(row) = find(group.as_ref(), label) else { continue };
            let cells = row.cells.iter().enumerate().map(|(index, cell)| {
                let other = first.and_then(|first| first.cells.get(index));
                other.map_or_else(|| cell.clone(), |other| differing(cell, other))
            });
            let cells = cells.collect();
            rows.push(Row { label: (*source).to_owned(), continues: true, cells });
            first.get_or_insert(row);
        }
    }
    rows
}

/// A row for each label, in it the first figure of each source.
fn beside(groups: &[(&str, Option<Group>)]) -> Vec<Row> {
    let row = |label: &str| {
        let figures: Vec<Option<&Cell>> =
            groups.iter().map(|(_, group)| find(group.as_ref(), label)?.cells.first()).collect();
        let first = figures.first().copied().flatten();
        let cells = figures.iter().enumerate().map(|(index, figure)| match (figure, first) {
            (None, _) => Cell::none(),
            (Some(cell), Some(first)) if index > 0 => differing(cell, first),
            (Some(cell), _) => (*cell).clone(),
        });
        Row { label: label.to_owned(), continues: false, cells: cells.collect() }
    };
    labels(groups).into_iter().map(row).collect()
}

/// `cell` with its difference from `other` beside it.
fn differing(cell: &Cell, other: &Cell) -> Cell {
    let aside = match (cell.value, other.value) {
        (Some(value), Some(before)) if value == before => String::new(),
        (Some(value), Some(before)) if before != 0.0 => {
            format!("{:+.1} %", 100.0 * (value - before) / before)
        }
        (Some(value), Some(_)) => format!("{value:+}"),
        _ if cell.text != other.text => "differs".to_owned(),
        _ => return cell.clone(),
    };
    Cell { aside, ..cell.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[(&str, &[f64])]) -> Table {
        let rows = rows.iter().map(|(label, values)| Row {
            label: (*label).into(),
            continues: false,
            cells: values.iter().map(|value| Cell::number(*value, 1)).collect(),
        });
        Table {
            title: "t".into(),
            note: String::new(),
            columns: columns.iter().map(|heading| Column::highest(heading)).collect(),
            groups: vec![Group { title: String::new(), rows: rows.collect() }],
        }
    }

    fn asides(row: &Row) -> Vec<&str> {
        row.cells.iter().map(|cell| cell.aside.as_str()).collect()
    }

    #[test]
    fn one_source_stays_as_it_is() {
        let one = table(&["v"], &[("a", &[1.0])]);
        assert_eq!(side_by_side(vec![("x", vec![one.clone()])]), [one]);
    }

    #[test]
    fn differences_are_relative_to_the_first_source() {
        let before = table(&["v", "w"], &[("a", &[2.0, 0.0]), ("b", &[5.0, 5.0])]);
        let after = table(&["v", "w"], &[("a", &[2.5, 3.0]), ("c", &[1.0, 1.0])]);
        let merged = side_by_side(vec![("x", vec![before]), ("y", vec![after])]);
        let rows = &merged[0].groups[0].rows;
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["a", "x", "y", "b", "x", "c", "y"]);
        assert_eq!(asides(&rows[1]), ["", ""]);
        assert_eq!(asides(&rows[2]), ["+25.0 %", "+3"]);
    }

    #[test]
    fn with_one_figure_a_row_the_sources_are_columns() {
        let before = table(&["v"], &[("a", &[2.0]), ("b", &[5.0])]);
        let after = table(&["v"], &[("a", &[2.0]), ("c", &[1.0])]);
        let merged = side_by_side(vec![("x", vec![before]), ("y", vec![after])]);
        assert_eq!(merged[0].columns.len(), 2);
        let rows = &merged[0].groups[0].rows;
        assert_eq!(asides(&rows[0]), ["", ""]);
        assert_eq!(rows[1].cells[1], Cell::none());
        assert_eq!(rows[2].cells[1].text, "1.0");
    }
}
