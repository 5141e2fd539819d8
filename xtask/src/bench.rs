//! The benchmark of a whole night, and of its usage metrics against another engine over the same lake.
//!
//! A number only counts where both sides computed the same values, so the values are compared as well.

mod child;
mod duckdb;
mod lake;
mod night;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::{Outcome, target};

/// The night that is computed: the last day of the generated lake.
const AS_OF: &str = "2026-05-31";

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Runs a night over a generated lake, then the same usage metrics in DuckDB.
    Night(Options),
}

/// Which lake, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// Accounts of the company.
    #[arg(long)]
    accounts: u64,
    /// Usage events in all.
    #[arg(long)]
    events: u64,
    /// Days of usage events.
    #[arg(long, default_value_t = 180)]
    days: u32,
    /// The folder to work in; a company of the same size that is there already is used again.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Leaves what was made in place.
    #[arg(long)]
    keep: bool,
}

impl Bench {
    pub(crate) fn run(&self) -> Outcome {
        match self {
            Self::Night(options) => night_of(options),
        }
    }
}

fn night_of(options: &Options) -> Outcome {
    let dir = options.dir.clone().unwrap_or_else(|| target().join("bench"));
    fs::create_dir_all(&dir)?;
    let dir = dir.canonicalize()?;
    let binary = night::build()?;
    let made = lake::ensure(&binary, &dir, options)?;
    lake::warm(&dir)?;
    night::prepare(&dir)?;
    let night = night::run(&binary, &dir)?;
    report::steps(&night);
    let python = duckdb::python()?;
    let theirs = duckdb::measure(&python, &dir)?;
    let agreement = duckdb::compare(&python, &dir)?;
    report::comparison(&night, &theirs, &agreement);
    if !options.keep {
        tidy_up(&dir, made)?;
    }
    if agreement.iter().any(|agreement| agreement.differing > 0) {
        return Err("the engines computed different values, so their times say nothing".into());
    }
    Ok(())
}

/// Removes what this run made; a company that was found is left alone.
fn tidy_up(dir: &Path, was_made: bool) -> Outcome {
    night::remove(dir)?;
    duckdb::remove(dir)?;
    if was_made { lake::remove(dir) } else { Ok(()) }
}

/// Removes a folder that may be missing.
fn remove_folder(folder: &Path) -> Outcome {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}
