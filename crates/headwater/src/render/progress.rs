//! The step a night is at, on a terminal.

use std::sync::Arc;
use std::time::Duration;

use headwater_nightly::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A line that shows the current step; nothing where nobody watches.
pub(crate) fn line(shown: bool) -> (Progress, ProgressBar) {
    let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    let moving = bar.clone();
    (Arc::new(move |step: &str| moving.set_message(step.replace('_', " "))), bar)
}
