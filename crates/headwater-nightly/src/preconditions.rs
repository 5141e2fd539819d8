//! What has to hold before anything is computed.

use chrono::NaiveDate;
use headwater_diagnostics::{Code, Diagnostic};
use headwater_ingest::OpenedInputs;
use headwater_metrics::{Exchange, InputTable};

use crate::failure::{FailureKind, RunError};
use crate::project::Project;
use crate::publish::Manifest;

/// Refuses a night that would count at rates of a day that has not come: they are still to change.
pub(crate) fn rates_are_known(project: &Project, as_of: NaiveDate) -> Result<(), RunError> {
    match project.exchange {
        Exchange::Constant(day) if day > as_of => {
            let message = format!("the rates of {day} are not known on the night of {as_of}");
            let problem = Diagnostic::of(Code::InvalidValue, "exchange.constant_rates_of", message)
                .help("name a day up to the night, or run a later night");
            Err(RunError::new(FailureKind::InvalidProject, problem))
        }
        _ => Ok(()),
    }
}

/// Refuses to publish where another project did last: its nights would be replaced, and its state carried on.
pub(crate) fn of_this_project(project: &Project, latest: Option<&Manifest>) -> Result<(), RunError> {
    let Some(other) = latest.filter(|latest| latest.project != project.name) else { return Ok(()) };
    let message = format!("the project `{}` publishes here, and this one is `{}`", other.project, project.name);
    let problem = Diagnostic::of(Code::OtherProject, project.outputs.location.to_string(), message)
        .help("give this project a location of its own; a project that was renamed keeps its name where it publishes");
    Err(RunError::new(FailureKind::InvalidProject, problem))
}

/// Refuses a night for which not one account is left although the input has rows.
pub(crate) fn some_accounts(opened: &OpenedInputs) -> Result<(), RunError> {
    let Some(accounts) = opened.get(InputTable::Accounts) else { return Ok(()) };
    if accounts.rows.read == 0 || accounts.rows.kept != Some(0) {
        return Ok(());
    }
    let counted = accounts.rows.quarantined.iter().filter(|(_, rows)| **rows > 0);
    let reasons = counted.map(|(reason, rows)| format!("{reason} {rows}"));
    let reasons: Vec<String> = reasons.chain([format!("after the as-of day {}", accounts.rows.after_as_of)]).collect();
    let problem = Diagnostic::of(Code::QuarantineLimit, "input accounts", "not one account is left for this night")
        .label(format!("{} rows read; left out: {}", accounts.rows.read, reasons.join(", ")))
        .help("choose a night after the first sign-up, or mend the export or its mapping");
    Err(RunError::new(FailureKind::BrokenContract, problem))
}
