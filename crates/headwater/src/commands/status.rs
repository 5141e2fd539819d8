//! `status`: what is published, who is at work, and which nights are held.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use headwater_nightly::publish::{DamagedManifest, HeldNight};
use headwater_nightly::{Gaps, KeptRun, Status, status};

use super::project;
use crate::args::{self, Global};
use crate::exit::Exit;
use crate::render::table::{table, thousands};
use crate::render::{Output, summary};
use crate::surroundings;

/// Nights shown; the rest is counted.
const NIGHTS_SHOWN: usize = 10;

pub(crate) async fn run(global: &Global, asked: &args::Status, output: &Output) -> Exit {
    let (loaded, project) = match project(global, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let status = match status(&project, surroundings::store_environment(), &surroundings::clock()).await {
        Ok(status) => status,
        Err(error) => {
            output.diagnostics(&error.diagnostics, &loaded.sources);
            return error.kind.into();
        }
    };
    match (output.is_data(), asked.gaps) {
        (true, true) => output.data(&status.gaps()),
        (true, false) => output.data(&status),
        (false, true) => output.result(&text_of_gaps(&status.gaps())),
        (false, false) => output.result(&text(&status)),
    }
    Exit::Done
}

fn text_of_gaps(gaps: &Gaps) -> String {
    let mut lines = vec![match (gaps.first, gaps.last) {
        (Some(first), Some(last)) if gaps.missing.is_empty() => format!("No night is missing from {first} to {last}"),
        (Some(first), Some(last)) if gaps.missing.len() == 1 => format!("1 night is missing from {first} to {last}"),
        (Some(first), Some(last)) => format!("{} nights are missing from {first} to {last}", gaps.missing.len()),
        _ => "Nothing is published yet".to_owned(),
    }];
    lines.extend(
        stretches(&gaps.missing)
            .into_iter()
            .map(|(first, last)| if first == last { format!("  {first}") } else { format!("  {first} to {last}") }),
    );
    lines.extend(lost(&gaps.lost));
    lines.extend(summary::resting_on_older_state(&gaps.resting_on_older_state));
    lines.extend(gaps.held.iter().flat_map(|night| held(night, &gaps.location)));
    lines.join("\n")
}

/// Nights whose manifest is gone.
fn lost(nights: &[NaiveDate]) -> impl Iterator<Item = String> {
    nights.iter().map(|night| format!("Lost: the manifest of the night of {night} is gone; run it again"))
}

fn damaged(manifest: &DamagedManifest) -> String {
    let DamagedManifest { object, fault } = manifest;
    format!("Damaged: {object} cannot be used ({fault}); {}", DamagedManifest::REMEDY)
}

/// Nights that follow each other, as their first and last.
fn stretches(nights: &[NaiveDate]) -> Vec<(NaiveDate, NaiveDate)> {
    let mut stretches: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for night in nights {
        match stretches.last_mut() {
            Some((_, last)) if last.succ_opt() == Some(*night) => *last = *night,
            _ => stretches.push((*night, *night)),
        }
    }
    stretches
}

fn text(status: &Status) -> String {
    let mut lines = vec![format!("Publication {}", status.location)];
    lines.push(match (&status.at_work, &status.unreadable_lease) {
        (Some(record), _) => format!("Run {} on {} is at work since {}", record.run_id, record.host, record.taken_at),
        (None, Some(lease)) => {
            format!("A run may be at work until {}: its record {} cannot be read", lease.until, lease.object)
        }
        (None, None) => "No run is at work".to_owned(),
    });
    match &status.latest {
        None => lines.push("Nothing is published yet".to_owned()),
        Some(latest) => {
            lines.push(format!(
                "Last published: night of {} as manifest {} at {} by {}",
                latest.as_of, latest.number, latest.published_at, latest.run_id
            ));
            let tables: Vec<Vec<String>> = latest
                .tables
                .iter()
                .map(|table| vec![table.name.clone(), thousands(table.rows), table.files.len().to_string()])
                .collect();
            lines.push(table(&["table", "rows", "files"], &tables));
            let nights: Vec<String> = latest.nights.keys().rev().take(NIGHTS_SHOWN).map(ToString::to_string).collect();
            let more = latest.nights.len().saturating_sub(NIGHTS_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let word = if latest.nights.len() == 1 { "night" } else { "nights" };
            lines.push(format!("{} {word}: {}{more}", latest.nights.len(), nights.join(", ")));
        }
    }
    lines.extend(superseded(&status.superseded));
    lines.extend(lost(&status.lost));
    lines.extend(status.damaged.iter().map(damaged));
    lines.extend(summary::resting_on_older_state(&status.resting_on_older_state));
    lines.extend(status.held.iter().flat_map(|night| held(night, &status.location)));
    lines.join("\n")
}

/// Runs that can be published again, the last ones first.
fn superseded(runs: &[KeptRun]) -> Vec<String> {
    if runs.is_empty() {
        return Vec::new();
    }
    let rows: Vec<Vec<String>> = runs
        .iter()
        .rev()
        .take(NIGHTS_SHOWN)
        .map(|run| {
            let at = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
            vec![run.as_of.to_string(), run.run_id.clone(), run.manifest.to_string(), at(&run.superseded_at)]
        })
        .collect();
    let head = format!("{} superseded, kept for `headwater rollback --to RUN`", runs.len());
    vec![head, table(&["night", "run", "manifest", "superseded at"], &rows)]
}

/// A held night: what failed, and where what it staged is.
fn held(night: &HeldNight, location: &str) -> Vec<String> {
    let head = format!("Held: night of {} at {} by {}", night.as_of, night.held_at, night.run_id);
    let audits = night.audits.iter().map(|audit| {
        let wanted = if audit.expected.is_empty() { String::new() } else { format!(" (wanted: {})", audit.expected) };
        format!("  {} of {}: {}{wanted}", audit.id, audit.table, audit.observed)
    });
    let place = format!("  its tables are in {location}/{}", night.folder());
    std::iter::once(head).chain(audits).chain([place]).collect()
}
