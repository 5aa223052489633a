//! Wrong and unknown boot arguments.

use crate::machine::{Words, assert_line, expect, machine, run, succeed};

/// Boot arguments that are refused with status 1, and what the message has to say.
fn refused(words: &str, message: &[&str]) {
    let outcome = expect(1, &machine().with(words));
    assert_line(&outcome, &[&["zlab: error:"], message].concat());
    assert_line(&outcome, &["zlab: verdict: 1 "]);
    assert!(outcome.report.is_none(), "{outcome}");
}

#[test]
fn unknown_option_is_refused_with_the_nearest() {
    refused("--vm 1 --vm-methd all", &["--vm-methd", "did you mean --vm-method"]);
    refused("--vm 1 --verfy", &["--verfy", "did you mean --verify"]);
    refused("--frok 4", &["--frok"]);
}

#[test]
fn a_stressor_that_needs_processes_is_skipped() {
    let outcome = run(&machine().with("--fork 4"));
    assert_eq!(outcome.status(), 4, "{outcome}");
    assert_line(&outcome, &["fork: not implemented here"]);
}

#[test]
fn unknown_names_are_refused_with_the_accepted() {
    refused("--vm 1 --vm-method walk-1x", &["walk-1x", "walk-1"]);
    refused("--vm 1 zpool=zbluck", &["zbluck", "zblock", "zsmalloc", "z3fold", "zbud"]);
    refused("--vm 1 compressor=lz5", &["lz5", "lz4"]);
}

#[test]
fn malformed_values_are_refused_with_what_is_accepted() {
    refused("--vm 1 --vm-bytes 12Q", &["--vm-bytes", "12Q", "256M"]);
    refused("--vm many", &["--vm", "many", "number"]);
    refused("--vm 1 --timeout soon", &["--timeout", "soon", "500ms"]);
    refused("--vm 1 --max-pool-percent 0", &["--max-pool-percent", "1 to 100"]);
    refused("granule=8k --vm 1", &["granule", "8k", "16k"]);
}

#[test]
fn missing_and_unexpected_values_are_refused() {
    refused("--vm 1 --timeout", &["--timeout", "needs a value"]);
    refused("--vm 1 --verify=yes", &["--verify", "takes no value"]);
}

#[test]
fn words_of_others_are_listed_once_and_ignored() {
    let words = "console=ttyAMA10 coherent_pool=1M console=ttyAMA10 quiet --vm 1 --vm-bytes 1M \
                 --vm-ops 10";
    let (_, outcome) = succeed(&machine().with(words));
    let listing: Vec<_> = outcome.lines.iter().filter(|line| line.contains("ignored")).collect();
    assert_eq!(listing.len(), 1, "{outcome}");
    for word in ["console=ttyAMA10", "coherent_pool=1M", "quiet"] {
        assert_eq!(listing[0].matches(word).count(), 1, "{word} in {listing:?}");
    }
}

#[test]
fn a_later_option_overrides_and_all_spellings_are_one() {
    let words = "--vm=3 --vm 1 --vm-bytes=1M --timeout 1d -t5 --vm-ops 10 granule=16k granule=4k";
    let (document, outcome) = succeed(&machine().with(words));
    assert_eq!(document.stressors[0].instances.len(), 1, "{outcome}");
    assert_eq!(document.stressors[0].bytes, 1 << 20, "{outcome}");
    assert_eq!(document.machine.page_size, 4096, "{outcome}");
    assert_line(&outcome, &["setting to a 5 secs run"]);
}

#[test]
fn help_and_list_of_stressors_end_with_success() {
    let outcome = run(&machine().with("--help"));
    assert_eq!(outcome.status(), 0, "{outcome}");
    for option in ["--vm-bytes", "--zpool-ops", "--zswap", "--resident", "granule"] {
        assert_line(&outcome, &[option]);
    }
    let outcome = run(&machine().with("--stressors"));
    assert_eq!(outcome.status(), 0, "{outcome}");
    for stressor in ["vm", "zpool", "zswap"] {
        assert_line(&outcome, &[stressor]);
    }
}
