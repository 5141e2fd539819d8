//! Nights that are killed, or not heard, at named requests, that begin at the same time, or whose inputs are in trouble: a slice of
//! what `cargo xtask crashes`, `races` and `history` try.

use std::collections::BTreeSet;
use std::path::Path;

use xtask::crashes::{Cell, Company, Fault, Leases, Point, Store, live, moto_server, race, try_all};

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
    let company = Company::new(program(), store).unwrap();
    let cells: Vec<Cell> = CELLS
        .iter()
        .map(|(name, fault, _)| Cell { point: Point { name: (*name).to_owned(), occurrence: 1 }, fault: *fault })
        .collect();
    for (tried, (_, _, expected)) in try_all(&company, &cells, Leases::Ended, &|_| {}).unwrap().iter().zip(CELLS) {
        assert_eq!((tried.outcome.as_str(), tried.odd.as_slice()), (*expected, &[][..]), "{:?}", tried.cell);
    }
}

/// The program.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_headwater"))
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn of_runs_that_begin_at_the_same_time_one_publishes() {
    let folder = tempfile::tempdir().unwrap();
    let mut stores = vec![Store::disk(folder.path()).unwrap()];
    match moto_server() {
        Some(moto) => stores.push(Store::moto(&moto, folder.path()).unwrap()),
        None => println!("SKIPPED: no S3-compatible server is installed; .ci/run installs one"),
    }
    for store in stores {
        let company = Company::new(program(), store).unwrap();
        for (runs, outcome) in [(2, "1 published, 1 found the lease held"), (5, "1 published, 4 found the lease held")]
        {
            let raced = race(&company, &format!("race-{runs}"), runs).unwrap();
            assert_eq!((raced.outcome.as_str(), raced.odd.as_slice()), (outcome, &[][..]), "{:?}", company.store.kind);
        }
    }
}

#[test]
fn nights_whose_inputs_were_late_twice_or_wrong_end_as_if_nothing_had_been() {
    let folder = tempfile::tempdir().unwrap();
    let lived = live(program(), folder.path(), 5, 1).unwrap();
    assert_eq!(lived.odd, [""; 0], "{:?}", lived.done);
    // Not a history in which nothing happens.
    let commands: BTreeSet<&str> = lived.done.keys().map(|(command, _)| command.as_str()).collect();
    assert_eq!(commands, BTreeSet::from(["backfill", "retry", "rollback", "run"]), "{:?}", lived.done);
}
