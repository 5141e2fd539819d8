//! The tables a benchmark prints.

use super::child::{Cost, Run};
use super::contest::Part;
use super::duckdb::Agreement;

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Each step of a run and the whole of it.
pub(super) fn steps(run: &Run) {
    println!("\n{:<28} {:>9} {:>9} {:>9} {:>12} {:>12}", run.name, "wall s", "CPU s", "peak MB", "rows", "rows/s");
    for step in &run.steps {
        let rate = if step.cost.wall > 0.0 { step.rows / step.cost.wall } else { 0.0 };
        println!("{} {:>12} {rate:>12.0}", line(&step.name, step.cost), step.rows);
    }
    println!("{}", line("all of it", run.total));
}

/// What each part took both engines, and the ratios.
pub(super) fn comparison(parts: &[Part], ours: &Run, theirs: &Run) {
    for part in parts {
        let (our_cost, their_cost) = (ours.cost_of(part.ours), theirs.cost_of(part.theirs));
        println!("\n{:<28} {:>9} {:>9} {:>9}", part.name, "wall s", "CPU s", "peak MB");
        println!("{}", line(&ours.name, our_cost));
        println!("{}", line(&theirs.name, their_cost));
        println!("{}", ratio(our_cost, their_cost));
    }
}

/// Whether the tables of both engines agree.
pub(super) fn agreement(agreements: &[Agreement]) {
    for agreement in agreements {
        println!(
            "  {}: {} of {} rows differ in {} values {}",
            agreement.table, agreement.differing, agreement.rows, agreement.columns, agreement.examples
        );
    }
}

fn line(name: &str, cost: Cost) -> String {
    format!("{name:<28} {:>9.2} {:>9.2} {:>9.0}", cost.wall, cost.cpu, cost.peak_bytes / MEGABYTE)
}

fn ratio(ours: Cost, theirs: Cost) -> String {
    let name = "  Headwater to it";
    let [wall, cpu, peak] = [ours.wall / theirs.wall, ours.cpu / theirs.cpu, ours.peak_bytes / theirs.peak_bytes];
    format!("{name:<28} {wall:>9.2} {cpu:>9.2} {peak:>9.2}")
}
