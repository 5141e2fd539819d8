//! What audits mean: the tables and columns they name must be published.

use std::collections::BTreeSet;

use headwater_diagnostics::{Code, Diagnostic};
use headwater_metrics::{Grain, Unit};

use super::syntax::{Bounds, Figure, RawAudit, RawOther, RawTest};
use crate::check::Checking;
use crate::compile::DerivedColumn;
use crate::header::Header;
use crate::kinds::metric::{self, DerivedMetric};
use crate::kinds::segment::SegmentScheme;
use crate::kinds::trigger::RawTrigger;
use crate::outputs::OutputTable;
use crate::reading::Word;

/// An audit that can be run.
#[derive(Debug, Clone)]
pub(crate) struct CheckedAudit {
    pub(crate) header: Header,
    pub(crate) table: String,
    pub(crate) test: Test,
}

/// What is tested.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Unique(Vec<String>),
    NotNull(Vec<String>),
    AcceptedValues(String, Vec<String>),
    Range(String, Bounds),
    /// Of a column, where the figure is of one.
    Figure {
        figure: Figure,
        column: Option<String>,
        since_last_night: bool,
        bounds: Bounds,
    },
    Shift(String, Bounds),
    SameSum {
        column: String,
        other: Other,
        tolerance: f64,
    },
    SegmentSharePct {
        scheme: String,
        segment: String,
        bounds: Bounds,
    },
    TransitionPct {
        scheme: String,
        from: String,
        to: String,
        bounds: Bounds,
    },
    FlagsPct {
        rule: String,
        are_new: bool,
        bounds: Bounds,
    },
    MovedPct {
        scheme: String,
        warn: Option<f64>,
        error: Option<f64>,
    },
}

/// A column of another published table, in some of its rows.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) rows: Vec<(String, String)>,
}

/// The table that carries the accounts with their metrics.
const ACCOUNT_METRICS: &str = "account_metrics";

/// Checks all audits; the answer is sorted by id.
pub(crate) fn check(
    raw: &[RawAudit],
    metrics: &[DerivedMetric],
    schemes: &[SegmentScheme],
    triggers: &[RawTrigger],
    checking: &mut Checking<'_>,
) -> Vec<CheckedAudit> {
    let triggers: BTreeSet<&str> = triggers.iter().map(|trigger| trigger.header.id.text.as_str()).collect();
    let derived: BTreeSet<String> = metric::columns(metrics)
        .into_iter()
        .map(|DerivedColumn { name, .. }| name)
        .chain(schemes.iter().flat_map(|scheme| scheme.population.iter().map(|column| column.name.clone())))
        .collect();
    let mut audits: Vec<_> = raw.iter().filter_map(|audit| check_audit(audit, &derived, &triggers, checking)).collect();
    audits.sort_by(|a, b| a.header.id.text.cmp(&b.header.id.text));
    audits
}

