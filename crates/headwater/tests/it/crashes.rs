//! Nights on an object store that are killed, or not heard, at named requests; `cargo xtask crashes` tries all of them.

use std::path::Path;

use xtask::crashes::{Cell, Company, Fault, Leases, Point, Store, moto_server, try_all};

/// Where, how, and what is found right after.
const CELLS: &[(&str, Fault, &str)] = &[
    ("PUT lease", Fault::KilledAfter, "killed, as before"),
    ("PUT staged segment_scores", Fault::KilledBefore, "killed, as before"),
    ("COPY to segment_scores aside", Fault::KilledAfter, "killed, as before"),
    ("PUT manifest", Fault::KilledAfter, "killed, published"),
    ("LIST input subscriptions", Fault::Outage, "went on, published"),
    ("PUT manifest", Fault::AnswerLost, "went on, published"),
    ("DELETE segment_scores", Fault::KilledBefore, "killed, published"),
];

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn a_night_killed_at_any_request_leaves_a_whole_one_and_is_made_up_by_the_next() {
    let Some(moto) = moto_server() else {
        println!("SKIPPED: no S3-compatible server is installed; .ci/run installs one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::moto(&moto, folder.path()).unwrap();
    let company = Company::new(Path::new(env!("CARGO_BIN_EXE_headwater")), store).unwrap();
    let cells: Vec<Cell> = CELLS
        .iter()
        .map(|(name, fault, _)| Cell { point: Point { name: (*name).to_owned(), occurrence: 1 }, fault: *fault })
        .collect();
    for (tried, (_, _, expected)) in try_all(&company, &cells, Leases::Ended).unwrap().iter().zip(CELLS) {
        assert_eq!((tried.outcome.as_str(), tried.odd.as_slice()), (*expected, &[][..]), "{:?}", tried.cell);
    }
}
