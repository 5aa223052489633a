//! Takes a method over the memory, pass by pass.

use super::method::{Run, Stage};

/// Runs all stages; answers whether there is time left.
///
/// Time is tested after each chunk. When it runs out during a pass that writes, the chunks that
/// the pass reached are checked as it left them and the others as the pass before left them; when
/// it runs out during a check, the check is finished. So whatever was written is checked.
pub(super) fn run(run: &mut Run<'_>) -> bool {
    let checks = !run.method.unchecked || run.worker.options.verify;
    let pages = run.pages();
    let mut done = 0;
    for (number, stage) in run.method.stages.iter().enumerate() {
        if !stage.check {
            if let Some(reached) = write_pass(run, stage, done, pages) {
                if checks {
                    finish(run, number, done, reached, pages);
                }
                return false;
            }
            done += 1;
        } else if checks && !check_pass(run, stage, pages, |_| done) {
            return false;
        }
    }
    true
}

/// One pass that writes; answers how many chunks it reached when time ran out before its end.
fn write_pass(run: &mut Run<'_>, stage: &Stage, done: usize, pages: usize) -> Option<usize> {
    for index in 0..pages {
        let errors = (run.method.write)(&mut run.chunk(index), done);
        let name = run.method.name;
        run.worker.wrong(errors, format_args!("chunk {index}, method {name}"));
        tick(run, stage);
        if !run.worker.go_on() {
            return Some(index + 1);
        }
    }
    None
}

/// One check of the first `pages` chunks, to its end; answers whether there is time left.
fn check_pass(
    run: &mut Run<'_>,
    stage: &Stage,
    pages: usize,
    done: impl Fn(usize) -> usize,
) -> bool {
    run.inject();
    let mut go_on = true;
    for index in 0..pages {
        let errors = (run.method.check)(&mut run.chunk(index), done(index));
        let name = run.method.name;
        run.worker.checked(errors, format_args!("chunk {index}, method {name}"));
        tick(run, stage);
        go_on = run.worker.go_on() && go_on;
    }
    go_on
}

/// The check that is outstanding when write stage number `done`, the stage number `number` of all,
/// got as far as `reached` chunks.
fn finish(run: &mut Run<'_>, number: usize, done: usize, reached: usize, pages: usize) {
    let written = if done == 0 { reached } else { pages };
    let stages = run.method.stages;
    if let Some(stage) = stages[number..].iter().find(|stage| stage.check) {
        check_pass(run, stage, written, |index| done + usize::from(index < reached));
    }
}

fn tick(run: &Run<'_>, stage: &Stage) {
    let page_size = (run.page_words * size_of::<u64>()) as u64;
    run.worker.tick(page_size.checked_div(u64::from(stage.bytes_per_tick)).unwrap_or(0));
}
