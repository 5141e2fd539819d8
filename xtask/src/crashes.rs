//! Nights that are disturbed at named points, and whether they keep their promises: `cargo xtask crashes`.
//!
//! Nothing in the program knows of it. Between the program and an object store stands a proxy, which at one request kills
//! the program, or fails; see `crashes/proxy.rs`.

mod cells;
mod company;
mod disk;
mod fault;
mod proxy;
mod request;
mod state;
mod store;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

pub use cells::{Cell, Leases, Tried, try_all};
pub use company::Company;
pub use fault::Fault;
pub use proxy::Proxy;
pub use request::Point;
pub use store::{Kind, Objects, Store, files_of, moto_server};

use crate::Outcome;

/// What is tried.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The stores to publish to.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "disk,s3,azure")]
    stores: Vec<Kind>,
    /// The program.
    #[arg(long)]
    binary: PathBuf,
    /// Of the points that differ in their table alone, every so-and-so-many-th.
    #[arg(long, default_value_t = 6)]
    every: usize,
    /// The folder to work in, which must not be there yet.
    #[arg(long)]
    dir: PathBuf,
    /// The program `moto_server`, for S3; where absent, the one of the tests.
    #[arg(long)]
    moto: Option<PathBuf>,
    /// The file `azurite/dist/src/blob/main.js`, for Azure.
    #[arg(long)]
    azurite: Option<PathBuf>,
    /// Only lists the cells.
    #[arg(long)]
    list: bool,
}

/// Tries the matrix and gives the tables to print.
///
/// # Errors
/// Where the harness fails, and where a cell is not as promised.
pub fn run(options: &Options, print: &(dyn Fn(&str) + Sync)) -> Outcome {
    fs::create_dir_all(&options.dir)?;
    let binary = options.binary.canonicalize()?;
    let tried: Vec<Outcome<usize>> = thread::scope(|scope| {
        let stores: Vec<_> =
            options.stores.iter().map(|kind| scope.spawn(|| try_store(*kind, &binary, options, print))).collect();
        let ended = |store: thread::ScopedJoinHandle<'_, Outcome<usize>>| {
            store.join().unwrap_or_else(|_| Err("the harness failed".into()))
        };
        stores.into_iter().map(ended).collect()
    });
    let odd = tried.into_iter().sum::<Outcome<usize>>()?;
    if odd == 0 { Ok(()) } else { Err(format!("{odd} cells are not as promised").into()) }
}

/// The number of cells that are not as promised.
fn try_store(kind: Kind, binary: &Path, options: &Options, print: &(dyn Fn(&str) + Sync)) -> Outcome<usize> {
    let folder = options.dir.canonicalize()?.join(kind.name());
    fs::create_dir(&folder)?;
    let store = match kind {
        Kind::Disk => Some(Store::disk(&folder)),
        Kind::S3 => options.moto.clone().or_else(moto_server).map(|program| Store::moto(&program, &folder)),
        Kind::Azure => options.azurite.as_ref().map(|program| Store::azurite(program, &folder)),
    };
    let Some(store) = store else {
        print(&format!("SKIPPED: {}: no server is named", kind.name()));
        return Ok(0);
    };
    let company = Company::new(binary, store?)?;
    let cells = cells::choose(&company, options.every.max(1));
    if options.list {
        print(
            &cells
                .iter()
                .map(|cell| format!("{} {} {}\n", kind.name(), cell.point, cell.fault.words()))
                .collect::<String>(),
        );
        return Ok(0);
    }
    let tried = try_all(&company, &cells, Leases::Waited)?;
    print(&table(kind, &company, &tried));
    Ok(tried.iter().filter(|tried| !tried.odd.is_empty()).count())
}

/// A line a cell, and the outcomes counted.
fn table(kind: Kind, company: &Company, tried: &[Tried]) -> String {
    let mut text = format!("\n{}: an undisturbed night makes {} requests\n", kind.name(), company.points.len());
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for cell in tried {
        let verdict = if cell.odd.is_empty() { "as promised" } else { "ODD" };
        *counts.entry((cell.cell.fault.words(), &cell.outcome)).or_default() += 1;
        text.push_str(&format!(
            "{:<6} {:<44} {:<14} {:<24} {verdict}\n",
            kind.name(),
            cell.cell.point.to_string(),
            cell.cell.fault.words(),
            cell.outcome
        ));
        text.extend(cell.odd.iter().map(|odd| format!("         {odd}\n")));
    }
    text.push_str(&format!("{}: {} cells\n", kind.name(), tried.len()));
    for ((fault, outcome), count) in counts {
        text.push_str(&format!("{count:>6} {fault:<14} {outcome}\n"));
    }
    text
}
