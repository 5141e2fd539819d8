//! The tables a benchmark prints.

use super::child::Cost;
use super::duckdb::{Agreement, Measured};
use super::night::Night;

/// The steps that compute usage metrics: what the other engine's query is compared with.
const USAGE_STEPS: &[&str] = &["features", "usage_profile", "usage_users"];
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Each step of the night and the whole of it.
pub(super) fn steps(night: &Night) {
    println!("\n{:<24} {:>9} {:>9} {:>9} {:>12} {:>12}", "step", "wall s", "CPU s", "peak MB", "rows", "rows/s");
    for step in &night.steps {
        let rate = if step.cost.wall > 0.0 { step.rows / step.cost.wall } else { 0.0 };
        println!("{} {:>12} {rate:>12.0}", line(&step.name, step.cost), step.rows);
    }
    println!("{}", line("the night", night.total));
}

/// The usage metrics of both engines, their ratios, and whether they agree.
pub(super) fn comparison(night: &Night, theirs: &[Measured], agreement: &[Agreement]) {
    let usage = night.steps.iter().filter(|step| USAGE_STEPS.contains(&step.name.as_str()));
    let ours = usage.map(|step| step.cost).fold(Cost::default(), Cost::then);
    println!("\n{:<24} {:>9} {:>9} {:>9}", "usage metrics", "wall s", "CPU s", "peak MB");
    println!("{}", line("Headwater", ours));
    for (measured, agreement) in theirs.iter().zip(agreement) {
        println!("{}", line(&measured.name, measured.cost));
        println!("{}", ratio(ours, measured.cost));
        println!(
            "  {} of {} accounts differ in {} values {}",
            agreement.differing, agreement.accounts, agreement.columns, agreement.examples
        );
    }
}

fn line(name: &str, cost: Cost) -> String {
    format!("{name:<24} {:>9.2} {:>9.2} {:>9.0}", cost.wall, cost.cpu, cost.peak_bytes / MEGABYTE)
}

fn ratio(ours: Cost, theirs: Cost) -> String {
    let name = "  Headwater to it";
    let [wall, cpu, peak] = [ours.wall / theirs.wall, ours.cpu / theirs.cpu, ours.peak_bytes / theirs.peak_bytes];
    format!("{name:<24} {wall:>9.2} {cpu:>9.2} {peak:>9.2}")
}
