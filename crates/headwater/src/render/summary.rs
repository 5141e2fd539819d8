//! The closing summary of a night: what a person wants to know before going on.

use chrono::NaiveDate;
use headwater_metrics::Unit;
use headwater_nightly::{DryRun, FlagLine, LifetimeValueLine, RunReport, VerdictLine};

use super::table::{amount, table, thousands};
use super::value::value;

/// Groups shown of one guardrail; the rest is counted.
const GROUPS_SHOWN: usize = 4;
/// The verdict of a value outside its bands.
const BREACH: &str = "breach";

/// The summary as text.
pub(crate) fn summary(report: &RunReport, currency: &str) -> String {
    let mut text = String::new();
    let same = if report.unchanged { ", every byte as it was published before" } else { "" };
    line(&mut text, &format!("Night of {}: published as manifest {}{same}", report.as_of, report.manifest));
    line(&mut text, &format!("{} accounts", thousands(report.accounts)));
    segments(&mut text, report, currency);
    flags(&mut text, report, currency);
    verdicts(&mut text, report, currency);
    lifetime_values(&mut text, &report.lifetime_values, currency);
    left_out(&mut text, report);
    if !report.unavailable_metrics.is_empty() {
        line(
            &mut text,
            &format!(
                "\nUnknown for everyone, a column they need is not mapped: {}",
                report.unavailable_metrics.join(", ")
            ),
        );
    }
    if !report.skipped_rules.is_empty() {
        line(&mut text, "\nRules left out, as they asked");
        for sentence in &report.skipped_rules {
            line(&mut text, &format!("  {sentence}"));
        }
    }
    let failed = report.audits.iter().filter(|audit| !audit.passed).count();
    let seconds: f64 = report.steps.iter().map(|step| step.seconds).sum();
    let warned = if failed == 0 { String::new() } else { format!(", {failed} with a warning") };
    line(&mut text, &format!("\n{} audits passed{warned}; {seconds:.1} s", report.audits.len() - failed));
    for audit in report.audits.iter().filter(|audit| !audit.passed) {
        line(&mut text, &format!("  {} of {}: {} (wanted: {})", audit.id, audit.table, audit.observed, audit.expected));
    }
    line(&mut text, &format!("{} tables in {}", report.tables.len(), report.location));
    lists(&mut text, report);
    if let Some(older) = resting_on_older_state(&report.resting_on_older_state) {
        line(&mut text, &older);
    }
    text.trim_end().to_owned()
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Tables that are lists for somebody to work through, where they have rows.
const LISTS: &[(&str, &str)] = &[
    ("restatements", "restated values of earlier nights"),
    ("clawbacks", "accounts that left early, with deal and commission where they are known"),
    ("renewals", "renewals that are open or were decided of late"),
];

fn lists(text: &mut String, report: &RunReport) {
    let rows = |name: &str| report.tables.iter().find(|table| table.name == name).map_or(0, |table| table.rows);
    for (name, what) in LISTS.iter().filter(|(name, _)| rows(name) > 0) {
        line(text, &format!("  {name}: {} {what}", thousands(rows(name))));
    }
}

fn segments(text: &mut String, report: &RunReport, currency: &str) {
    if report.segments.is_empty() {
        return;
    }
    let mut rows = Vec::new();
    let mut scheme = "";
    for segment in &report.segments {
        let shown = if segment.scheme == scheme { String::new() } else { segment.scheme.clone() };
        scheme = &segment.scheme;
        rows.push(vec![
            shown,
            segment.segment.clone(),
            thousands(segment.accounts),
            segment.mrr.as_deref().map(amount).unwrap_or_default(),
        ]);
    }
    let heading = format!("MRR {currency}");
    text.push_str(&format!("\nSegments\n{}\n", table(&["scheme", "segment", "accounts", &heading], &rows)));
}

fn flags(text: &mut String, report: &RunReport, currency: &str) {
    if report.flags.is_empty() {
        return;
    }
    let some_are_muted = report.flags.iter().any(|flag| flag.muted > 0);
    let row = |flag: &FlagLine| {
        let mut row = vec![
            flag.rule_id.clone(),
            flag.state.replace('_', " "),
            flag.severity.clone(),
            thousands(flag.accounts),
            flag.value_at_stake.as_deref().map(amount).unwrap_or_default(),
        ];
        row.extend(some_are_muted.then(|| thousands(flag.muted)));
        row
    };
    let rows: Vec<Vec<String>> = report.flags.iter().map(row).collect();
    let heading = format!("at stake {currency}");
    let mut headings = vec!["rule", "state", "severity", "accounts", &heading];
    headings.extend(some_are_muted.then_some("muted"));
    text.push_str(&format!("\nFlags\n{}\n", table(&headings, &rows)));
}

fn verdicts(text: &mut String, report: &RunReport, currency: &str) {
    let mut rows = Vec::new();
    let mut guardrails: Vec<&str> = report.verdicts.iter().map(|verdict| verdict.guardrail_id.as_str()).collect();
    guardrails.dedup();
    for id in guardrails {
        let mut of_rule: Vec<&VerdictLine> =
            report.verdicts.iter().filter(|verdict| verdict.guardrail_id == id).collect();
        of_rule.sort_by_key(|verdict| urgency(verdict));
        let (shown, others) = of_rule.split_at(GROUPS_SHOWN.min(of_rule.len()));
        rows.extend(shown.iter().enumerate().map(|(at, verdict)| verdict_row(at, verdict, currency)));
        rows.extend(rest(others).map(|more| vec![String::new(), more, String::new(), String::new()]));
    }
    if !rows.is_empty() {
        text.push_str(&format!("\nGuardrails\n{}\n", table(&["guardrail", "group", "verdict", "value"], &rows)));
    }
}

/// What a reader must see comes first.
fn urgency(verdict: &VerdictLine) -> u8 {
    match verdict.verdict.as_str() {
        BREACH => 0,
        "watch" => 1,
        _ => 2,
    }
}

/// Groups that are not shown, counted.
fn rest(others: &[&VerdictLine]) -> Option<String> {
    let breaches = others.iter().filter(|verdict| verdict.verdict == BREACH).count();
    match (others.len(), breaches) {
        (0, _) => None,
        (more, 0) => Some(format!("and {more} more")),
        (more, breaches) => Some(format!("and {more} more, {breaches} in breach")),
    }
}

fn verdict_row(at: usize, verdict: &VerdictLine, currency: &str) -> Vec<String> {
    let group =
        if verdict.scope == "total" { "everyone".to_owned() } else { format!("{} {}", verdict.scope, verdict.group) };
    let shown = verdict.value.map(|number| value(number, verdict.unit, currency));
    let shown = match (shown, &verdict.reason) {
        (Some(shown), None) => shown,
        (Some(shown), Some(reason)) => format!("{shown} ({reason})"),
        (None, reason) => reason.clone().unwrap_or_default(),
    };
    let id = if at == 0 { verdict.guardrail_id.clone() } else { String::new() };
    vec![id, group, verdict.verdict.replace('_', " "), shown]
}

/// What each method says of an account of everyone, those that say nothing with their reason.
fn lifetime_values(text: &mut String, values: &[LifetimeValueLine], currency: &str) {
    if values.is_empty() {
        return;
    }
    let shown = |number: f64| value(number, Unit::Amount, currency);
    let rows: Vec<Vec<String>> = values
        .iter()
        .map(|line| {
            let said = line.value.map(shown).or_else(|| line.reason.clone()).unwrap_or_default();
            let interval = match (line.low, line.high) {
                (Some(low), Some(high)) => format!("{} to {}", shown(low), shown(high)),
                (Some(low), None) => format!("at least {}", shown(low)),
                _ => String::new(),
            };
            let months = line.horizon_months.map_or_else(|| "all".to_owned(), |months| format!("{months:.0}"));
            vec![line.method.replace('_', " "), line.basis.clone(), months, thousands(line.accounts), interval, said]
        })
        .collect();
    let heading = ["method", "basis", "months", "accounts", "between", "value"];
    text.push_str(&format!("\nLifetime value of an account, everyone\n{}\n", table(&heading, &rows)));
}

fn left_out(text: &mut String, report: &RunReport) {
    let mut rows = Vec::new();
    for input in &report.inputs {
        // Expectations that every row meets are in the record, not in the summary.
        let some = |(_, count): &(&String, &u64)| **count > 0;
        for (reason, count) in input.quarantined.iter().chain(&input.unknown_values).filter(some) {
            rows.push(vec![input.table.clone(), reason.replace('_', " "), thousands(*count)]);
        }
        for (expectation, count) in input.unexpected.iter().filter(some) {
            let kept = format!("kept, though not {}", expectation.replace('_', " "));
            rows.push(vec![input.table.clone(), kept, thousands(*count)]);
        }
        if input.merged > 0 {
            rows.push(vec![input.table.clone(), "counted with another account".to_owned(), thousands(input.merged)]);
        }
        if input.after_as_of > 0 {
            rows.push(vec![input.table.clone(), "after the as-of day".to_owned(), thousands(input.after_as_of)]);
        }
    }
    if !rows.is_empty() {
        text.push_str(&format!(
            "\nRows left out, values unknown, expectations not met\n{}\n",
            table(&["input", "reason", "rows"], &rows)
        ));
    }
}

/// What a night would read, an input a line.
pub(crate) fn dry_run(dry_run: &DryRun) -> String {
    let unknown = || "?".to_owned();
    let rows: Vec<Vec<String>> = dry_run
        .inputs
        .iter()
        .map(|input| {
            vec![
                input.table.name().to_owned(),
                thousands(input.objects),
                thousands(input.bytes),
                input.row_groups.map_or_else(unknown, thousands),
                input.row_groups_read.map_or_else(unknown, thousands),
                thousands(input.rows_read),
            ]
        })
        .collect();
    let heading = ["input", "objects", "bytes", "row groups", "of them read", "rows at most"];
    format!("The night of {} would read\n{}", dry_run.as_of, table(&heading, &rows))
}

/// Says which nights rest on a state that is no longer published; nothing where none does.
pub(crate) fn resting_on_older_state(nights: &[NaiveDate]) -> Option<String> {
    let (first, last) = (nights.first()?, nights.last()?);
    let which = match nights.len() {
        1 => format!("The night of {first} carries on"),
        count => format!("The {count} nights from {first} to {last} carry on"),
    };
    Some(format!(
        "{which} a state that is no longer published before; to compute them again: \
         headwater backfill --from {first} --to {last}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_show_a_value_or_why_there_is_none() {
        let line = |method: &str, value, low, high, reason: Option<&str>| LifetimeValueLine {
            method: method.to_owned(),
            basis: "margin".to_owned(),
            horizon_months: Some(60.0),
            value,
            low,
            high,
            accounts: 1_200,
            reason: reason.map(str::to_owned),
        };
        let mut text = String::new();
        let lines = [
            line("survival", Some(812.5), Some(700.0), Some(925.0), None),
            line("arpa_over_churn", None, Some(1_500.0), None, Some("3 churns")),
        ];
        lifetime_values(&mut text, &lines, "USD");
        assert!(text.contains("survival"), "{text}");
        assert!(text.contains("700.00 USD to 925.00 USD") && text.contains("812.50 USD"), "{text}");
        assert!(text.contains("at least 1,500.00 USD") && text.contains("3 churns"), "{text}");
        let mut nothing = String::new();
        lifetime_values(&mut nothing, &[], "USD");
        assert_eq!(nothing, "");
    }

    #[test]
    fn breaches_are_shown_first_and_counted_where_they_are_not() {
        let verdict = |verdict: &str| VerdictLine {
            guardrail_id: "payback".to_owned(),
            scope: "plan".to_owned(),
            group: "pro".to_owned(),
            verdict: verdict.to_owned(),
            metric: "cac_payback_months".to_owned(),
            unit: Unit::Months,
            value: Some(18.05),
            reason: None,
        };
        let mut lines = ["pass", "unknown", "watch", "breach"].map(verdict);
        lines.sort_by_key(urgency);
        let order: Vec<&str> = lines.iter().map(|line| line.verdict.as_str()).collect();
        assert_eq!(order, ["breach", "watch", "pass", "unknown"]);
        assert_eq!(rest(&lines.iter().collect::<Vec<_>>()).as_deref(), Some("and 4 more, 1 in breach"));
        assert_eq!(rest(&[&lines[2]]).as_deref(), Some("and 1 more"));
        assert_eq!(rest(&[]), None);
        assert_eq!(verdict_row(1, &lines[0], "USD"), ["", "plan pro", "breach", "18.1 months"]);
    }
}
