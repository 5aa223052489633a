//! What people type.

use super::*;

fn taken(line: &str) -> (Cyclictest, Vec<&str>) {
    let mut settings = Cyclictest::default();
    let mut words = line.split_ascii_whitespace();
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        match settings.take(word, &mut words) {
            Ok(true) => {}
            Ok(false) => rest.push(word),
            Err(refused) => panic!("{word}: {refused:?}"),
        }
    }
    (settings, rest)
}

#[test]
fn options_as_cyclictest_has_them() {
    let line = "-t 4 -i 100 -l1000000 -h 400 -p95 -D 5m -q -N -m -n";
    let (settings, rest) = taken(line);
    assert!(rest.is_empty(), "{rest:?}");
    let expected = Cyclictest {
        threads: Some(4),
        cpus: 0,
        interval_us: 100,
        distance_us: 0,
        loops: 1_000_000,
        histogram: 400,
        priority: 95,
        duration_ns: 300_000_000_000,
        quiet: true,
        nanoseconds: true,
    };
    assert_eq!(settings, expected);
    assert_eq!(settings.limit_ns(), Some(100_000_000_000), "loops end before the duration");
    let long = "--threads=4 --interval 100 --loops=1000000 --histogram=400 --priority 95 \
                --duration=5m --quiet --nsecs";
    assert_eq!(taken(long).0, expected);
}

#[test]
fn the_number_of_threads_may_be_left_out() {
    assert_eq!(taken("-t 3 -t -i 200").0.threads, None);
    assert_eq!(taken("-t -i 200").0.interval_us, 200);
    assert_eq!(taken("-t zpool=zbud").1, ["zpool=zbud"]);
    assert_eq!(taken("-t5").0.threads, Some(5));
    assert_eq!(taken("-t5 -S").0.threads, None);
    assert_eq!(Cyclictest::default().limit_ns(), None);
}

#[test]
fn letters_stand_together() {
    let (settings, _) = taken("-l100000000 -mSp90 -i200 -h400 -qN");
    assert_eq!((settings.priority, settings.interval_us), (90, 200));
    assert_eq!((settings.loops, settings.histogram), (100_000_000, 400));
    assert!(settings.quiet && settings.nanoseconds);
}

#[test]
fn what_is_not_cyclictests_stays() {
    let (settings, rest) = taken("--vm 2 -v zpool=zbud --verify");
    assert_eq!(rest, ["--vm", "2", "-v", "zpool=zbud", "--verify"]);
    assert_eq!(settings, Cyclictest::default());
}

#[test]
fn wrong_values_are_refused_with_what_is_accepted() {
    for (line, value) in [
        ("-i 0", Some("0")),
        ("-i", None),
        ("-l x", Some("x")),
        ("-p 100", Some("100")),
        ("-D 5w", Some("5w")),
        ("-h 100001", Some("100001")),
        ("-t 65", Some("65")),
        ("--quiet=1", Some("1")),
        ("-qz", Some("z")),
        ("-a 3-1", Some("3-1")),
        ("-a 64", Some("64")),
        ("-d x", Some("x")),
    ] {
        let mut words = line.split_ascii_whitespace();
        let word = words.next().unwrap_or_default();
        match Cyclictest::default().take(word, &mut words) {
            Err(Refused::Value { value: found, accepted }) => {
                assert_eq!(found, value, "{line}");
                assert!(!accepted.is_empty(), "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn threads_may_be_put_on_some_cpus() {
    assert_eq!(taken("-a -t 2").0.cpus, 0);
    assert_eq!(taken("-a 1,3-5 -t 2").0.cpus, 0b11_1010);
    assert_eq!(taken("-a2 -d 50").0, Cyclictest { cpus: 4, distance_us: 50, ..Default::default() });
    assert_eq!(taken("-a zpool=zbud").1, ["zpool=zbud"]);
}

#[test]
fn lines_that_people_type_are_understood() {
    for line in [
        "-a -t -n -p99 -i200 -d0 -l100 -q",
        "-mSp99 -i200 -h400 -D 10s -q",
        "--mlockall --smp --priority=80 --interval=200 --distance=0",
        "-t1 -p 80 -n -i 10000 -l 10000 -u -M --policy=fifo -c 0 -A --latency=0",
        "-S -m -D5m --histogram=100 --default-system --laptop -y rr",
    ] {
        let (settings, rest) = taken(line);
        assert!(rest.is_empty(), "{line}: {rest:?}");
        assert_eq!(settings.distance_us, 0, "{line}");
    }
}

#[test]
fn what_makes_no_sense_here_says_what_does() {
    for line in ["-b 100", "-qb100", "--tracemark", "-H 20", "-r", "-s", "-o 5", "--priospread"] {
        let mut words = line.split_ascii_whitespace();
        let word = words.next().unwrap_or_default();
        let refused = Cyclictest::default().take(word, &mut words);
        assert!(matches!(refused, Err(Refused::Option { .. })), "{line}: {refused:?}");
    }
}
