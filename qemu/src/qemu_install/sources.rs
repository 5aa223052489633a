//! A private copy of apt's source lists, with backports added.
//!
//! It lets apt see the backports suite for one command without changing what the machine's owner
//! chose in /etc/apt. Every entry for the release itself is repeated for its backports, from the
//! same mirror and with the same key.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Copies the source lists below `etc_apt` into the folder `parts` (file names are kept) and adds
/// files with the backports of `codename`.
///
/// # Errors
/// No entry for `codename` is found, or files cannot be read or written.
pub fn copy_with_backports(etc_apt: &Path, parts: &Path, codename: &str) -> Result<()> {
    let mut found = false;
    for file in source_files(etc_apt) {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (stem, added, extension) = match (name, fs::read_to_string(&file)) {
            (_, Err(_)) => continue,
            (_, Ok(text)) if name.ends_with(".list") => {
                write(&parts.join(name), &text)?;
                (name.trim_end_matches(".list"), backports_of_list(&text, codename), "list")
            }
            (_, Ok(text)) if name.ends_with(".sources") => {
                write(&parts.join(name), &text)?;
                let added = backports_of_sources(&text, codename);
                (name.trim_end_matches(".sources"), added, "sources")
            }
            _ => continue,
        };
        if !added.is_empty() {
            write(&parts.join(format!("{stem}-backports.{extension}")), &added)?;
            found = true;
        }
    }
    ensure!(found, "no entry for {codename} in {}", etc_apt.display());
    Ok(())
}

/// Whether the source lists below `etc_apt` have the backports of `codename` already.
pub fn has_backports(etc_apt: &Path, codename: &str) -> bool {
    let suite = format!("{codename}-backports");
    let lists = |file: &PathBuf| {
        let name = file.extension().and_then(|extension| extension.to_str());
        let Ok(text) = fs::read_to_string(file) else { return false };
        match name {
            Some("list") => !backports_of_list(&text, &suite).is_empty(),
            Some("sources") => !backports_of_sources(&text, &suite).is_empty(),
            _ => false,
        }
    };
    source_files(etc_apt).iter().any(lists)
}

fn source_files(etc_apt: &Path) -> Vec<PathBuf> {
    let mut files = vec![etc_apt.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc_apt.join("sources.list.d")) {
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.sort();
    files
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// For a file of one-line entries: `deb [options] uri suite component...`.
fn backports_of_list(text: &str, codename: &str) -> String {
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.first() != Some(&"deb") {
            return None;
        }
        let suite = words.iter().position(|word| *word == codename)?;
        let suffixed = format!("{codename}-backports");
        let mut words = words;
        words[suite] = &suffixed;
        Some(words.join(" ") + "\n")
    };
    text.lines().filter_map(entry).collect()
}

/// For a file in deb822 format: stanzas of `Field: value` separated by empty lines.
fn backports_of_sources(text: &str, codename: &str) -> String {
    let mut added = String::new();
    for stanza in stanzas(text) {
        let value = |wanted: &str| {
            stanza.iter().find_map(|line| {
                let (field, value) = line.split_once(':')?;
                field.eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        let enabled = !value("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
        let suites = value("Suites").unwrap_or_default();
        if !enabled || !suites.split_ascii_whitespace().any(|suite| suite == codename) {
            continue;
        }
        for line in stanza {
            let suites =
                line.split_once(':').is_some_and(|(f, _)| f.eq_ignore_ascii_case("Suites"));
            if suites {
                added.push_str(&format!("Suites: {codename}-backports\n"));
            } else {
                added.push_str(line);
                added.push('\n');
            }
        }
        added.push('\n');
    }
    added
}

/// The lines of each stanza, comments left out.
fn stanzas(text: &str) -> Vec<Vec<&str>> {
    let mut stanzas = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match stanzas.last_mut() {
            Some(stanza) if !line.trim().is_empty() => stanza.push(line),
            _ => stanzas.push(Vec::new()),
        }
    }
    stanzas
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = "\
Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
";

    #[test]
    fn only_the_release_itself_gets_backports() {
        let expected = "\
Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

";
        assert_eq!(backports_of_sources(SOURCES, "bookworm"), expected);
        assert_eq!(backports_of_sources(SOURCES, "trixie"), "");
        let disabled = format!("Enabled: no\n{SOURCES}");
        assert_eq!(backports_of_sources(&disabled, "bookworm"), "");
    }

    #[test]
    fn one_line_entries_keep_options_and_components() {
        let text = "# deb http://x bookworm main\n\
            deb [arch=amd64 signed-by=/k.gpg] http://m/debian bookworm main contrib\n\
            deb-src http://m/debian bookworm main\n\
            deb http://m/debian-security bookworm-security main\n";
        assert_eq!(
            backports_of_list(text, "bookworm"),
            "deb [arch=amd64 signed-by=/k.gpg] http://m/debian bookworm-backports main contrib\n"
        );
    }

    #[test]
    fn folder_is_copied_and_extended() {
        let folder = std::env::temp_dir().join(format!("zlab-sources-{}", std::process::id()));
        let (etc, parts) = (folder.join("apt"), folder.join("parts"));
        fs::create_dir_all(etc.join("sources.list.d")).unwrap();
        fs::create_dir_all(&parts).unwrap();
        fs::write(etc.join("sources.list.d/debian.sources"), SOURCES).unwrap();
        fs::write(etc.join("sources.list.d/old.list.disabled"), "deb http://x bookworm main")
            .unwrap();
        copy_with_backports(&etc, &parts, "bookworm").unwrap();
        let mut names: Vec<_> = fs::read_dir(&parts)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["debian-backports.sources", "debian.sources"]);
        assert!(copy_with_backports(&etc, &parts, "trixie").is_err());
        assert!(!has_backports(&etc, "bookworm"));
        fs::write(etc.join("sources.list"), "deb http://x bookworm-backports main\n").unwrap();
        assert!(has_backports(&etc, "bookworm"));
        fs::remove_dir_all(folder).unwrap();
    }
}
