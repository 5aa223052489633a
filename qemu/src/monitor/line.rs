//! What is on the terminal's last line: the board's prompt, and what was typed behind it.

use std::collections::VecDeque;

/// Keeps apart what the terminal has shown already and what it has not.
///
/// A terminal shows what is typed, and the board sends it back: without this every command would
/// stand there twice. Where nobody sees what is typed, such as in a pipe, nothing is left out.
#[derive(Debug, Default)]
pub struct Echo {
    terminal: bool,
    partial: String,
    sent: VecDeque<String>,
}

/// Most lines whose echo is waited for; a board that echoes nothing makes it no larger.
const SENT_LIMIT: usize = 16;

impl Echo {
    /// On a terminal, or not.
    pub fn new(terminal: bool) -> Self {
        Self { terminal, ..Self::default() }
    }

    /// This line was typed and sent.
    pub fn sent(&mut self, text: String) {
        if self.sent.len() == SENT_LIMIT {
            self.sent.pop_front();
        }
        self.sent.push_back(text);
    }

    /// Whether the beginning of a line is to be shown, which it then counts as.
    pub fn show_partial(&mut self, partial: &str) -> bool {
        if !self.terminal || self.partial == partial {
            return false;
        }
        let echoing = |typed: &String| partial.strip_prefix(&self.partial) == Some(typed);
        if partial.is_empty() || self.sent.front().is_some_and(echoing) {
            return false;
        }
        self.partial = partial.to_owned();
        true
    }

    /// Whether `line` is a prompt that is on the terminal with what was typed behind it. In any case
    /// the beginning of a line that was shown is no longer the last one.
    pub fn is_echo(&mut self, line: &str) -> bool {
        let partial = std::mem::take(&mut self.partial);
        if partial.is_empty() {
            return false;
        }
        let typed = line.strip_prefix(&partial);
        let echo = typed.is_some() && typed == self.sent.front().map(String::as_str);
        if echo {
            self.sent.pop_front();
        }
        echo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(terminal: bool) -> Echo {
        let mut echo = Echo::new(terminal);
        assert_eq!(echo.show_partial("zlab> "), terminal);
        assert!(!echo.show_partial("zlab> "), "it is there");
        echo.sent("memory".into());
        echo
    }

    #[test]
    fn typed_lines_stand_there_once() {
        let mut echo = typed(true);
        assert!(!echo.show_partial("zlab> memory"), "the terminal has shown it");
        assert!(echo.is_echo("zlab> memory"));
        assert!(!echo.is_echo("zlab> memory"), "once");
        assert!(!echo.is_echo("512 MiB"));
    }

    #[test]
    fn without_a_terminal_everything_is_shown() {
        assert!(!typed(false).is_echo("zlab> memory"));
    }

    #[test]
    fn other_lines_are_no_echo() {
        assert!(!typed(true).is_echo("zlab> memo"));
        assert!(!typed(true).is_echo("1.0 INFO something"));
        let mut echo = Echo::new(true);
        echo.sent("memory".into());
        assert!(!echo.is_echo("memory"), "no prompt was there");
    }

    #[test]
    fn a_board_that_echoes_nothing_costs_nothing() {
        let mut echo = Echo::new(true);
        for number in 0..1000 {
            echo.sent(number.to_string());
        }
        assert_eq!(echo.sent.len(), SENT_LIMIT);
    }
}
