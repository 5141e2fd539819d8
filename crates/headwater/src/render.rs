//! Results on standard output, everything else on standard error.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_diagnostics::{Diagnostics, Rendering, Severity, Sources, render};

use crate::args::{Deny, Format, Global, LogFormat};
use crate::secrets::Secrets;
use crate::surroundings;

mod log;
pub(crate) mod progress;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod value;

/// How this run speaks.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    /// The project's folder as it was given, ended by a slash; empty where it is the current one.
    folder: String,
    quiet: bool,
    /// Whether whoever reads standard error reads lines of JSON.
    logs_json: bool,
    deny_warnings: bool,
    secrets: Secrets,
    /// Whether standard output could not take what was printed.
    is_cut_short: AtomicBool,
}

impl Output {
    pub(crate) fn new(global: &Global, secrets: &Secrets) -> Self {
        Self {
            format: global.format,
            folder: surroundings::folder_from_here(&global.directory),
            quiet: global.quiet,
            logs_json: global.log_format == LogFormat::Json,
            deny_warnings: global.deny == Some(Deny::Warnings),
            secrets: secrets.clone(),
            is_cut_short: AtomicBool::new(false),
        }
    }

    /// Whether results are missing from standard output, as where the disk is full.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.is_cut_short.load(Ordering::SeqCst)
    }

    /// Whether results are data for programs rather than text for people.
    pub(crate) fn is_data(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml | Format::Sarif)
    }

    /// Whether progress is shown.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && !self.is_data() && surroundings::is_watched()
    }

    /// Whether a warning counts as an error.
    pub(crate) fn denies_warnings(&self) -> bool {
        self.deny_warnings
    }

    /// A result for people; silent where only failures are to be told.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            self.print(text);
        }
    }

    /// A result, whatever else is said.
    pub(crate) fn result(&self, text: &str) {
        self.print(text);
    }

    /// A result for programs, in the format asked for.
    pub(crate) fn data(&self, value: &impl serde::Serialize) {
        let written = match self.format {
            // The document of problems is all that is wanted.
            Format::Sarif => return,
            Format::Yaml => serde_yaml::to_string(value).map_err(|error| error.to_string()),
            Format::Human | Format::Github | Format::Json => {
                serde_json::to_string_pretty(value).map_err(|error| error.to_string())
            }
        };
        match written {
            Ok(text) => self.print(text.trim_end()),
            Err(error) => self.error(&format!("the result cannot be written: {error}")),
        }
    }

    /// Writes a line to standard output. Whoever closed it does not want it, and the work is done all the same.
    fn print(&self, text: &str) {
        let mut out = anstream::stdout();
        match writeln!(out, "{}", self.secrets.hidden(text)).and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                tracing::debug!(event = "output_closed", %error, "standard output takes no more");
            }
            Err(error) => {
                self.is_cut_short.store(true, Ordering::SeqCst);
                self.error(&format!("standard output takes no more: {error}"));
            }
        }
    }

    /// Something that went wrong and has no code.
    pub(crate) fn error(&self, text: &str) {
        if self.logs_json && tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(event = "problem", "{text}");
            return;
        }
        tell(&self.secrets.hidden(&format!("error: {text}\n")));
    }

    /// All diagnostics and, for people, how many there are. The answer is whether they stop the command.
    pub(crate) fn diagnostics(&self, diagnostics: &Diagnostics, sources: &Sources) -> bool {
        let stops = diagnostics.has_errors() || (self.deny_warnings && !diagnostics.is_empty());
        let folder = self.folder.as_str();
        let write = |rendering| self.secrets.hidden(&render(diagnostics, sources, rendering));
        if self.format == Format::Sarif {
            self.print(write(Rendering::Sarif { folder }).trim_end());
            return stops;
        }
        if diagnostics.is_empty() || (self.quiet && !stops) {
            return stops;
        }
        match self.format {
            Format::Github => self.print(write(Rendering::Github { folder }).trim_end()),
            Format::Human if self.logs_json => {
                diagnostics.sorted().into_iter().for_each(|problem| log::problem(problem, sources));
                return stops;
            }
            Format::Human => tell(&write(Rendering::Human { colour: true })),
            Format::Json | Format::Yaml | Format::Sarif => tell(&write(Rendering::Json)),
        }
        if !self.is_data() {
            let errors = counted(diagnostics.count(Severity::Error), "error");
            let warnings = counted(diagnostics.count(Severity::Warning), "warning");
            let denied = if stops && !diagnostics.has_errors() { ", and warnings are denied" } else { "" };
            tell(&format!("{errors}, {warnings}{denied}\n"));
        }
        stops
    }
}

/// Writes text to standard error. Whoever closed it does not want it, and the work is done all the same.
fn tell(text: &str) {
    let written = anstream::stderr().write_all(text.as_bytes());
    if let Err(error) = written {
        tracing::debug!(event = "output_closed", %error, "standard error takes no more");
    }
}

/// A number of things, in words.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