fn check_audit(
    raw: &RawAudit,
    derived: &BTreeSet<String>,
    triggers: &BTreeSet<&str>,
    checking: &mut Checking<'_>,
) -> Option<CheckedAudit> {
    let table = raw.table.as_ref()?;
    let columns = known_columns(table, checking)?;
    let known = |word: &Word, checking: &mut Checking<'_>| known_column(word, table, &columns, derived, checking);
    let test = match raw.test.as_ref()? {
        RawTest::Unique(words) => {
            checking.unique("column in this list,", words);
            Test::Unique(words.iter().filter_map(|word| known(word, checking)).collect())
        }
        RawTest::NotNull(words) => Test::NotNull(words.iter().filter_map(|word| known(word, checking)).collect()),
        RawTest::AcceptedValues(word, values) => Test::AcceptedValues(known(word.as_ref()?, checking)?, values.clone()),
        RawTest::Range(word, bounds) => {
            let word = word.as_ref()?;
            let column = known(word, checking)?;
            refuse_other_than_numbers(&column, word, table, checking);
            Test::Range(column, *bounds)
        }
        RawTest::Figure { figure, column: None, since_last_night, bounds } if *figure == Figure::RowCount => {
            Test::Figure { figure: *figure, column: None, since_last_night: *since_last_night, bounds: *bounds }
        }
        RawTest::Figure { figure, column, since_last_night, bounds } => {
            let word = column.as_ref()?;
            let column = known(word, checking)?;
            match figure {
                Figure::UnknownPct => {}
                Figure::AgeDays => refuse_other_than_days(&column, word, table, checking),
                _ => refuse_other_than_numbers(&column, word, table, checking),
            }
            let (column, since_last_night) = (Some(column), *since_last_night);
            Test::Figure { figure: *figure, column, since_last_night, bounds: *bounds }
        }
        RawTest::Shift(word, bounds) => {
            let word = word.as_ref()?;
            let column = known(word, checking)?;
            refuse_other_than_numbers(&column, word, table, checking);
            Test::Shift(column, *bounds)
        }
        RawTest::SameSum { column, other, tolerance } => {
            let (word, other) = (column.as_ref()?, other.as_ref()?);
            let column = known(word, checking)?;
            refuse_other_than_numbers(&column, word, table, checking);
            Test::SameSum { column, other: check_other(other, derived, checking)?, tolerance: *tolerance }
        }
        RawTest::SegmentSharePct { scheme, segment, bounds } => {
            let (scheme, segment) = (scheme.as_ref()?, segment.as_ref()?);
            check_segments_of(table, scheme, "segment_share_pct", checking);
            let segment = known_segment(scheme, segment, checking);
            Test::SegmentSharePct { scheme: scheme.text.clone(), segment, bounds: *bounds }
        }
        RawTest::TransitionPct { scheme, from, to, bounds } => {
            let (scheme, from, to) = (scheme.as_ref()?, from.as_ref()?, to.as_ref()?);
            check_segments_of(table, scheme, "transition_pct", checking);
            let (from, to) = (known_segment(scheme, from, checking), known_segment(scheme, to, checking));
            Test::TransitionPct { scheme: scheme.text.clone(), from, to, bounds: *bounds }
        }
        RawTest::FlagsPct { rule, are_new, bounds } => {
            let rule = rule.as_ref()?;
            if table.text != "flagged_accounts" {
                checking.problem(Code::Contradiction, table.span, "flags are counted in `flagged_accounts`");
            }
            if !triggers.contains(rule.text.as_str()) && !checking.names.incomplete {
                let problem =
                    Diagnostic::at(Code::UnknownRule, rule.span, format!("there is no trigger `{}`", rule.text));
                checking.used.problems.push(problem.suggest(&rule.text, triggers.iter().copied()));
            }
            Test::FlagsPct { rule: rule.text.clone(), are_new: *are_new, bounds: *bounds }
        }
        RawTest::MovedPct { scheme, warn, error } => {
            let scheme = scheme.as_ref()?;
            check_segments_of(table, scheme, "moved_pct", checking);
            Test::MovedPct { scheme: scheme.text.clone(), warn: *warn, error: *error }
        }
    };
    Some(CheckedAudit { header: raw.header.clone(), table: table.text.clone(), test })
}

/// A segment of a scheme; a problem where it has no such.
fn known_segment(scheme: &Word, segment: &Word, checking: &mut Checking<'_>) -> String {
    let known = checking.names.schemes.get(&scheme.text).map(|scheme| scheme.segments.clone());
    if let Some(known) = known.filter(|known| !known.contains(&segment.text)) {
        let message = format!("`{}` has no segment `{}`", scheme.text, segment.text);
        let problem = Diagnostic::at(Code::UnknownSegment, segment.span, message);
        checking.used.problems.push(problem.one_of(&segment.text, known.iter().map(String::as_str)));
    }
    segment.text.clone()
}

/// A column of another table; problems where it is none.
fn check_other(raw: &RawOther, derived: &BTreeSet<String>, checking: &mut Checking<'_>) -> Option<Other> {
    let columns = known_columns(&raw.table, checking)?;
    let column = known_column(&raw.column, &raw.table, &columns, derived, checking);
    if let Some(column) = &column {
        refuse_other_than_numbers(column, &raw.column, &raw.table, checking);
    }
    let rows: Vec<_> = raw
        .rows
        .iter()
        .filter_map(|(word, value)| Some((known_column(word, &raw.table, &columns, derived, checking)?, value.clone())))
        .collect();
    Some(Other { table: raw.table.text.clone(), column: column?, rows })
}

