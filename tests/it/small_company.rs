//! This repository's own project over a small generated company: a whole night without any outside data.

use std::fs;
use std::path::Path;

use headwater_fixtures::{CompanySpec, write_lake};

use crate::night::{Company, repository};

/// The last day of the generated lake.
const AS_OF: &str = "2026-05-31";

/// Makes the company in an empty folder.
pub(crate) fn small_company(folder: &Path) -> Company {
    let spec = CompanySpec { accounts: 80, days: 60, ..CompanySpec::demo() };
    write_lake(&spec, &folder.join("demo/lake")).unwrap();
    fs::create_dir(folder.join("rules")).unwrap();
    let shipped = fs::read_dir(repository().join("rules"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    for path in shipped.chain([repository().join("headwater.yaml")]) {
        fs::copy(&path, folder.join(path.strip_prefix(repository()).unwrap())).unwrap();
    }
    Company::in_folder(folder, AS_OF)
}
