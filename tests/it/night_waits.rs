//! A night whose inputs are not there yet.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_fixtures::{CompanySpec, write_lake};
use headwater_nightly::{FailureKind, Moment, Stop, Waiting, Watch, run_when_ready};

use crate::night::Company;
use crate::small_company::small_company;

const OFTEN: Waiting = Waiting { at_most: Duration::from_secs(3_600), every: Duration::from_millis(20) };

/// A company whose tickets end too early, and the object with later ones.
fn company_without_tickets(folder: &Path) -> (Company, std::path::PathBuf) {
    let mut company = small_company(folder);
    let late = folder.join("late");
    let spec = CompanySpec { accounts: 80, days: 60, ..CompanySpec::demo() };
    let last_day = spec.last_day - chrono::Days::new(20);
    write_lake(&CompanySpec { last_day, ..spec }, &late).unwrap();
    let (tickets, early) = (folder.join("demo/lake/support_tickets"), late.join("support_tickets"));
    let fresh = folder.join("fresh");
    fs::rename(&tickets, &fresh).unwrap();
    fs::rename(early, tickets).unwrap();
    let tickets = company.request.project.inputs.iter_mut().find(|input| input.table.name() == "support_tickets");
    tickets.unwrap().freshness_max_age_days = Some(7);
    let object = fs::read_dir(&fresh).unwrap().next().unwrap().unwrap().path();
    (company, object)
}

#[tokio::test]
async fn a_night_waits_for_its_inputs_is_stopped_or_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut company, fresh) = company_without_tickets(folder.path());
    let now = Waiting { at_most: Duration::ZERO, ..OFTEN };
    let error = run_when_ready(&company.request, now).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::NotReady, "{:?}", error.diagnostics);

    let (handle, stop) = Stop::channel();
    company.request.stop = stop;
    company.request.progress = Arc::new(move |step| {
        if step == "wait for inputs" {
            handle.request();
        }
    });
    let error = run_when_ready(&company.request, OFTEN).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Stopped, "{:?}", error.diagnostics);

    company.request.stop = Stop::never();
    let target = folder.path().join("demo/lake/support_tickets/fresh.parquet");
    let opened = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let waited = Arc::new(std::sync::atomic::AtomicU32::new(0));
    company.request.progress = Arc::new(move |step| match step {
        "open" => {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        // The third look finds what has come.
        "wait for inputs" if waited.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2 => {
            fs::copy(&fresh, &target).unwrap();
        }
        _ => {}
    });
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    company.request.watch = Watch::new(move |moment| {
        let word = match moment {
            Moment::RunBegan(_) => "began",
            Moment::WaitsForInputs => "waits",
            Moment::RunEnded(_, result) => {
                if result.is_ok() {
                    "published"
                } else {
                    "failed"
                }
            }
            _ => return,
        };
        told.lock().unwrap().push(word);
    });
    let published = run_when_ready(&company.request, OFTEN).await.unwrap();
    // Several attempts are one run.
    assert_eq!(*heard.lock().unwrap(), ["began", "waits", "waits", "waits", "published"]);
    assert_eq!(published.report.manifest, 1);
    // Looking for inputs is not trying the night.
    assert_eq!(opened.load(std::sync::atomic::Ordering::SeqCst), 2);
}
