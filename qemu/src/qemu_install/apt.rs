//! Installs QEMU with apt, without removing anything.
//!
//! QEMU's packages conflict across versions: on a Debian machine whose qemu-utils comes from
//! backports, installing `qemu-system-arm` from the release itself would remove it. So each way of
//! installing is simulated first, and taken only if it removes nothing and the version is new
//! enough. Recommended packages (a hundred for a graphical interface) are left out.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::{OLDEST, parse_version, sources};

/// The package with `qemu-system-aarch64`, in Debian and in Ubuntu.
pub const PACKAGE: &str = "qemu-system-arm";

/// Where the machine's package sources are.
const ETC_APT: &str = "/etc/apt";

/// Installs QEMU, saying on standard error what it does before it does it.
///
/// # Errors
/// There is no apt, no right to use it, or no way that is safe; the message says what to type.
pub fn install() -> Result<()> {
    let release = Release::read();
    let as_root = match privilege() {
        Some(as_root) if has_apt() => as_root,
        _ => bail!("{}", by_hand(&release, &installed_qemu_packages())),
    };
    let mut refusals = Vec::new();
    for suite in suites(&release, &installed_qemu_packages()) {
        match attempt(&suite, &as_root) {
            Ok(()) => return Ok(()),
            Err(error) => {
                eprintln!("zlab: not from {suite}: {error:#}");
                refusals.push(format!("{suite}: {error:#}"));
            }
        }
    }
    bail!(
        "QEMU could not be installed without harm ({}). Install {} or later of {} by hand, and try \
         again",
        refusals.join("; "),
        format_args!("{}.{}", OLDEST.0, OLDEST.1),
        super::PROGRAM
    )
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Suite {
    /// What the machine's own sources prefer.
    Default,
    /// The backports of the Debian release of this name.
    Backports(String),
}

impl std::fmt::Display for Suite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => formatter.write_str("the machine's own release"),
            Self::Backports(codename) => write!(formatter, "{codename}-backports"),
        }
    }
}

/// The distribution, as /etc/os-release names it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Release {
    id: String,
    codename: String,
}

impl Release {
    fn read() -> Self {
        Self::parse(&fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_default().trim_matches('"').to_owned()
        };
        Self { id: value("ID"), codename: value("VERSION_CODENAME") }
    }

    fn backports(&self) -> Option<Suite> {
        let known = self.id == "debian" && !self.codename.is_empty();
        known.then(|| Suite::Backports(self.codename.clone()))
    }
}

/// The suites to try in order: first the one the installed QEMU packages (given by version) came
/// from, then the other one.
pub fn suites(release: &Release, installed_versions: &[String]) -> Vec<Suite> {
    let backported = installed_versions.iter().any(|version| version.contains("~bpo"));
    let mut suites = vec![Suite::Default];
    if let Some(backports) = release.backports() {
        suites.insert(usize::from(!backported), backports);
    }
    suites
}

/// What apt would do.
#[derive(Debug, Default, PartialEq)]
pub struct Simulation {
    version: Option<String>,
    removed: Vec<String>,
}

impl Simulation {
    /// Reads the output of `apt-get --simulate install`.
    pub fn parse(output: &str) -> Self {
        let mut simulation = Self::default();
        for line in output.lines() {
            let mut words = line.split_ascii_whitespace();
            match (words.next(), words.next()) {
                (Some("Remv"), Some(package)) => simulation.removed.push(package.to_owned()),
                (Some("Inst"), Some(PACKAGE)) => {
                    // An upgrade has the old version in brackets before the new one.
                    let version = words.find_map(|word| word.strip_prefix('('));
                    simulation.version = version.map(str::to_owned);
                }
                _ => {}
            }
        }
        simulation
    }

    /// Whether the real thing may be done.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<()> {
        ensure!(self.removed.is_empty(), "it would remove {}", self.removed.join(", "));
        let version = self.version.as_deref().context("it would not install QEMU")?;
        ensure!(
            parse_version(version) >= Some(OLDEST),
            "it has QEMU {version}, zlab needs {}.{}",
            OLDEST.0,
            OLDEST.1
        );
        Ok(())
    }
}

