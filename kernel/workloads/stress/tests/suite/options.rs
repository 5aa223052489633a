//! The option grammar.

use proptest::prelude::*;
use report::text::Table;
use stress::Options;
use stress::options::{
    Action, Amount, Heap, Injection, Log, OptionError, Request, TABLE, Value, help, stressors,
};

fn message(arguments: &str) -> String {
    Options::parse(arguments).unwrap_err().to_string()
}

#[test]
fn nothing_means_the_defaults() {
    let options = Options::parse("  ").unwrap();
    assert_eq!(options, Options::default());
    assert_eq!(options.limit_ns(), Some(86_400_000_000_000));
    assert_eq!(options.resident, Amount::Percent(25));
}

#[test]
fn stress_ngs_spelling() {
    let options = Options::parse(
        "--vm 2 --vm-bytes=256M --vm-method flip --vm-keep --vm-ops 7 -t 5 --verify \
         --metrics --seed 0x2a -v --resident 64m --max-pool-percent 30%",
    )
    .unwrap();
    assert_eq!(options.requests, [Request { name: "vm", instances: 2 }]);
    assert_eq!(options.setting("vm", "bytes"), Some(Value::Size(Amount::Bytes(256 << 20))));
    assert_eq!((options.choice("vm", "method"), options.flag("vm", "keep")), ("flip", true));
    assert_eq!((options.ops("vm"), options.ops("zpool")), (Some(7), None));
    assert_eq!(options.limit_ns(), Some(5_000_000_000));
    assert!(options.verify && options.verbose);
    assert_eq!((options.metrics, options.seed), (Table::Full, 42));
    assert_eq!((options.resident, options.max_pool_percent), (Amount::Bytes(64 << 20), 30));
}

#[test]
fn stressors_keep_their_order_and_the_last_number_counts() {
    let options = Options::parse("--zswap 1 --vm 2 --zpool 3 --vm 4").unwrap();
    let found: Vec<_> = options.requests.iter().map(|one| (one.name, one.instances)).collect();
    assert_eq!(found, [("zswap", 1), ("vm", 4), ("zpool", 3)]);
}

#[test]
fn short_options_in_every_form() {
    for arguments in ["-t 90", "-t90", "-t=90", "--timeout 90s", "--timeout=90", "-t 90000ms"] {
        let options = Options::parse(arguments).unwrap();
        assert_eq!(options.timeout_ns, Some(90_000_000_000), "{arguments}");
    }
    for (value, seconds) in [("2m", 120), ("1h", 3600), ("1d", 86_400), ("1y", 31_536_000)] {
        let options = Options::parse(&format!("-t {value}")).unwrap();
        assert_eq!(options.timeout_ns, Some(seconds * 1_000_000_000), "{value}");
    }
    assert_eq!(Options::parse("-t 0").unwrap().limit_ns(), None);
    let limit = |arguments| Options::parse(arguments).unwrap().limit_ns();
    assert_eq!(limit("--all 1"), Some(86_400_000_000_000));
    assert_eq!(limit("--seq 1"), Some(60_000_000_000), "each");
    assert_eq!(limit("--seq 1 -t 5"), Some(5_000_000_000));
    assert_eq!(Options::parse("-h").unwrap().action, Action::Help);
    assert_eq!(Options::parse("--stressors").unwrap().action, Action::ListStressors);
}

#[test]
fn sizes() {
    for (value, amount) in [
        ("4096", Amount::Bytes(4096)),
        ("12b", Amount::Bytes(12)),
        ("4K", Amount::Bytes(4 << 10)),
        ("3g", Amount::Bytes(3 << 30)),
        ("2T", Amount::Bytes(2 << 40)),
        ("300%", Amount::Percent(300)),
    ] {
        let options = Options::parse(&format!("--vm-bytes {value}")).unwrap();
        assert_eq!(options.setting("vm", "bytes"), Some(Value::Size(amount)), "{value}");
    }
    for value in [
        "0",
        "0%",
        "k",
        "4x",
        "-1",
        "4.5G",
        "99999999999999999999",
        "18014398509481984k",
        "%",
        "+4",
    ] {
        let error = Options::parse(&format!("--vm-bytes {value}")).unwrap_err();
        assert!(matches!(error, OptionError::BadValue { .. }), "{value}: {error:?}");
    }
    assert_eq!(Amount::Percent(150).bytes_of(1000), 1500);
    assert_eq!(Amount::Percent(u32::MAX).bytes_of(u64::MAX), u64::MAX);
}

