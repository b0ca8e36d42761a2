//! The progress bar: bytes of all files, rate and time left, on standard error.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use preshard_analyzer::Progress;

const TEMPLATE: &str =
    "{spinner} {bytes} of {total_bytes} [{wide_bar}] {bytes_per_sec}, {eta} left";
/// Where nobody knows how many bytes there are until they are decoded.
const TEMPLATE_ENDLESS: &str = "{spinner} {bytes} {bytes_per_sec}";

/// Shows how far the reading has come, where somebody can see it.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many bytes, if that is known; hidden on demand, and when standard error is no terminal.
    pub fn new(total_bytes: Option<u64>, hidden: bool) -> Bar {
        let bar = if hidden || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr())
        };
        let template = match total_bytes {
            Some(_) => TEMPLATE,
            None => TEMPLATE_ENDLESS,
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
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