/// The columns of a published table; a problem where it is none.
fn known_columns(table: &Word, checking: &mut Checking<'_>) -> Option<BTreeSet<String>> {
    let environment = checking.names.environment;
    if table.text == ACCOUNT_METRICS {
        let of_inputs = environment.other_tables.get(ACCOUNT_METRICS).into_iter().flatten();
        return Some(environment.attributes.iter().map(|(name, _)| name).chain(of_inputs).cloned().collect());
    }
    if let Some(known) = OutputTable::named(&table.text) {
        return Some(known.columns.iter().map(|column| column.name.to_owned()).collect());
    }
    if let Some(known) = environment.other_tables.get(&table.text) {
        return Some(known.iter().cloned().collect());
    }
    let problem = Diagnostic::at(Code::UnknownColumn, table.span, format!("unknown table `{}`", table.text));
    let names = OutputTable::ALL.iter().map(|known| known.name).chain([ACCOUNT_METRICS]);
    let others = environment.other_tables.keys().map(String::as_str).filter(|name| *name != ACCOUNT_METRICS);
    let names = names.chain(others);
    checking.used.problems.push(problem.one_of(&table.text, names));
    None
}

fn known_column(
    word: &Word,
    table: &Word,
    columns: &BTreeSet<String>,
    derived: &BTreeSet<String>,
    checking: &mut Checking<'_>,
) -> Option<String> {
    let of_accounts = table.text == ACCOUNT_METRICS;
    let known = columns.contains(&word.text)
        || (of_accounts && (derived.contains(&word.text) || checking.names.derived.contains_key(&word.text)))
        || (of_accounts && checking.names.environment.catalogue.metric(&word.text).is_some());
    if known {
        return Some(word.text.clone());
    }
    if of_accounts && checking.names.incomplete {
        return None;
    }
    let message = format!("`{}` has no column `{}`", table.text, word.text);
    let problem = Diagnostic::at(Code::UnknownColumn, word.span, message);
    let metrics = if of_accounts { checking.names.catalogue(Grain::Account) } else { &[] };
    let names = columns.iter().chain(derived.iter().filter(|_| of_accounts)).chain(metrics).map(String::as_str);
    checking.used.problems.push(problem.one_of(&word.text, names));
    None
}

/// What a column measures, where that is known before the night.
fn unit_of(column: &str, table: &Word, checking: &Checking<'_>) -> Option<Unit> {
    let names = checking.names;
    if table.text != ACCOUNT_METRICS {
        let table = OutputTable::named(&table.text)?;
        return table.columns.iter().find(|known| known.name == column).map(|known| known.unit);
    }
    let derived = || names.derived.get(column).copied().flatten();
    let population = || names.population.get(column).copied();
    let metric = || names.environment.catalogue.metric(column).map(|metric| metric.unit);
    derived().or_else(population).or_else(|| names.environment.attribute(column)).or_else(metric)
}

fn refuse_other_than_numbers(column: &str, word: &Word, table: &Word, checking: &mut Checking<'_>) {
    if let Some(unit) = unit_of(column, table, checking).filter(|unit| !unit.is_numeric()) {
        let message = format!("`{column}` is {} and no number", unit.word());
        checking.problem(Code::TypeMismatch, word.span, message);
    }
}

fn refuse_other_than_days(column: &str, word: &Word, table: &Word, checking: &mut Checking<'_>) {
    if let Some(unit) = unit_of(column, table, checking).filter(|unit| *unit != Unit::Date) {
        let message = format!("`{column}` is {} and no day", unit.word());
        checking.problem(Code::TypeMismatch, word.span, message);
    }
}

fn check_segments_of(table: &Word, scheme: &Word, check: &str, checking: &mut Checking<'_>) {
    if table.text != "segment_scores" {
        checking.problem(Code::Contradiction, table.span, format!("`{check}` is about `segment_scores`"));
    }
    let names = checking.names;
    if !names.schemes.contains_key(&scheme.text) {
        checking.used.problems.extend(names.unknown_scheme(&scheme.text, scheme.span));
    }
}
