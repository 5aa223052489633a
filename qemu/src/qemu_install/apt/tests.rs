use super::*;

// Both captured on Debian 12 with qemu-utils 10.0.2 from backports.
const FROM_THE_RELEASE: &str = include_str!("release.txt");
const FROM_BACKPORTS: &str = include_str!("backports.txt");

fn bookworm() -> Release {
    Release::parse(
        "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n",
    )
}

fn versions(versions: &[&str]) -> Vec<String> {
    versions.iter().map(|&version| version.to_owned()).collect()
}

#[test]
fn the_suite_of_the_installed_packages_comes_first() {
    let backports = Suite::Backports("bookworm".into());
    let backported = versions(&["1:10.0.2+ds-2+deb13u1~bpo12+1"]);
    assert_eq!(suites(&bookworm(), &backported), [backports.clone(), Suite::Default]);
    let plain = versions(&["1:7.2+dfsg-7+deb12u15"]);
    assert_eq!(suites(&bookworm(), &plain), [Suite::Default, backports.clone()]);
    assert_eq!(suites(&bookworm(), &[]), [Suite::Default, backports]);
    let ubuntu = Release::parse("ID=ubuntu\nVERSION_CODENAME=jammy\n");
    assert_eq!(suites(&ubuntu, &[]), [Suite::Default]);
}

#[test]
fn removing_a_package_is_refused() {
    let simulation = Simulation::parse(FROM_THE_RELEASE);
    assert_eq!(simulation.version.as_deref(), Some("1:7.2+dfsg-7+deb12u18+b3"));
    let refusal = simulation.check().unwrap_err().to_string();
    assert_eq!(refusal, "it would remove qemu-utils");
}

#[test]
fn matching_backports_are_accepted() {
    let simulation = Simulation::parse(FROM_BACKPORTS);
    assert_eq!(simulation.version.as_deref(), Some("1:10.0.2+ds-2+deb13u1~bpo12+1"));
    simulation.check().unwrap();
}

#[test]
fn old_versions_and_empty_answers_are_refused() {
    let old = "Inst qemu-system-arm [1:4.2] (1:6.2+dfsg-2ubuntu6 Ubuntu:22.04/jammy [amd64])\n";
    let refusal = Simulation::parse(old).check().unwrap_err().to_string();
    assert_eq!(refusal, "it has QEMU 1:6.2+dfsg-2ubuntu6, zlab needs 7.2");
    assert!(Simulation::parse("").check().is_err());
}

#[test]
fn the_command_by_hand_fits_the_machine() {
    let backported = versions(&["1:10.0.2+ds-2+deb13u1~bpo12+1"]);
    let command = by_hand(&bookworm(), &backported);
    assert!(command.contains("--no-install-recommends -t bookworm-backports qemu-system-arm"));
    assert!(by_hand(&bookworm(), &[]).ends_with("--no-install-recommends qemu-system-arm"));
    let fedora = Release::parse("ID=fedora\n");
    assert!(by_hand(&fedora, &[]).ends_with("dnf install qemu-system-aarch64-core"));
}

#[test]
fn commands_run_as_root_without_questions() {
    let options = ["-o".to_owned(), "A=b".to_owned()];
    let words = apt_get(&["sudo", "-n"], &options, &["install", PACKAGE]).join(" ");
    let expected =
        "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -o A=b install qemu-system-arm";
    assert_eq!(words, expected);
}
