//! A process that does not outlive this one.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A process that is killed when this value goes, or when the whole launcher does, however it ends.
pub struct Guarded {
    /// The process.
    pub child: Child,
    /// Waits for the end of a pipe that only the launcher holds open, which comes even when it is
    /// killed (SIGKILL), and then kills the process. `None` where there is no shell.
    watcher: Option<Child>,
}

impl Guarded {
    /// Guards a process that was just started.
    pub fn new(child: Child) -> Self {
        let watcher = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$0\"", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Signals of the terminal are not for it.
            .process_group(0)
            .spawn();
        Self { child, watcher: watcher.ok() }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // All of this fails only when the processes are gone already. The watcher goes first: it
        // knows the process by a number that is free when the process was waited for.
        if let Some(watcher) = &mut self.watcher {
            let _ = watcher.kill();
            let _ = watcher.wait();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use wait_timeout::ChildExt;

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn goes_when_the_launcher_is_killed() {
        let mut guarded = Guarded::new(sleeper());
        // What the end of this process does, however it ends: the pipe closes.
        drop(guarded.watcher.as_mut().unwrap().stdin.take());
        let status = guarded.child.wait_timeout(Duration::from_secs(30)).unwrap().unwrap();
        assert_eq!(status.signal(), Some(9));
    }

    #[test]
    fn goes_with_its_owner() {
        let guarded = Guarded::new(sleeper());
        let number = guarded.child.id().to_string();
        drop(guarded);
        let alive = Command::new("kill").args(["-0", &number]).stderr(Stdio::null()).status();
        assert!(!alive.unwrap().success());
    }
}
