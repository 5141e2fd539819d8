//! Development tasks: `cargo xtask generate`, `cargo xtask fuzz`, and `cargo xtask bench` with `check`, `night`, `revenue`
//! or `lifetimes`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "development tasks report to a person")]

mod bench;
mod fuzz;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use clap::Parser;

/// What a task comes to; its error is shown and ends it.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks")]
enum Task {
    /// Writes the reference pages under docs/ and the schemas under rules/ from the code.
    Generate,
    /// Checks mangled rule files for a while: no panic, no hang, no memory beyond a bound.
    Fuzz(fuzz::Options),
    /// Measures.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Generate => generate(),
        Task::Fuzz(options) => fuzz::run(&options),
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

/// The folder that holds the workspace's manifest.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder for what is built.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
