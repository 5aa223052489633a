//! Which stressors run, and what is printed instead.

use report::{Outcome, Status};
use stress::options::{Action, OptionError, Request};
use stress::{Options, STRESSORS};

use crate::machine::{Host, Pages, pool};

fn names(arguments: &str) -> Vec<&'static str> {
    let options = Options::parse(arguments).unwrap();
    options.requests.iter().map(|request| request.name).collect()
}

#[test]
fn all_and_seq_take_every_stressor() {
    let every: Vec<_> = STRESSORS.iter().map(|stressor| stressor.name).collect();
    for (word, sequential) in
        [("--all", false), ("-a", false), ("--seq", true), ("--sequential", true)]
    {
        let options = Options::parse(&format!("{word} 3")).unwrap();
        assert_eq!(options.sequential, sequential);
        assert!(options.requests.iter().all(|request| request.instances == 3));
        assert_eq!(names(&format!("{word} 3")), every);
    }
}

#[test]
fn numbers_of_their_own_count_and_excluded_ones_are_gone() {
    let options = Options::parse("--seq 2 --zpool 5 --exclude vm").unwrap();
    assert!(options.requests.contains(&Request { name: "zpool", instances: 5 }));
    assert!(options.requests.iter().all(|request| request.name != "vm"));
    assert_eq!(names("--vm 1 --zswap 1 -x vm,zpool"), ["zswap"]);
}

#[test]
fn a_class_and_a_list_are_taken_together() {
    let names = names("--all 1 --class vm --with zswap");
    assert!(names.contains(&"vm") && names.contains(&"zswap"), "{names:?}");
    assert!(!names.contains(&"zpool"), "{names:?}");
}

#[test]
fn a_class_needs_a_number_and_a_name() {
    for (arguments, text) in [
        ("--class vm", "--all N or --seq N"),
        ("--with vm", "--all N or --seq N"),
        ("--all 1 --class wm", "no class is called wm"),
        ("--all 1 --class vm,", "no class is called "),
        ("--all 1 --with vn", "did you mean vm?"),
        ("--all 1 --exclude zpol", "did you mean zpool?"),
        ("--class wm?", "no such class"),
    ] {
        let error = Options::parse(arguments).unwrap_err();
        assert!(matches!(error, OptionError::BadValue { .. }), "{arguments}");
        assert!(error.to_string().contains(text), "{arguments}: {error}");
    }
}

#[test]
fn texts() {
    let options = Options::parse("--class vm?").unwrap();
    assert!(matches!(options.action, Action::ListClass(_)));
    let text = options.text().unwrap();
    assert!(text.starts_with("class 'vm' stressors: bigheap brk "), "{text}");
    assert!(Options::parse("--help").unwrap().text().unwrap().contains("--zswap-bytes SIZE"));
    assert_eq!(Options::parse("--vm 1").unwrap().text(), None);
}

#[test]
fn a_stressor_that_is_not_here_is_skipped_with_a_status_of_its_own() {
    let host = Host::default();
    let run = host.run("--fork 4 --sock-ops 5 --vm 1 --vm-bytes 64k --vm-method gray -t 100ms");
    assert_eq!(run.status, Status::NotImplemented);
    let ends: Vec<_> = run.stressors.iter().map(|one| (one.name.as_str(), one.outcome())).collect();
    assert_eq!(
        ends,
        [
            ("fork", Outcome::NotImplemented),
            ("sock", Outcome::NotImplemented),
            ("vm", Outcome::Passed)
        ]
    );
    assert_eq!(run.stressors[0].instances.len(), 4);
    assert!(host.printed("fork: not implemented here, skipped"));
}

#[test]
fn one_after_the_other_each_has_the_time() {
    let host = Host { pool: Some(pool()), store: Some(Pages::new(1000)), ..Host::default() };
    let run = host.run(
        "--seq 1 --with vm,zpool,zswap --vm-bytes 64k --vm-method gray --timeout 200ms --verify",
    );
    assert_eq!(run.status, Status::Success);
    assert_eq!(run.stressors.len(), 3);
    for stressor in &run.stressors {
        assert!(stressor.instances[0].real_ns >= 200_000_000, "{stressor:?}");
    }
    assert!(run.elapsed_ns >= 600_000_000);
    assert!(host.printed("starting zpool, 2 of 3 (66.67%)"));
}
