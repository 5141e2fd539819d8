//! A night that is asked to stop at one of its steps.

use std::fs;
use std::sync::Arc;

use headwater_nightly::{FailureKind, Stop};

use crate::small_company::small_company;

#[tokio::test]
async fn whatever_step_it_is_at_nothing_is_left_of_a_night_that_is_asked_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut company = small_company(folder.path());
    for stop_at in ["open", "flagged_accounts", "audit", "publish"] {
        let (handle, stop) = Stop::channel();
        company.request.stop = stop;
        company.request.progress = Arc::new(move |step| {
            if step == stop_at {
                handle.request();
            }
        });
        company.request.run_id = format!("stopped-at-{stop_at}");
        let error = company.run().await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Stopped, "{stop_at}: {:?}", error.diagnostics);
        assert!(error.is_retryable());
        let mut left: Vec<_> = fs::read_dir(company.published.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["_leases", "spill"], "{stop_at}");
        assert_eq!(fs::read_dir(company.published.path().join("spill")).unwrap().count(), 0, "{stop_at}");
    }
    company.request.stop = Stop::never();
    company.request.run_id = "to-the-end".to_owned();
    assert_eq!(company.publish().await.report.manifest, 1);
}
