//! The results as YAML, in stress-ng's conventions.
//!
//! Keys and indents are those of stress-ng 0.22's `--yaml`; the key `memory`, which it does not
//! have, holds what paging, the store and the pool counted.

use alloc::string::String;
use core::fmt::{self, Write};

use crate::{Document, InstanceResult, Metric, StressorResult};

/// Writes `document` as YAML. `host` is added to `system-info`: keys and values that only the host
/// knows, such as the date.
///
/// # Errors
/// Those of `out`.
pub fn write(document: &Document, host: &[(&str, &str)], out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "---")?;
    system_info(document, host, out)?;
    writeln!(out, "metrics:")?;
    for stressor in &document.stressors {
        metrics(stressor, out)?;
    }
    memory(document, out)?;
    if let Some(states) = &document.board {
        writeln!(out, "board:")?;
        for (when, state) in [("before", &states.before), ("after", &states.after)] {
            writeln!(out, "      {when}:")?;
            for (name, value) in state.named() {
                match value {
                    Some(value) => writeln!(out, "          {name}: {value}")?,
                    None => writeln!(out, "          {name}: null")?,
                }
            }
        }
    }
    writeln!(out, "thermal-zones:")?;
    times(document, out)?;
    writeln!(out, "verdict:")?;
    writeln!(out, "      status: {}", document.verdict.status.code())?;
    writeln!(out, "      text: {}", Quoted(&document.verdict.text))?;
    writeln!(out, "...")
}

fn system_info(document: &Document, host: &[(&str, &str)], out: &mut dyn Write) -> fmt::Result {
    let (machine, settings) = (&document.machine, &document.settings);
    writeln!(out, "system-info:")?;
    for (key, value) in [
        ("zlab-version", document.version.as_str()),
        ("board", &machine.board),
        ("command", &settings.command),
        ("zpool", &settings.zpool),
        ("compressor", &settings.compressor),
    ] {
        writeln!(out, "      {key}: {}", Quoted(value))?;
    }
    for (key, value) in [
        ("totalram", machine.memory_bytes),
        ("pagesize", machine.page_size),
        ("cpus", u64::from(machine.cpus)),
        ("ticks-per-second", machine.counter_hz),
        ("seed", settings.seed),
        ("icount", u64::from(settings.icount)),
    ] {
        writeln!(out, "      {key}: {value}")?;
    }
    host.iter().try_for_each(|(key, value)| writeln!(out, "      {key}: {}", Quoted(value)))
}

fn metrics(stressor: &StressorResult, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "    - stressor: {}", stressor.name)?;
    if let Some(method) = &stressor.method {
        writeln!(out, "      method: {method}")?;
    }
    writeln!(out, "      bogo-ops: {}", stressor.bogo_ops())?;
    writeln!(out, "      bogo-ops-per-second-usr-sys-time: {:.6}", stressor.rate_cpu())?;
    writeln!(out, "      bogo-ops-per-second-real-time: {:.6}", stressor.rate_real())?;
    writeln!(out, "      wall-clock-time: {:.6}", stressor.real_seconds())?;
    writeln!(out, "      user-time: {:.6}", stressor.user_seconds())?;
    writeln!(out, "      system-time: {:.6}", stressor.system_seconds())?;
    writeln!(out, "      cpu-usage-per-instance: {:.6}", stressor.cpu_percent())?;
    writeln!(out, "      max-rss: {}", stressor.resident_max_bytes() / 1024)?;
    writeln!(out, "      checks: {}", stressor.checks())?;
    writeln!(out, "      verify-errors: {}", stressor.verify_errors())?;
    for metric in &stressor.metrics {
        writeln!(out, "      {}: {:.6}", key(metric), metric.value)?;
    }
    writeln!(out, "      instances:")?;
    let instances = stressor.instances.iter().enumerate();
    instances.into_iter().try_for_each(|(number, one)| instance(number, one, out))
}

fn instance(number: usize, instance: &InstanceResult, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "          - instance: {number}")?;
    writeln!(out, "            bogo-ops: {}", instance.bogo_ops)?;
    writeln!(out, "            bogo-ops-per-second-usr-sys-time: {:.6}", instance.rate_cpu())?;
    writeln!(out, "            bogo-ops-per-second-real-time: {:.6}", instance.rate_real())?;
    writeln!(out, "            wall-clock-time: {:.6}", instance.real_seconds())?;
    writeln!(out, "            user-time: {:.6}", instance.user_seconds())?;
    writeln!(out, "            system-time: {:.6}", instance.system_seconds())?;
    writeln!(out, "            max-rss: {}", instance.resident_max_bytes / 1024)?;
    writeln!(out, "            checks: {}", instance.checks)?;
    writeln!(out, "            verify-errors: {}", instance.verify_errors)
}

fn memory(document: &Document, out: &mut dyn Write) -> fmt::Result {
    let figures = |out: &mut dyn Write, title: &str, named: &[(&str, u64)]| {
        writeln!(out, "      {title}:")?;
        named.iter().try_for_each(|(name, value)| writeln!(out, "          {name}: {value}"))
    };
    writeln!(out, "memory:")?;
    figures(out, "paging", &document.memory.paging.named())?;
    if let Some(store) = &document.memory.store {
        figures(out, "store", &store.named())?;
    }
    if let Some(pool) = &document.memory.pool {
        figures(out, "pool", &pool.named())?;
        let page_size = document.machine.page_size;
        writeln!(out, "          total_bytes: {}", pool.total_bytes(page_size))?;
        writeln!(out, "          density: {:.6}", pool.density(page_size))?;
    }
    Ok(())
}

fn times(document: &Document, out: &mut dyn Write) -> fmt::Result {
    let elapsed = document.elapsed_seconds();
    let user: f64 = document.stressors.iter().map(StressorResult::user_seconds).sum();
    let system: f64 = document.stressors.iter().map(StressorResult::system_seconds).sum();
    let available = elapsed * f64::from(document.machine.cpus);
    writeln!(out, "times:")?;
    for (key, seconds) in [
        ("run-time", elapsed),
        ("available-cpu-time", available),
        ("user-time", user),
        ("system-time", system),
        ("total-time", user + system),
    ] {
        writeln!(out, "      {key}: {seconds:.6}")?;
    }
    Ok(())
}

/// The key of a metric: its name in lower case, words joined by hyphens.
fn key(metric: &Metric) -> String {
    let mut key = String::new();
    let words = metric.name.split(|c: char| !(c.is_alphanumeric() || c == '%'));
    for word in words.filter(|word| !word.is_empty()) {
        if !key.is_empty() {
            key.push('-');
        }
        key.push_str(&word.replace('%', "percent").to_lowercase());
    }
    key
}

/// A YAML string in single quotes; a quote inside is doubled, control characters are dropped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for character in self.0.chars().filter(|character| !character.is_control()) {
            if character == '\'' {
                f.write_char('\'')?;
            }
            f.write_char(character)?;
        }
        f.write_char('\'')
    }
}