#[test]
fn words_for_the_kernel() {
    let boot = Options::parse(
        "granule=16k zpool=zblock-v4 compressor=zstd:3 heap=llff log=defmt exit=semihosting \
         icount=1 inject=panic",
    )
    .unwrap()
    .boot;
    assert_eq!(boot.page_size, 16384);
    assert_eq!((boot.zpool.as_str(), boot.compressor.as_str()), ("zblock-v4", "zstd:3"));
    assert_eq!((boot.heap, boot.log), (Heap::LinkedListFirstFit, Log::Defmt));
    assert!(boot.exit_by_semihosting && boot.icount);
    assert_eq!(boot.injection, Some(Injection::Panic));
}

#[test]
fn words_of_others_are_collected_once() {
    let options =
        Options::parse("coherent_pool=1M 8250.nr_uarts=1 coherent_pool=1M quiet granule --vm 1")
            .unwrap();
    assert_eq!(options.ignored, ["coherent_pool=1M", "8250.nr_uarts=1", "quiet", "granule"]);
    assert_eq!(options.requests.len(), 1);
}

#[test]
fn errors_say_what_was_wrong_and_what_is_accepted() {
    for (arguments, expected) in [
        ("--vm-byte 4", "unknown option --vm-byte; did you mean --vm-bytes?"),
        ("--frok-nothing 4", "unknown option --frok-nothing; --help lists what is accepted"),
        ("--zpol 1", "unknown option --zpol; did you mean --zpool?"),
        ("-y", "unknown option -y; --help lists what is accepted"),
        ("--zwap 1", "unknown option --zwap; did you mean --swap or --zswap or --heap?"),
        ("--vm", "--vm needs a value: a number of instances, 0 for one on each CPU"),
        (
            "--vm two",
            "--vm two: not a whole number; accepted: a number of instances, 0 for one on each CPU",
        ),
        (
            "--zpool zblock",
            "--zpool zblock: not a whole number; accepted: a number of instances, 0 for one on \
             each CPU",
        ),
        ("--verify=yes", "--verify takes no value, but was given yes"),
        ("granule=64k", "granule 64k: not one of the choices; accepted: 4k or 16k"),
        (
            "--max-pool-percent 0",
            "--max-pool-percent 0: must be between 1 and 100 percent; accepted: 1 to 100",
        ),
        (
            "--vm 5000",
            "--vm 5000: at most 1024 instances; accepted: a number of instances, 0 for one on each CPU",
        ),
        (
            "-t 5w",
            "--timeout 5w: unknown unit w; accepted: a time such as 5, 5s, 2m, 1h, 1d, 500ms; 0 \
             for no limit",
        ),
    ] {
        assert_eq!(message(arguments), expected, "{arguments}");
    }
    assert!(message("--vm-method flop").contains("did you mean flip?"));
    assert!(message("--vm-method flop").contains("walk-1d"));
}

#[test]
fn help_has_every_option() {
    let help = help();
    for entry in TABLE {
        assert!(help.contains(entry.name) && help.contains(entry.about), "{}", entry.name);
    }
    assert!(help.lines().all(|line| line.len() <= 112), "{help}");
    for name in ["vm", "zpool", "zswap"] {
        assert!(stressors().lines().any(|line| line.starts_with(name)));
    }
}

#[test]
fn the_readme_lists_every_stressor() {
    let readme = include_str!("../../README.md");
    for stressor in stress::STRESSORS {
        let row = format!("| `{}` | {} |", stressor.name, stressor.about);
        assert!(readme.contains(&row), "{row}");
    }
}

#[test]
fn the_table_has_no_word_twice() {
    for (index, entry) in TABLE.iter().enumerate() {
        for other in &TABLE[..index] {
            assert_ne!(entry.name, other.name);
            assert!(entry.short.is_empty() || entry.short != other.short, "{}", entry.name);
        }
    }
}

proptest! {
    #[test]
    fn any_arguments_are_understood_or_refused(arguments in "([ =%-]|--|vm|zpool|-t|[a-z0-9])*") {
        match Options::parse(&arguments) {
            Ok(options) => prop_assert!(options.ignored.iter().all(|word| !word.starts_with('-'))),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
