//! Development tasks: `cargo xtask generate`, `cargo xtask fuzz`, `cargo xtask crashes`, `races` and `history`, and `cargo xtask bench` with
//! `check`, `night`, `memory`, `nights`, `revenue` or `lifetimes`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "development tasks report to a person")]

mod bench;
mod fuzz;

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use xtask::{Outcome, crashes, root, target};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks")]
enum Task {
    /// Writes the reference pages under docs/ and the schemas under rules/ from the code.
    Generate,
    /// Checks mangled rule files for a while: no panic, no hang, no memory beyond a bound.
    Fuzz(fuzz::Options),
    /// Disturbs nights at named points and looks whether they keep their promises.
    Crashes(crashes::Options),
    /// Begins runs of one night at the same time, and looks that one publishes.
    Races(crashes::Races),
    /// Lives nights whose inputs come late, twice or wrong, and compares the end with a clean publication.
    History(crashes::Histories),
    /// Measures.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Generate => generate(),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Crashes(options) => crashes::run(&options, &|text| println!("{text}")),
        Task::Races(races) => crashes::race_all(&races, &|text| println!("{text}")),
        Task::History(histories) => crashes::live_all(&histories, &|text| println!("{text}")),
        Task::Bench(bench) => bench.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Outcome {
    let root = root();
    for page in xtask::pages::all(&root)? {
        let path = root.join(page.path);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        fs::write(path, page.text)?;
        println!("{}", page.path);
    }
    Ok(())
}
