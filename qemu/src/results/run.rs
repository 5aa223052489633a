//! The tables of an ordinary run.

use report::{Document, LatencyHistogram, StressorResult};

use super::table::{Cell, Column, Group, Row, Table};

/// What stressors, memory and latencies of `document` say.
pub fn tables(document: &Document) -> Vec<Table> {
    vec![stressors(document), memory(document), latencies(document)]
}

fn table(title: &str, note: &str, columns: Vec<Column>, rows: Vec<Row>) -> Table {
    let group = Group { title: String::new(), rows };
    let groups = if group.rows.is_empty() { Vec::new() } else { vec![group] };
    Table { title: title.into(), note: note.into(), columns, groups }
}

fn stressors(document: &Document) -> Table {
    let headings = [
        "bogo ops",
        "real s",
        "usr s",
        "sys s",
        "ops/s real",
        "ops/s usr+sys",
        "checks",
        "verify errors",
    ];
    table(
        "Stressors",
        "Operations are summed over the instances, real time is their mean, usr and sys are \
         summed; sys is time in faults, reclaim, the store and the kernel.",
        headings.map(Column::plain).into(),
        document.stressors.iter().map(stressor).collect(),
    )
}

fn stressor(result: &StressorResult) -> Row {
    let name = match &result.method {
        Some(method) => format!("{} ({method})", result.name),
        None => result.name.clone(),
    };
    let cells = vec![
        Cell::count(result.bogo_ops()),
        Cell::number(result.real_seconds(), 2),
        Cell::number(result.user_seconds(), 2),
        Cell::number(result.system_seconds(), 2),
        Cell::number(result.rate_real(), 2),
        Cell::number(result.rate_cpu(), 2),
        Cell::count(result.checks()),
        Cell::count(result.verify_errors()),
    ];
    Row { label: name, continues: false, cells }
}

fn memory(document: &Document) -> Table {
    let row =
        |label: &str, cell: Cell| Row { label: label.into(), continues: false, cells: vec![cell] };
    let mut rows = Vec::new();
    if let Some(pool) = &document.memory.pool {
        let page_size = document.machine.page_size;
        rows.push(row("density", Cell::number(pool.density(page_size), 4)));
        rows.extend(pool.named().map(|(name, value)| row(name, Cell::count(value))));
        rows.push(row("total_bytes", Cell::count(pool.total_bytes(page_size))));
    }
    let counters = document.memory.store.iter().flat_map(|store| store.named());
    rows.extend(counters.map(|(name, value)| row(name, Cell::count(value))));
    let paging = document.memory.paging.named();
    rows.extend(paging.map(|(name, value)| row(name, Cell::count(value))));
    table(
        "Memory",
        "Taken when the work was done and nothing was given back yet. Density is live compressed \
         bytes over all bytes the pool holds, its metadata elsewhere included.",
        vec![Column::plain("figure")],
        rows,
    )
}

fn latencies(document: &Document) -> Table {
    let columns = ["samples", "min", "mean", "50 %", "99 %", "99.9 %", "max"].map(Column::plain);
    let sampled = document.latencies.iter().filter(|histogram| histogram.count > 0);
    let resolution = document.latencies.iter().map(|histogram| histogram.resolution_ns).max();
    table(
        "Latency",
        &format!(
            "In nanoseconds; the clock's resolution is {} ns. The largest sample is exact, a \
             percentile is the upper end of its bucket.",
            resolution.unwrap_or(0)
        ),
        columns.into(),
        sampled.map(latency).collect(),
    )
}

fn latency(histogram: &LatencyHistogram) -> Row {
    let cells = vec![
        Cell::count(histogram.count),
        Cell::count(histogram.min_ns),
        Cell::number(histogram.mean_ns(), 0),
        Cell::count(histogram.percentile_ns(500)),
        Cell::count(histogram.percentile_ns(990)),
        Cell::count(histogram.percentile_ns(999)),
        Cell::count(histogram.max_ns),
    ];
    Row { label: histogram.name.clone(), continues: false, cells }
}
