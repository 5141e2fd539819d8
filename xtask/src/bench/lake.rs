//! The lake that a night is measured over: generated once for its size, kept apart from lakes of other sizes.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use headwater_fixtures::{CompanySpec, write_lake};

use super::remove_folder;
use crate::Outcome;

/// The folder of the lake.
const LAKE: &str = "lake";
/// Says of which size the lake is; written when it is complete.
const SPEC: &str = "lake.txt";

/// Makes sure that the lake of this size is there; whether it had to be made.
pub(super) fn ensure(dir: &Path, accounts: u64, events: u64, days: u32) -> Outcome<bool> {
    let spec = CompanySpec { accounts, days, target_events: Some(events), ..CompanySpec::demo() };
    let wanted = format!("{spec:?}\n");
    let found = fs::read_to_string(dir.join(SPEC)).ok();
    if found.as_ref() == Some(&wanted) {
        return Ok(false);
    }
    let lake = dir.join(LAKE);
    if lake.exists() {
        return Err(format!("`{}` holds another lake: choose another --dir, or remove it", lake.display()).into());
    }
    println!("generating {accounts} accounts, {events} events, {days} days");
    let written = write_lake(&spec, &lake)?;
    println!("{} events, {} MB", written.rows("usage_events"), written.bytes() >> 20);
    fs::write(dir.join(SPEC), wanted)?;
    Ok(true)
}

/// Reads every file once, so that both engines find the lake in the page cache.
pub(super) fn warm(dir: &Path) -> Outcome {
    fn read(path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return fs::read_dir(path)?.try_for_each(|entry| read(&entry?.path()));
        }
        io::copy(&mut File::open(path)?, &mut io::sink()).map(|_| ())
    }
    Ok(read(&dir.join(LAKE))?)
}

/// Removes the lake.
pub(super) fn remove(dir: &Path) -> Outcome {
    remove_folder(&dir.join(LAKE))?;
    Ok(fs::remove_file(dir.join(SPEC))?)
}