/// Updates the lists of `suite`, simulates, checks, installs.
fn attempt(suite: &Suite, as_root: &[&str]) -> Result<()> {
    let folder = PrivateSources::for_suite(suite, as_root)?;
    let mut options: Vec<String> = match &folder {
        Some(folder) => folder.options(),
        None => Vec::new(),
    };
    options.extend(["-o".to_owned(), "DPkg::Lock::Timeout=120".to_owned()]);

    let update: Vec<String> = apt_get(as_root, &options, &["-q", "update"]);
    eprintln!("zlab: running: {}", update.join(" "));
    // Lists that are out of date show in the simulation.
    let updated =
        command(&update).stdout(Stdio::null()).status().context("cannot start apt-get")?;
    if !updated.success() {
        eprintln!("zlab: apt-get update failed; going on with the lists at hand");
    }

    let mut install = vec!["-q", "install", "--no-install-recommends"];
    let target = suite_option(suite);
    install.extend(target.iter().map(String::as_str));
    install.push(PACKAGE);
    let mut simulated = install.clone();
    simulated.insert(0, "--simulate");
    let output = command(&apt_get(as_root, &options, &simulated))
        .env("LC_ALL", "C")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start apt-get")?;
    ensure!(output.status.success(), "apt-get would fail");
    Simulation::parse(&String::from_utf8_lossy(&output.stdout)).check()?;

    install.splice(0..0, ["-y", "--no-remove"]);
    let install = apt_get(as_root, &options, &install);
    eprintln!("zlab: running: {}", install.join(" "));
    // Standard output is for the guest.
    let output = command(&install).output().context("cannot start apt-get")?;
    ensure!(
        output.status.success(),
        "apt-get failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn suite_option(suite: &Suite) -> Vec<String> {
    match suite {
        Suite::Default => Vec::new(),
        Suite::Backports(codename) => vec!["-t".to_owned(), format!("{codename}-backports")],
    }
}

fn apt_get(as_root: &[&str], options: &[String], arguments: &[&str]) -> Vec<String> {
    let prefix = as_root.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive"]);
    let words = prefix.chain(["apt-get"]).map(str::to_owned).chain(options.iter().cloned());
    words.chain(arguments.iter().map(|&argument| argument.to_owned())).collect()
}

fn command<W: AsRef<OsStr>>(words: &[W]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// A folder with source lists that include backports; removed when dropped.
struct PrivateSources {
    folder: PathBuf,
    as_root: Vec<String>,
}

impl PrivateSources {
    /// `None` if the machine's own sources have the suite.
    fn for_suite(suite: &Suite, as_root: &[&str]) -> Result<Option<Self>> {
        let Suite::Backports(codename) = suite else { return Ok(None) };
        let etc_apt = Path::new(ETC_APT);
        if sources::has_backports(etc_apt, codename) {
            return Ok(None);
        }
        eprintln!(
            "zlab: {codename}-backports is not in this machine's package sources. A temporary copy \
             of them that includes it is used; /etc/apt stays as it is."
        );
        let folder = std::env::temp_dir().join(format!("zlab-apt-{}", std::process::id()));
        let as_root = as_root.iter().map(|&word| word.to_owned()).collect();
        let this = Self { folder, as_root };
        for name in ["parts", "lists/partial"] {
            let path = this.folder.join(name);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        sources::copy_with_backports(etc_apt, &this.folder.join("parts"), codename)?;
        Ok(Some(this))
    }

    fn options(&self) -> Vec<String> {
        let option = |name: &str, value: String| ["-o".to_owned(), format!("{name}={value}")];
        let path = |name: &str| self.folder.join(name).display().to_string();
        [
            option("Dir::Etc::sourcelist", "/dev/null".into()),
            option("Dir::Etc::sourceparts", path("parts")),
            option("Dir::State::Lists", path("lists")),
            // The binary cache describes the machine's own sources: leave it alone.
            option("Dir::Cache::pkgcache", String::new()),
            option("Dir::Cache::srcpkgcache", String::new()),
        ]
        .concat()
    }
}

impl Drop for PrivateSources {
    fn drop(&mut self) {
        // apt's files in it belong to root. A folder left behind in /tmp does no harm.
        let mut words = self.as_root.clone();
        words.extend(["rm".into(), "-rf".into(), "--".into(), self.folder.display().to_string()]);
        let _ = command(&words).status();
    }
}

/// The words in front of a command that make it run as root, if that works without asking.
fn privilege() -> Option<Vec<&'static str>> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(Vec::new());
    }
    let sudo = command(&["sudo", "-n", "true"]).stderr(Stdio::null()).status();
    sudo.is_ok_and(|status| status.success()).then(|| vec!["sudo", "-n"])
}

fn has_apt() -> bool {
    command(&["apt-get", "--version"]).stdout(Stdio::null()).status().is_ok()
}

/// Versions of the installed packages that are QEMU's.
fn installed_qemu_packages() -> Vec<String> {
    let format = "${db:Status-Abbrev} ${Version}\n";
    let output = command(&["dpkg-query", "--show", "--showformat", format, "qemu-*"])
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout);
    let installed = |line: &str| line.strip_prefix("ii ").map(|version| version.trim().to_owned());
    text.lines().filter_map(installed).collect()
}

/// What the user can type where the launcher cannot.
fn by_hand(release: &Release, installed_versions: &[String]) -> String {
    let apt = || {
        let suite = suites(release, installed_versions).swap_remove(0);
        let target = suite_option(&suite).join(" ");
        let line =
            format!("sudo apt-get install --no-remove --no-install-recommends {target} {PACKAGE}");
        line.replace("  ", " ")
    };
    let command = match release.id.as_str() {
        "debian" | "ubuntu" | "raspbian" | "linuxmint" | "pop" => apt(),
        "fedora" | "rhel" | "centos" => "sudo dnf install qemu-system-aarch64-core".into(),
        "arch" | "manjaro" => "sudo pacman -S qemu-system-aarch64".into(),
        "alpine" => "sudo apk add qemu-system-aarch64".into(),
        "" => "brew install qemu".into(),
        _ if has_apt() => apt(),
        _ => format!("your system's command to install {}", super::PROGRAM),
    };
    format!("it cannot be installed automatically here (that takes apt and root). Type: {command}")
}

#[cfg(test)]
mod tests;
