//! The progress bar: bytes of all files, rate and time left, on standard error.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use preshard_analyzer::Progress;

const TEMPLATE: &str =
    "{spinner} {bytes} of {total_bytes} [{wide_bar}] {bytes_per_sec}, {eta} left";

/// Shows how far the reading has come, where somebody can see it.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many bytes; hidden on demand, and when standard error is no terminal.
    pub fn new(total_bytes: u64, hidden: bool) -> Bar {
        let bar = if hidden || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr())
        };
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Bar(bar)
    }
}

impl Progress for Bar {
    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
