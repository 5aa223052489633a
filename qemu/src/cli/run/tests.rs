use super::*;

fn split(line: &str) -> (String, String) {
    let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let mut command = command();
    command.build();
    let split = Split::of(&command, &arguments);
    (split.launcher.join(" "), split.kernel.join(" "))
}

fn parse(line: &str) -> Result<Options, String> {
    let words = std::iter::once("run").chain(line.split(' ').filter(|word| !word.is_empty()));
    let matches = command().try_get_matches_from(words).map_err(|error| error.to_string())?;
    Options::from_arg_matches(&matches).map_err(|error| error.to_string())
}

#[test]
fn options_find_their_reader() {
    let (launcher, kernel) =
        split("--vm 2 --granule 16k --vm-bytes 256M --smp=2 --icount -t 5 --qemu-arg -d --verify");
    assert_eq!(launcher, "--granule 16k --smp=2 --icount --qemu-arg -d");
    assert_eq!(kernel, "--vm 2 --vm-bytes 256M -t 5 --verify");
}

#[test]
fn zpool_is_an_allocator_or_a_stressor() {
    for (line, launcher, kernel) in [
        ("--zpool zbud --vm 1", "--zpool zbud", "--vm 1"),
        ("--zpool=zbud --zpool 2", "--zpool=zbud", "--zpool 2"),
        ("--zpool=2 --zpool z3fold", "--zpool z3fold", "--zpool=2"),
    ] {
        assert_eq!(split(line), (launcher.into(), kernel.into()), "{line}");
    }
}

#[test]
fn unknown_options_reach_the_kernel() {
    assert_eq!(
        split("--frobnicate --smpx 3 heap=llff"),
        split("-- --frobnicate --smpx 3 heap=llff")
    );
    assert_eq!(split("-- --smp 2"), (String::new(), "--smp 2".into()));
}

#[test]
fn help_is_ours_except_after_cyclictest() {
    assert_eq!(split("--vm 1 -h"), ("-h".into(), "--vm 1".into()));
    assert_eq!(split("--cyclictest -h 100 --help").1, "--cyclictest -h 100");
}

#[test]
fn help_lists_both_kinds_of_options() {
    let help = command().render_long_help().to_string();
    for expected in ["--granule", "--host-timeout", "--yaml", "--vm-bytes", "--resident", "Example"]
    {
        assert!(help.contains(expected), "{expected} is missing in\n{help}");
    }
}

#[test]
fn values_are_checked_in_words() {
    for (line, reason) in [
        ("--smp 9", "1..=8"),
        ("--smp 0", "1..=8"),
        ("--memory 64M", "at least 128M"),
        ("--memory 512", "plain number means bytes"),
        ("--machine raspi4b", "virt"),
        ("--granule 64k", "16k"),
        ("--corpus /nonexistent", "No such file"),
        ("--corpus /", "not a file"),
        ("--host-timeout soon", "not a duration"),
        ("--log loud", "defmt"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(reason), "{line}: {error}");
    }
    let options = parse("--machine virt,gic-version=3 --memory 4G --host-timeout 2m").unwrap();
    assert_eq!(options.memory, 4 << 30);
    assert_eq!(options.host_timeout, Some(Duration::from_secs(120)));
}

#[test]
fn words_with_spaces_are_refused() {
    let refused = |word: &str| check_words(&["--vm".into(), word.into()]).is_err();
    assert!(refused("a b") && refused("") && refused("a\n"));
    assert!(!refused("2"));
}

#[test]
fn shell_quoting() {
    assert_eq!(quote("virt,gic-version=3"), "virt,gic-version=3");
    assert_eq!(quote("log=defmt --vm 1"), "'log=defmt --vm 1'");
    assert_eq!(quote("it's"), r"'it'\''s'");
    assert_eq!(quote(""), "''");
}
