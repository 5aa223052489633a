//! The tables of a comparison: one for each question.

use report::{Comparison, Contestant, Distribution, Document, Load, PoolRun, Step, Unit};

use super::table::{Cell, Column, Group, Row, Table};

/// What `document` compares; nothing for another document.
pub fn tables(document: &Document) -> Vec<Table> {
    let Some(comparison) = &document.comparison else { return Vec::new() };
    let view = View { comparison, page_size: document.machine.page_size };
    let mut tables: Vec<Table> = ["large", "small"].map(|pool| view.density(pool)).into();
    tables.extend(OPERATIONS.map(|(operation, about)| view.operation(operation, about)));
    tables.push(view.response());
    tables.extend(view.loads());
    tables.push(view.balance());
    tables.push(view.ablation());
    tables
}

/// Operations that are timed, and what is in their time.
pub const OPERATIONS: [(&str, &str); 8] = [
    ("alloc", "Large pool, fill and churn."),
    ("free", "Large pool; background work is not in it."),
    ("store", "A page in: compress, alloc, write. Pages of one repeated word left out."),
    ("load", "A page out: read, decompress; without freeing it."),
    (
        "major fault",
        "From the exception to the return, in the first of the loads below: evict, load, map.",
    ),
    ("write", "Large pool: copying an object in, whatever its size."),
    (
        "read",
        "Large pool: both ends of reading an object in place, or its copy if the allocator \
              cannot show it in one piece.",
    ),
    (
        "background",
        "One step after each operation of the large pool: at most two pages of bytes \
                    and one object.",
    ),
];

/// A comparison and what its pages are.
struct View<'a> {
    comparison: &'a Comparison,
    page_size: u64,
}

/// What a row is called.
pub fn name_of(contestant: &Contestant) -> String {
    let compacted = if contestant.compacted { " +compact" } else { "" };
    format!("{}{compacted}", contestant.zpool)
}

/// What the rows of a contestant have in common with others: page size and compressor.
pub fn group_of(page_size: u64, compressor: &str) -> String {
    format!("{}K pages, {compressor}", page_size >> 10)
}

