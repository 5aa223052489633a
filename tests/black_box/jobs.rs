//! Job files: sets of runs in one boot.

use crate::machine::{TemporaryFile, Words, assert_line, expect, machine, succeed};

const JOB: &str = "\
# Two alone, then one more with another method.
timeout 100ms
vm-bytes 1M
vm-keep
vm-method flip
run sequential
vm 1
zswap 1
run parallel
vm 2
vm-method gray
";

#[test]
fn one_document_has_all_runs() {
    let job = TemporaryFile::new("runs.job", JOB.as_bytes());
    let (document, outcome) =
        succeed(&machine().with("--metrics-brief --seed 7").file("job", job.path()));
    assert_eq!(document.runs.len(), 3, "{outcome}");
    let stressors = |number: usize| {
        let stressors = document.runs[number].stressors.iter();
        stressors.map(|one| (one.name.as_str(), one.instances.len())).collect::<Vec<_>>()
    };
    assert_eq!(stressors(0), [("vm", 1)]);
    assert_eq!(stressors(1), [("zswap", 1)]);
    assert_eq!(stressors(2), [("vm", 2)]);
    let methods = [0, 2].map(|number: usize| document.runs[number].stressors[0].method.clone());
    assert_eq!(methods, [Some("flip".to_owned()), Some("gray".to_owned())]);
    assert!(
        document.runs.iter().all(|run| run.settings.seed == 7 && run.verdict.status.code() == 0)
    );
    // Counters of a run are its own.
    assert_eq!(document.runs[1].memory.paging.minor_faults, 0);
    assert_eq!(document.runs[2].memory.paging.minor_faults, 256);
    assert_eq!(document.stressors.len(), 3);
    assert_line(&outcome, &["run 3 of 3: --vm 2 "]);
    // A single run is a document as ever.
    let job = TemporaryFile::new("run.job", b"vm 1\nvm-bytes 1M\nvm-ops 10\n");
    let (document, _) = succeed(&machine().file("job", job.path()));
    assert!(document.runs.is_empty());
    assert_eq!(document.stressors[0].bogo_ops(), 10);
}

#[test]
fn the_gravest_run_decides() {
    let job = TemporaryFile::new("grave.job", b"timeout 100ms\nrun sequential\nvm 1\nzswap 1\n");
    let outcome = expect(2, &machine().with("inject=verify --vm-bytes 1M").file("job", job.path()));
    assert_line(&outcome, &["zlab: verdict: 2 "]);
}

#[test]
fn mistakes_name_the_line() {
    let job = TemporaryFile::new("bad.job", b"vm 1\nvm-bites 4\n");
    let outcome = expect(1, &machine().file("job", job.path()));
    assert_line(&outcome, &["job file, line 2:", "did you mean --vm-bytes?"]);
    let job = TemporaryFile::new("binary.job", &[0xff, 0xfe, 0]);
    assert_line(&expect(1, &machine().file("job", job.path())), &["job file: it is not text"]);
}
