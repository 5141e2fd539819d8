//! `bench night`: the usage metrics of a night over the demo's company.

use std::fs;
use std::path::Path;

use clap::Args;

use super::contest::{Contest, Part, Table};
use super::{Place, duckdb, lake, night, remove_file};
use crate::Outcome;

/// The benchmark's rules, in the project.
const RULES: &str = "rules/bench.yaml";

const CONTEST: Contest = Contest {
    scripts: &[
        ("natural SQL", include_str!("../../bench/usage/natural.sql")),
        ("expert SQL", include_str!("../../bench/usage/expert.sql")),
    ],
    tables: &[Table { name: "account_metrics", key: "account_id", ours: "FROM {ours}", absent_is_zero: true }],
    parts: &[Part { name: "usage metrics", ours: &["features", "usage_profile", "usage_users"], theirs: &[] }],
};

/// How large the company is.
#[derive(Args)]
pub(super) struct Company {
    /// Accounts of the company.
    #[arg(long)]
    pub(super) accounts: u64,
    /// Usage events in all.
    #[arg(long)]
    pub(super) events: u64,
    /// Days of usage events.
    #[arg(long, default_value_t = 180)]
    pub(super) days: u32,
}

/// Which lake, and where.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Outcome {
    let dir = options.place.open("bench")?;
    let binary = night::build()?;
    let made = lake::ensure_demo(&binary, &dir, &options.company)?;
    night::remove(&dir)?;
    // The shipped rules stay; these ask for what the other engine computes.
    fs::write(dir.join(RULES), include_str!("../../bench/usage/rules.yaml"))?;
    let held = CONTEST.hold(&binary, &dir);
    if !options.place.keep {
        tidy_up(&dir, made)?;
    }
    held
}

/// Removes what this run made; a company that was found is left alone.
fn tidy_up(dir: &Path, was_made: bool) -> Outcome {
    night::remove(dir)?;
    remove_file(&dir.join(RULES))?;
    duckdb::remove(dir)?;
    if was_made { lake::remove_demo(dir) } else { Ok(()) }
}
