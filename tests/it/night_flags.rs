//! Flags in time over published nights: what is run again reads the night before and never itself, and a rule beyond
//! its limit is told of.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};

use crate::night::Company;
use crate::night_edges::write;

const PROJECT: &str = "version: 1
name: flagged
currency: EUR
inputs:
  accounts: {path: accounts.parquet, attributes: {pressure: {expr: pressure, type: integer}}}
rules: [rules.yaml]
";

const RULES: &str = "version: 1
triggers:
  - id: pressed
    description: Close to a limit
    owner: sales
    when: \"pressure >= 80\"
    for: {runs: 2}
    exit_when: \"pressure < 70\"
    keep_firing_for: {runs: 1}
    on_missing: hold
    limit: {max_accounts: 2}
";

/// The accounts of a night with their pressure.
fn accounts(folder: &Path, accounts: &[(&str, Option<i64>)]) {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(accounts.iter().map(|(account, _)| account)));
    let pressure: ArrayRef = Arc::new(Int64Array::from_iter(accounts.iter().map(|(_, pressure)| *pressure)));
    write(folder, "accounts.parquet", vec![("account_id", ids), ("pressure", pressure)]);
}

/// The states that were published for a night, and whether an audit told of something.
async fn states(company: &mut Company, night: &str) -> String {
    company.request.as_of = night.parse().unwrap();
    company.request.run_id = format!("run of {night}");
    let told: Vec<_> =
        company.publish().await.report.audits.into_iter().filter(|audit| !audit.passed).map(|audit| audit.id).collect();
    let states = format!("SELECT account_id, state, nights FROM flag_states WHERE as_of = DATE '{night}' ORDER BY 1");
    let rows = company.rows(&states).await.into_iter().map(|row| row.join(" ")).collect::<Vec<_>>().join(", ");
    format!("{rows}; {}", told.join(", "))
}

#[tokio::test]
async fn a_night_run_again_reads_the_night_before() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("headwater.yaml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    accounts(folder.path(), &[("a", Some(85)), ("b", Some(85)), ("c", Some(10))]);
    let mut company = Company::in_folder(folder.path(), "2026-05-01");
    assert_eq!(states(&mut company, "2026-05-01").await, "a pending 1, b pending 1; ");
    assert_eq!(states(&mut company, "2026-05-02").await, "a firing 1, b firing 1; ");
    let digests = company.digests().await;
    // One account is beyond its end, and another is not there.
    accounts(folder.path(), &[("a", Some(60)), ("c", Some(90))]);
    assert_eq!(states(&mut company, "2026-05-04").await, "a recovering 1, b firing 1, c pending 1; ");
    // Missed nights, filled in later, read what was published before them.
    assert_eq!(states(&mut company, "2026-05-03").await, "a recovering 1, b firing 1, c pending 1; ");
    assert_eq!(states(&mut company, "2026-05-04").await, "a resolved 1, b firing 1, c firing 1; ");
    accounts(folder.path(), &[("a", Some(85)), ("b", Some(85)), ("c", Some(10))]);
    company.request.as_of = "2026-05-02".parse().unwrap();
    assert_eq!(company.digests().await, digests, "a night that was run again, with later ones published");
}

#[tokio::test]
async fn a_rule_beyond_its_limit_is_told_of_and_can_hold_the_night() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("headwater.yaml"), PROJECT).unwrap();
    std::fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    accounts(folder.path(), &[("a", Some(85)), ("b", Some(85)), ("c", Some(85))]);
    let mut company = Company::in_folder(folder.path(), "2026-05-01");
    assert_eq!(states(&mut company, "2026-05-01").await, "a pending 1, b pending 1, c pending 1; ");
    assert_eq!(states(&mut company, "2026-05-02").await, "a pending 1, b pending 1, c pending 1; limit_pressed");
    company.request.deny_warnings = true;
    let refused = company.run().await.unwrap_err();
    assert!(format!("{:?}", refused.diagnostics).contains("limit_pressed"), "{:?}", refused.diagnostics);
}