impl View<'_> {
    /// A table with a group for each compressor and a row for each contestant that `row` has
    /// figures of.
    fn table(
        &self,
        title: &str,
        note: &str,
        columns: Vec<Column>,
        row: impl Fn(&Contestant) -> Option<Vec<Cell>>,
    ) -> Table {
        let contestants = &self.comparison.contestants;
        let groups = self.groups(contestants, row);
        Table { title: title.into(), note: note.into(), columns, groups }
    }

    fn groups(
        &self,
        contestants: &[Contestant],
        row: impl Fn(&Contestant) -> Option<Vec<Cell>>,
    ) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for contestant in contestants {
            let Some(cells) = row(contestant) else { continue };
            let row = Row { label: name_of(contestant), continues: false, cells };
            let title = group_of(self.page_size, &contestant.compressor);
            match groups.iter_mut().find(|group| group.title == title) {
                Some(group) => group.rows.push(row),
                None => groups.push(Group { title, rows: vec![row] }),
            }
        }
        groups
    }

    fn density(&self, pool: &str) -> Table {
        let mut columns: Vec<Column> =
            Step::ALL.iter().map(|step| Column::lowest(step.text())).collect();
        columns.push(Column::plain("refused"));
        columns.push(Column::lowest("all, filled"));
        let of = |contestant: &Contestant| {
            let run = contestant.pools.iter().find(|run| run.name == pool)?;
            let mut cells: Vec<Cell> = Step::ALL.iter().map(|&step| self.cost(run, step)).collect();
            let full = run.end_of(Step::Fill)?;
            let refused = 100.0 * full.refused_objects as f64 / run.objects.max(1) as f64;
            cells.push(Cell { text: format!("{refused:.1} %"), ..Cell::number(refused, 1) });
            cells.push(inverse(full.effective_density(self.page_size)));
            Some(cells)
        };
        let first = self.comparison.contestants.first();
        let run = first.and_then(|first| first.pools.iter().find(|run| run.name == pool));
        let (objects, replacements) = run.map_or((0, 0), |run| (run.objects, run.replacements));
        self.table(
            &format!("Pool bytes per stored byte, {pool} pool"),
            &format!(
                "1 / density: all bytes the pool holds, metadata included, per live byte; 1 would \
                 be perfect. {objects} objects at {}K, {replacements} of them replaced at random, \
                 then freed at random until 50 % and 25 % are left, then compacted. +compact: \
                 compacted before each figure. Refused: objects the allocator does not take; \"all, \
                 filled\" charges a whole page for each of them.",
                self.page_size >> 10
            ),
            columns,
            of,
        )
    }

    fn cost(&self, run: &PoolRun, step: Step) -> Cell {
        run.end_of(step).map_or_else(Cell::none, |point| inverse(point.density(self.page_size)))
    }

    fn operation(&self, operation: &str, about: &str) -> Table {
        let all = self.comparison.contestants.iter().flat_map(|one| &one.operations);
        let own = all.filter(|times| times.name == operation).find_map(|times| times.unit);
        let unit = own.unwrap_or(self.comparison.unit).text();
        let overhead = self.overhead(own);
        let columns = ["median", "99 %", "99.9 %", "max", "mean"].map(Column::lowest);
        self.table(
            &format!("{} per {operation}", capitalised(unit)),
            &format!(
                "{about} Net of what measuring adds, in brackets raw ({overhead} {unit} more). A \
                 percentile is the upper end of its bucket, at most 3 % too high; the largest is \
                 exact.",
            ),
            columns.into(),
            |contestant| {
                let found = contestant.operations.iter().find(|one| one.name == operation)?;
                Some(self.times(found))
            },
        )
    }

    /// What measuring added to durations in their own unit, or in the comparison's.
    fn overhead(&self, own: Option<Unit>) -> u64 {
        if own.is_some() { 0 } else { self.comparison.overhead }
    }

    fn times(&self, times: &Distribution) -> Vec<Cell> {
        let overhead = self.overhead(times.unit);
        let net = |raw: u64| Cell::count(raw.saturating_sub(overhead)).beside(raw.to_string());
        let mean = times.mean();
        vec![
            net(times.percentile(500)),
            net(times.percentile(990)),
            net(times.percentile(999)),
            net(times.max),
            Cell::number((mean - overhead as f64).max(0.0), 0).beside(format!("{mean:.0}")),
        ]
    }

    fn response(&self) -> Table {
        let section = self.comparison.unit.text();
        let unit = match self.comparison.unit {
            Unit::Instructions => Unit::Instructions.text(),
            Unit::Cycles | Unit::Nanoseconds => Unit::Nanoseconds.text(),
        };
        let cell = |value: Option<u64>| value.map_or_else(Cell::none, Cell::count);
        self.table(
            "Latency of others under load",
            &format!(
                "During the first of the loads below, with a timer every 100 us. Longest masked and \
                 unpreempted: the longest sections with interrupts masked and with preemption off \
                 (interrupts included), in {section}, of the whole kernel, from a boot with the \
                 tracer, whose own time is left out. Late interrupt: {unit} from a timer's deadline \
                 to the first instruction of the interrupt's vector; worst wake-up: to the first \
                 instruction of the thread that waited for it. These two are samples: longer ones \
                 in between are not seen."
            ),
            vec![
                Column::lowest("longest masked"),
                Column::lowest("longest unpreempted"),
                Column::lowest("late interrupt"),
                Column::lowest("worst wake-up"),
                Column::plain("wake-ups"),
            ],
            |contestant| {
                let response = contestant.response?;
                Some(vec![
                    cell(response.masked_section),
                    cell(response.preemption_section),
                    cell(response.masked_max),
                    cell(response.wakeup_max),
                    Cell::count(response.wakeups),
                ])
            },
        )
    }

    /// A table for each load that any contestant ran.
    fn loads(&self) -> Vec<Table> {
        let mut commands: Vec<&str> = Vec::new();
        for load in self.comparison.contestants.iter().flat_map(|one| &one.loads) {
            if !commands.contains(&load.command.as_str()) {
                commands.push(&load.command);
            }
        }
        commands.into_iter().map(|command| self.load(command)).collect()
    }

    fn load(&self, command: &str) -> Table {
        self.table(
            &format!("Throughput of {command}"),
            "Bogo operations per second of real and of CPU time (a second is 10^9 instructions \
             under -icount), the system's share of CPU time, pages stored and loaded per operation, \
             pages that were refused, and pool bytes per stored byte when the work was done.",
            vec![
                Column::highest("ops/s real"),
                Column::highest("ops/s CPU"),
                Column::lowest("sys share"),
                Column::plain("stored/op"),
                Column::plain("loaded/op"),
                Column::lowest("refused"),
                Column::plain("pool/stored"),
            ],
            |contestant| {
                let load = contestant.loads.iter().find(|load| load.command == command)?;
                Some(throughput(load, self.page_size))
            },
        )
    }

    fn balance(&self) -> Table {
        self.table(
            "What was lost",
            "Nothing should be: objects and pages read back, those that were not what had been \
             written, page frames kept by pools without objects, page frames and bytes of the heap \
             missing after pools were destroyed, one of them with live objects.",
            vec![
                Column::plain("checks"),
                Column::lowest("verify errors"),
                Column::lowest("frames kept"),
                Column::lowest("frames missing"),
                Column::lowest("heap missing"),
            ],
            |contestant| {
                let balance = &contestant.balance;
                let signed = |value: i64| Cell::number(value as f64, 0);
                Some(vec![
                    Cell::count(balance.checks),
                    Cell::count(balance.verify_errors),
                    Cell::count(balance.pages_kept),
                    signed(balance.frames_missing),
                    signed(balance.heap_missing),
                ])
            },
        )
    }

    fn ablation(&self) -> Table {
        let base = |compressor: &str| {
            self.comparison.ablation.iter().find(|one| one.compressor == compressor)
        };
        let row = |contestant: &Contestant| {
            let base = base(&contestant.compressor)?;
            let is_base = base.zpool == contestant.zpool;
            let mean = |one: &Contestant, name: &str| {
                one.operations.iter().find(|times| times.name == name).map(Distribution::mean)
            };
            let mut cells: Vec<Cell> = ["alloc", "free", "write", "read"]
                .iter()
                .map(|name| {
                    let overhead = self.comparison.overhead as f64;
                    let Some(raw) = mean(contestant, name) else { return Cell::none() };
                    let cell = Cell::number((raw - overhead).max(0.0), 0);
                    match mean(base, name) {
                        Some(before) if !is_base => cell.beside(format!("{:+.0}", raw - before)),
                        _ => cell,
                    }
                })
                .collect();
            let large = contestant.pools.first()?;
            cells.extend([Step::Fill, Step::Churn, Step::Half].map(|step| self.cost(large, step)));
            Some(cells)
        };
        let columns = ["alloc", "free", "write", "read", "filled", "churned", "50 % left"];
        Table {
            title: "What makes zblock fast".into(),
            note: format!(
                "zblock v4 with one decision at a time replaced by zsmalloc's: mean {} net of \
                 measuring, with the difference beside them, and pool bytes per stored byte. Large \
                 pool.",
                self.comparison.unit.text()
            ),
            columns: columns.map(Column::plain).into(),
            groups: self.groups(&self.comparison.ablation, row),
        }
    }
}

fn throughput(load: &Load, page_size: u64) -> Vec<Cell> {
    let Some(result) = load.stressors.first() else { return Vec::new() };
    let (user, system) = (result.user_seconds(), result.system_seconds());
    let share = if user + system > 0.0 { 100.0 * system / (user + system) } else { 0.0 };
    let paging = &load.memory.paging;
    let per_op = |count: u64| match result.bogo_ops() {
        0 => Cell::none(),
        ops => Cell::number(count as f64 / ops as f64, 1),
    };
    vec![
        Cell::number(result.rate_real(), 1),
        Cell::number(result.rate_cpu(), 1),
        Cell { text: format!("{share:.1} %"), ..Cell::number(share, 1) },
        per_op(paging.stored),
        per_op(paging.loaded),
        Cell::count(paging.refused),
        load.memory.pool.as_ref().map_or_else(Cell::none, |pool| inverse(pool.density(page_size))),
    ]
}

/// Pool bytes per stored byte.
fn inverse(density: f64) -> Cell {
    if density > 0.0 { Cell::number(1.0 / density, 3) } else { Cell::none() }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}
