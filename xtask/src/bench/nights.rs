//! `bench nights`: nights in a row over the demo's company, which must take no longer at the end than at the beginning and
//! leave nothing behind but what they keep.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use clap::Args;

use super::usage::Company;
use super::{AS_OF, Place, lake, night};
use crate::Outcome;

/// Nights at either end that are compared.
const ENDS: usize = 10;
/// What is in the outputs besides the tables, and what a night works with.
const BESIDE_TABLES: &[&str] =
    &["published/manifests", "published/_staging", "published/_leases", "published/_aside", ".headwater"];

/// Which lake, how many nights, and where.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    company: Company,
    /// Nights in a row.
    #[arg(long, default_value_t = 100)]
    nights: u32,
    /// The program; built where absent.
    #[arg(long)]
    binary: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Files in a folder, and their bytes.
#[derive(Default, Clone, Copy)]
struct Held {
    files: u64,
    bytes: u64,
}

pub(super) fn run(options: &Options) -> Outcome {
    let dir = options.place.open("bench-nights")?;
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize()?,
        None => night::build()?,
    };
    let made = lake::ensure_demo(&binary, &dir, &options.company)?;
    night::remove(&dir)?;
    let lived = in_a_row(options, &binary, &dir);
    if !options.place.keep {
        night::remove(&dir)?;
        if made {
            lake::remove_demo(&dir)?;
        }
    }
    lived
}

fn in_a_row(options: &Options, binary: &Path, dir: &Path) -> Outcome {
    let last: NaiveDate = AS_OF.parse()?;
    let mut seconds = Vec::new();
    print!("{:<12} {:>9} {:>12} {:>12}", "night", "wall s", "files", "MB");
    println!("  files in {}", BESIDE_TABLES.join(", "));
    for back in (0..options.nights).rev() {
        let day = last.checked_sub_days(Days::new(u64::from(back))).ok_or("so many nights there are not")?;
        let ran = night::run(binary, dir, &day.to_string())?;
        seconds.push(ran.total.wall);
        let whole = held(&dir.join("published"))?;
        let beside = BESIDE_TABLES.iter().map(|folder| held(&dir.join(folder))).collect::<Outcome<Vec<_>>>()?;
        let beside: Vec<_> = beside.iter().map(|held| held.files.to_string()).collect();
        let wall = ran.total.wall;
        println!("{day}   {wall:>9.2} {:>12} {:>12}  {}", whole.files, whole.bytes >> 20, beside.join(" "));
    }
    let mean = |of: &[f64]| of.iter().sum::<f64>() / f64::from(u32::try_from(of.len()).unwrap_or(u32::MAX).max(1));
    let ends = ENDS.min(seconds.len());
    let (Some(first), Some(last)) = (seconds.get(..ends), seconds.get(seconds.len() - ends..)) else { return Ok(()) };
    println!("the last {ends} nights take {:.2} of the time of the first {ends}", mean(last) / mean(first));
    Ok(())
}

/// What a folder that may be missing holds.
fn held(folder: &Path) -> Outcome<Held> {
    let (mut found, mut folders) = (Held::default(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                found.files += 1;
                found.bytes += about.len();
            }
        }
    }
    Ok(found)
}
