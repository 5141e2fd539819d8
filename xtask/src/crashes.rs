//! Nights that are disturbed at named points, and whether they keep their promises: `cargo xtask crashes`.
//!
//! Nothing in the program knows of it. Between the program and an object store stands a proxy, which at one request kills
//! the program, or fails; see `crashes/proxy.rs`.

mod cells;
mod company;
mod disk;
mod fault;
mod history;
mod proxy;
mod races;
mod request;
mod state;
mod store;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;

pub use cells::{Cell, Leases, Tried, try_all};
pub use company::Company;
pub use fault::Fault;
pub use history::{Histories, Lived, live, run as live_all};
pub use proxy::Proxy;
pub use races::{Raced, Races, race, run as race_all};
pub use request::Point;
pub use store::{Kind, Objects, Store, files_of, moto_server};

use crate::Outcome;

/// Where disturbed nights are tried.
#[derive(Debug, clap::Args)]
struct Place {
    /// The stores to publish to.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "disk,s3,azure")]
    stores: Vec<Kind>,
    /// The program.
    #[arg(long)]
    binary: PathBuf,
    /// The folder to work in, which must not be there yet.
    #[arg(long)]
    dir: PathBuf,
    /// The program `moto_server`, for S3; where absent, the one of the tests.
    #[arg(long)]
    moto: Option<PathBuf>,
    /// The file `azurite/dist/src/blob/main.js`, for Azure.
    #[arg(long)]
    azurite: Option<PathBuf>,
}

/// What is tried.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: Place,
    /// Of the points that differ in their table alone, every so-and-so-many-th.
    #[arg(long, default_value_t = 6)]
    every: usize,
    /// Only lists the cells.
    #[arg(long)]
    list: bool,
}

/// Tries the matrix and gives the tables to print.
///
/// # Errors
/// Where the harness fails, and where a cell is not as promised.
pub fn run(options: &Options, print: &(dyn Fn(&str) + Sync)) -> Outcome {
    options.place.on_each_store(print, &|kind, company| {
        let cells = cells::choose(&company, options.every.max(1));
        if options.list {
            let line = |cell: &Cell| format!("{} {} {}\n", kind.name(), cell.point, cell.fault.words());
            print(&cells.iter().map(line).collect::<String>());
            return Ok(0);
        }
        print(&format!("{}: an undisturbed night makes {} requests", kind.name(), company.points.len()));
        let tell = |tried: &[Tried]| print(&table(kind, tried));
        let tried = try_all(&company, &cells::spread(&cells), Leases::Waited, &tell)?;
        print(&format!("{}: {} cells\n{}", kind.name(), tried.len(), outcomes(&tried)));
        Ok(tried.iter().filter(|tried| !tried.odd.is_empty()).count())
    })
}

impl Place {
    /// Works with a company in each store, side by side; the work's result is how much is not as promised.
    fn on_each_store(
        &self,
        print: &(dyn Fn(&str) + Sync),
        work: &(dyn Fn(Kind, Company) -> Outcome<usize> + Sync),
    ) -> Outcome {
        fs::create_dir_all(&self.dir)?;
        let worked: Vec<Outcome<usize>> = thread::scope(|scope| {
            let of_store = |kind: &Kind| {
                let kind = *kind;
                scope.spawn(move || match self.company(kind)? {
                    Some(company) => work(kind, company),
                    None => {
                        print(&format!("SKIPPED: {}: no server is named", kind.name()));
                        Ok(0)
                    }
                })
            };
            let stores: Vec<_> = self.stores.iter().map(of_store).collect();
            let ended = |store: thread::ScopedJoinHandle<'_, Outcome<usize>>| {
                store.join().unwrap_or_else(|_| Err("the harness failed".into()))
            };
            stores.into_iter().map(ended).collect()
        });
        let odd = worked.into_iter().sum::<Outcome<usize>>()?;
        if odd == 0 { Ok(()) } else { Err(format!("{odd} of them are not as promised").into()) }
    }

    /// A company in a store of a kind; none where no server of it is named.
    fn company(&self, kind: Kind) -> Outcome<Option<Company>> {
        let folder = self.dir.canonicalize()?.join(kind.name());
        fs::create_dir(&folder)?;
        let store = match kind {
            Kind::Disk => Some(Store::disk(&folder)),
            Kind::S3 => self.moto.clone().or_else(moto_server).map(|program| Store::moto(&program, &folder)),
            Kind::Azure => self.azurite.as_ref().map(|program| Store::azurite(program, &folder)),
        };
        store.map(|store| Company::new(&self.binary.canonicalize()?, store?)).transpose()
    }
}

/// A line a cell.
fn table(kind: Kind, tried: &[Tried]) -> String {
    let mut text = String::new();
    for cell in tried {
        let verdict = if cell.odd.is_empty() { "as promised" } else { "ODD" };
        text.push_str(&format!(
            "{:<6} {:<44} {:<14} {:<24} {verdict}\n",
            kind.name(),
            cell.cell.point.to_string(),
            cell.cell.fault.words(),
            cell.outcome
        ));
        text.extend(cell.odd.iter().map(|odd| format!("         {odd}\n")));
    }
    text
}

/// The outcomes of cells, counted.
fn outcomes(tried: &[Tried]) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for cell in tried {
        *counts.entry((cell.cell.fault.words(), &cell.outcome)).or_default() += 1;
    }
    counted(counts)
}

/// A line for each outcome, with how often it was.
fn counted(counts: BTreeMap<(&str, &str), usize>) -> String {
    counts.into_iter().map(|((what, outcome), count)| format!("{count:>6} {what:<14} {outcome}\n")).collect()
}
