//! `bench lifetimes`: models of buying and spending, what they expect of each customer, and the curve of subscriptions.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::child::Run;
use super::contest::Part;
use super::python::{self, Python, json_of};
use super::{AS_OF, Place, lake, night, remove_file, remove_folder, report};
use crate::Outcome;

/// What made the lake, beside it: an equal one would make the same lake again.
const MADE_BY: &str = "lake.txt";
const PROJECT: &str = "headwater.yaml";
/// The folder, in that of the benchmark, for what the packages computed.
const RESULTS: &str = "lifetimes";
/// The last day of purchases that the models of the CDNOW papers are fitted to.
const CDNOW_AS_OF: &str = "1997-09-30";

/// Customers each on a row of their own, then histories with the number of their customers.
const WAYS: &[&str] = &["customers", "histories"];

const OUR_MODELS: &[&str] = &["order_histories", "order_fits", "order_fits_used", "order_scores"];
const THEIR_MODELS: &[&str] = &["orders", "summary", "histories", "bg_nbd", "mbg_nbd", "gamma_gamma", "scores"];
const PARTS: &[Part] = &[
    Part { name: "histories", ours: &["order_histories"], theirs: &["orders", "summary", "histories"] },
    Part { name: "fit", ours: &["order_fits"], theirs: &["bg_nbd", "mbg_nbd", "gamma_gamma"] },
    Part { name: "score", ours: &["order_fits_used", "order_scores"], theirs: &["scores"] },
    Part { name: "all of it", ours: OUR_MODELS, theirs: THEIR_MODELS },
    Part { name: "curve", ours: &["survival_curves"], theirs: &["subscriptions", "curve"] },
    Part { name: "the whole night", ours: &[], theirs: &[] },
];

/// Which lake, and where.
#[derive(Args)]
pub(crate) struct Options {
    /// Customers of the lake.
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// The purchases of CDNOW (`customer_id`, `date` and `amount`, as Parquet), in place of made ones.
    #[arg(long, value_name = "FILE", conflicts_with = "customers")]
    cdnow: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Options {
    fn as_of(&self) -> &'static str {
        if self.cdnow.is_some() { CDNOW_AS_OF } else { AS_OF }
    }
}

pub(super) fn run(options: &Options) -> Outcome {
    let dir = options.place.open("bench-lifetimes")?;
    let binary = night::build()?;
    let python = Python::with("bench-lifetimes-venv", include_str!("../../bench/lifetimes/requirements.txt"))?;
    let made = ensure_lake(&python, &dir, options)?;
    night::remove(&dir)?;
    fs::write(dir.join(PROJECT), include_str!("../../bench/lifetimes/headwater.yaml"))?;
    let held = hold(&binary, &python, &dir, options.as_of());
    if !options.place.keep {
        tidy_up(&dir, made)?;
    }
    held
}

/// Runs both sides over the lake in `dir`, and reports them.
fn hold(binary: &Path, python: &Python, dir: &Path, as_of: &str) -> Outcome {
    lake::warm(dir)?;
    let ours = night::run(binary, dir, as_of)?;
    report::steps(&ours);
    let mut all_hold = true;
    for way in WAYS {
        let results = dir.join(RESULTS).join(way);
        fs::create_dir_all(&results)?;
        let theirs = measure(python, dir, as_of, (way, &results))?;
        let mut comparing = python.script("lifetimes/agree.py");
        let said = json_of(comparing.arg(dir.join("published")).arg(as_of).arg(&results))?;
        report::steps(&theirs);
        report::comparison(PARTS, &ours, &theirs);
        all_hold &= agreement(&said)?;
    }
    if all_hold { Ok(()) } else { Err("both sides computed different values, so their times say nothing".into()) }
}

fn measure(python: &Python, dir: &Path, as_of: &str, (way, results): (&str, &Path)) -> Outcome<Run> {
    let mut models = python.script("lifetimes/models.py");
    let said = json_of(models.arg(dir.join(lake::FOLDER)).arg(as_of).arg(results).arg(way))?;
    python::measured(&said, |version| format!("lifetimes {version}, {way}"))
}

/// Prints how far both agree; whether all holds that has to.
fn agreement(said: &Value) -> Outcome<bool> {
    let rows = |key: &str| said.get(key).and_then(Value::as_array).ok_or("the comparison says no rows");
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |row: &Value, key: &str| row.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    println!("\n{:<32} {:>22} {:>22} {:>10}", "scores are by", "Headwater", "lifetimes", "relative");
    println!("{}", text(said, "used"));
    for row in rows("parameters")? {
        let (ours, theirs) = (number(row, "ours"), number(row, "theirs"));
        let name = format!("{} {}", text(row, "model"), text(row, "name"));
        println!("{name:<32} {ours:>22.12} {theirs:>22.12} {:>10.1e}", (ours - theirs).abs() / theirs.abs());
    }
    let mut all_hold = true;
    println!("\n{:<48} {:>10} {:>10} {:>8} {:>8}", "", "rows", "differing", "beyond", "worst");
    for row in rows("checks")? {
        let (differing, must_hold) = (number(row, "differing"), row.get("must_hold").and_then(Value::as_bool));
        let [beyond, worst] = ["tolerance", "worst"].map(|key| number(row, key));
        println!("{:<48} {:>10} {differing:>10} {beyond:>8.0e} {worst:>8.0e}", text(row, "what"), number(row, "rows"));
        all_hold &= must_hold == Some(false) || differing == 0.0;
    }
    Ok(all_hold)
}

/// Makes sure that this lake is there; whether it had to be made.
fn ensure_lake(python: &Python, dir: &Path, options: &Options) -> Outcome<bool> {
    let made_of = options.cdnow.as_ref().map(fs::canonicalize).transpose()?;
    let from = made_of.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let (as_of, customers) = (options.as_of(), options.customers.to_string());
    let script = include_str!("../../bench/lifetimes/lake.py");
    let made_by = [as_of, customers.as_str(), from.as_str(), script].join("\n");
    let stamp = dir.join(MADE_BY);
    if fs::read_to_string(&stamp).is_ok_and(|known| known == made_by) {
        return Ok(false);
    }
    remove_lake(dir)?;
    let lake = dir.join(lake::FOLDER);
    fs::create_dir_all(&lake)?;
    python::run(python.script("lifetimes/lake.py").arg(lake).args([as_of, customers.as_str()]).args(made_of))?;
    fs::write(stamp, made_by)?;
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
    remove_folder(&dir.join(RESULTS))?;
    if was_made { remove_lake(dir) } else { Ok(()) }
}
