//! Which stressors run: `--all`, `--seq`, `--class`, `--with`, `--exclude`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::settings::instances;
use super::{Action, OptionError, Options, Request, nearest};
use crate::stressors::{self, CLASSES, STRESSORS};

/// What was said about stressors in general.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Selection {
    /// `--all` or `--seq`: instances of each.
    every: Option<u32>,
    /// Bits of [`CLASSES`].
    classes: u16,
    with: Vec<&'static str>,
    exclude: Vec<&'static str>,
}

pub(super) fn set_all(options: &mut Options, value: &str) -> Result<(), String> {
    options.selection.every = Some(instances(value)?);
    options.sequential = false;
    Ok(())
}

pub(super) fn set_sequential(options: &mut Options, value: &str) -> Result<(), String> {
    options.selection.every = Some(instances(value)?);
    options.sequential = true;
    Ok(())
}

/// `LIST`, or `NAME?` for what is in that class.
pub(super) fn set_class(options: &mut Options, value: &str) -> Result<(), String> {
    let bit = |name: &str| CLASSES.iter().position(|&known| known == name).map(|at| 1 << at);
    if let Some(name) = value.strip_suffix('?') {
        let class = bit(name).ok_or_else(|| "no such class".to_string())?;
        options.action = Action::ListClass(class);
        return Ok(());
    }
    for name in value.split(',') {
        let class = bit(name).ok_or_else(|| alloc::format!("no class is called {name}"))?;
        options.selection.classes |= class;
    }
    Ok(())
}

pub(super) fn set_with(options: &mut Options, value: &str) -> Result<(), String> {
    options.selection.with = names(value)?;
    Ok(())
}

pub(super) fn set_exclude(options: &mut Options, value: &str) -> Result<(), String> {
    options.selection.exclude = names(value)?;
    Ok(())
}

fn names(list: &str) -> Result<Vec<&'static str>, String> {
    let name = |name: &str| match stressors::find(name) {
        Some(stressor) => Ok(stressor.name),
        None => {
            let near = nearest(name, STRESSORS.iter().map(|stressor| stressor.name));
            let mut problem = alloc::format!("no stressor is called {name}");
            if let Some(near) = near.first() {
                problem += &alloc::format!(", did you mean {near}?");
            }
            Err(problem)
        }
    };
    list.split(',').map(name).collect()
}

/// Puts what was selected among the requests. A stressor that was also asked for by its own option
/// has the number given there.
pub(super) fn finish(options: &mut Options) -> Result<(), OptionError> {
    let selection = core::mem::take(&mut options.selection);
    let limited = selection.classes != 0 || !selection.with.is_empty();
    match selection.every {
        Some(instances) => {
            for stressor in STRESSORS {
                let chosen = !limited
                    || stressor.classes & selection.classes != 0
                    || selection.with.contains(&stressor.name);
                let asked = options.requests.iter().any(|known| known.name == stressor.name);
                if chosen && !asked {
                    options.requests.push(Request { name: stressor.name, instances });
                }
            }
        }
        None if limited => {
            let problem = "stressors are chosen, but not how many of each";
            return Err(Options::refuse(
                "--class or",
                "--with",
                problem,
                "also --all N or --seq N",
            ));
        }
        None => {}
    }
    options.requests.retain(|request| !selection.exclude.contains(&request.name));
    Ok(())
}
