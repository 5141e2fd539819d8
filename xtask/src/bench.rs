//! Benchmarks of a night beside another engine that computes the same tables over the same lake.
//!
//! A number only counts where both sides computed the same values, so the values are compared as well.

mod check;
mod child;
mod contest;
mod duckdb;
mod lake;
mod lifetimes;
mod memory;
mod night;
mod nights;
mod python;
mod report;
mod revenue;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::{Outcome, target};

/// The night that is computed: the last day of the generated lakes.
const AS_OF: &str = "2026-05-31";

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Checks many rules, sound and broken.
    Check(check::Options),
    /// Runs a night over a generated lake, then the same usage metrics in DuckDB.
    Night(usage::Options),
    /// Runs a night over a generated lake under several limits of memory.
    Memory(memory::Options),
    /// Runs nights in a row over a generated lake, and looks what they take and leave.
    Nights(nights::Options),
    /// Runs a night of movements, retention and cohorts over a generated lake, then the same tables in DuckDB.
    Revenue(revenue::Options),
    /// Runs a night of models of orders and of staying over a made lake, then the same in lifetimes and lifelines.
    Lifetimes(lifetimes::Options),
}

/// Where a benchmark works.
#[derive(Args)]
struct Place {
    /// The folder to work in; a lake of the same size that is there already is used again.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Leaves what was made in place.
    #[arg(long)]
    keep: bool,
}

impl Place {
    /// The folder, made where it is missing; without one, `name` among what is built.
    fn open(&self, name: &str) -> Outcome<PathBuf> {
        let dir = self.dir.clone().unwrap_or_else(|| target().join(name));
        fs::create_dir_all(&dir)?;
        Ok(dir.canonicalize()?)
    }
}

impl Bench {
    pub(crate) fn run(&self) -> Outcome {
        match self {
            Self::Check(options) => check::run(options),
            Self::Night(options) => usage::run(options),
            Self::Memory(options) => memory::run(options),
            Self::Nights(options) => nights::run(options),
            Self::Revenue(options) => revenue::run(options),
            Self::Lifetimes(options) => lifetimes::run(options),
        }
    }
}

/// Removes a folder that may be missing.
fn remove_folder(folder: &Path) -> Outcome {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// Removes a file that may be missing.
fn remove_file(file: &Path) -> Outcome {
    if file.exists() {
        fs::remove_file(file)?;
    }
    Ok(())
}
