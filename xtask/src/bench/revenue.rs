//! `bench revenue`: movements, retention and cohorts of a company with subscriptions and invoices.

use std::fs;
use std::path::Path;

use clap::Args;

use super::contest::{Contest, Part, Table};
use super::{AS_OF, Place, duckdb, lake, night, remove_file, remove_folder};
use crate::Outcome;

/// The script that made the lake, beside it: an equal one would make the same lake again.
const MADE_BY: &str = "lake.sql";
const PROJECT: &str = "headwater.yaml";

const CONTEST: Contest = Contest {
    scripts: &[("SQL", include_str!("../../bench/revenue/duckdb.sql"))],
    tables: &[
        Table { name: "mrr_movements", key: "account_id, period_end", ours: "FROM {ours}", absent_is_zero: false },
        Table {
            name: "group_metrics",
            key: "scope, group_name, metric",
            // Every value is published as a double; money has to be the same to the cent.
            ours: "SELECT scope, group_name, metric, CASE WHEN unit <> 'money' THEN value END AS value,
                CASE WHEN unit = 'money' THEN value::DECIMAL(18, 2) END AS money
            FROM {ours} WHERE metric IN (SELECT metric FROM {theirs})",
            absent_is_zero: false,
        },
        Table {
            name: "cohort_metrics",
            key: "scope, group_name, cohort, age_months",
            ours: "FROM {ours}",
            absent_is_zero: false,
        },
        Table { name: "cohort_summary", key: "scope, group_name, cohort", ours: "FROM {ours}", absent_is_zero: false },
    ],
    parts: &[
        Part { name: "movements", ours: &["mrr_movements"], theirs: &["mrr_movements"] },
        Part {
            name: "metrics of groups",
            ours: &["measured", "account_metrics", "judged", "group_facts", "group_metrics"],
            theirs: &["account_values", "group_metrics"],
        },
        Part {
            name: "cohorts",
            ours: &["cohort_metrics", "cohort_summary"],
            theirs: &["cohort_metrics", "cohort_summary"],
        },
        Part { name: "the night", ours: &[], theirs: &[] },
    ],
};

/// Which lake, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// Accounts of the company.
    #[arg(long, default_value_t = 1_000_000)]
    accounts: u64,
    /// Subscription periods in all.
    #[arg(long, default_value_t = 3_000_000)]
    subscriptions: u64,
    /// Invoices in all, over 36 months.
    #[arg(long, default_value_t = 20_000_000)]
    invoices: u64,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Outcome {
    let dir = options.place.open("bench-revenue")?;
    let binary = night::build()?;
    let made = ensure_lake(&dir, options)?;
    night::remove(&dir)?;
    fs::write(dir.join(PROJECT), include_str!("../../bench/revenue/headwater.yaml"))?;
    let held = CONTEST.hold(&binary, &dir);
    if !options.place.keep {
        tidy_up(&dir, made)?;
    }
    held
}

/// Makes sure that a lake of this size is there; whether it had to be made.
fn ensure_lake(dir: &Path, options: &Options) -> Outcome<bool> {
    let sql = include_str!("../../bench/revenue/lake.sql")
        .replace("{as_of}", AS_OF)
        .replace("{accounts}", &options.accounts.to_string())
        .replace("{subscriptions}", &options.subscriptions.to_string())
        .replace("{invoices}", &options.invoices.to_string());
    let stamp = dir.join(MADE_BY);
    if fs::read_to_string(&stamp).is_ok_and(|made_by| made_by == sql) {
        return Ok(false);
    }
    remove_lake(dir)?;
    fs::create_dir_all(dir.join(lake::FOLDER))?;
    duckdb::make(&duckdb::python()?, dir, &sql)?;
    fs::write(stamp, sql)?;
    Ok(true)
}

fn remove_lake(dir: &Path) -> Outcome {
    remove_file(&dir.join(MADE_BY))?;
    remove_folder(&dir.join(lake::FOLDER))
}

/// Removes what this run made; a lake that was found is left alone.
fn tidy_up(dir: &Path, was_made: bool) -> Outcome {
    night::remove(dir)?;
    remove_file(&dir.join(PROJECT))?;
    duckdb::remove(dir)?;
    if was_made { remove_lake(dir) } else { Ok(()) }
}
