//! Audits as written.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic};

use crate::header::{Defaults, EFFECTIVE, HEADER, Header, SEVERITY};
use crate::reading::{Reading, Word};

/// An audit as written; which of its keys belong to which check is for its reader to say.
pub(crate) const AUDIT: Shape = Shape::new(
    "an audit",
    &[
        HEADER,
        EFFECTIVE,
        SEVERITY,
        &[
            required("table", Holds::Text, "the published table it looks at"),
            required("check", Holds::Words(&CHECKS), "what must hold of it"),
            key("columns", Holds::Items(&Holds::Text), "of `unique` and `not_null`: the columns"),
            key(
                "column",
                Holds::Text,
                "of all but `unique`, `not_null` and those of rows, segments and flags: the column",
            ),
            key("values", Holds::Items(&Holds::Scalar), "of `accepted_values`: the values"),
            key("min", Holds::Number, "of all that come to a number: the least"),
            key("max", Holds::Number, "of all that come to a number: the most"),
            key("scheme", Holds::Text, "of `moved_pct` and `segment_share_pct`: the segment scheme"),
            key("segment", Holds::Text, "of `segment_share_pct`: the segment"),
            key("rule", Holds::Text, "of `new_flags_pct` and `resolved_flags_pct`: the trigger"),
            key("warn", Holds::Number, "of `moved_pct`: the share of accounts, in percent, from which it warns"),
            key("error", Holds::Number, "of `moved_pct`: the share from which nothing is published"),
        ],
    ],
);

/// An audit.
#[derive(Debug)]
pub(crate) struct RawAudit {
    pub(crate) header: Header,
    pub(crate) table: Option<Word>,
    /// None where it was refused.
    pub(crate) test: Option<RawTest>,
}

/// What is tested.
#[derive(Debug)]
pub(crate) enum RawTest {
    /// No two rows agree in all columns.
    Unique(Vec<Word>),
    /// No column is unknown in any row.
    NotNull(Vec<Word>),
    /// Every known value is one of these.
    AcceptedValues(Option<Word>, Vec<String>),
    /// The number of rows.
    RowCount(Bounds),
    /// Every known value of a column.
    Range(Option<Word>, Bounds),
    /// One number of a column over all rows.
    OfColumn(OfColumn, Option<Word>, Bounds),
    /// The share of accounts in a segment.
    SegmentSharePct { scheme: Option<Word>, segment: Option<Word>, bounds: Bounds },
    /// The share of accounts that a rule newly flags, or whose flag ended, tonight.
    FlagsPct { rule: Option<Word>, are_new: bool, bounds: Bounds },
    /// The share of accounts whose segment changed since the last night.
    MovedPct { scheme: Option<Word>, warn: Option<f64>, error: Option<f64> },
}

/// A number that a column comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfColumn {
    /// The share of rows, in percent, in which it is unknown.
    UnknownPct,
    Sum,
    Mean,
    Median,
}

/// A least and a greatest number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

const CHECKS: [&str; 13] = [
    "unique",
    "not_null",
    "accepted_values",
    "row_count",
    "range",
    "unknown_pct",
    "sum",
    "mean",
    "median",
    "segment_share_pct",
    "new_flags_pct",
    "resolved_flags_pct",
    "moved_pct",
];

impl RawAudit {
    pub(crate) fn read(node: &Node, defaults: &Defaults, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &AUDIT, reading.problems)?;
        let header = Header::read(node, &mut fields, defaults, reading).with_severity(&mut fields, reading);
        let header = header.with_effective(&mut fields, reading);
        let table = reading.require_word(&mut fields, "table");
        let test = reading.require_word(&mut fields, "check").and_then(|check| read_test(&check, &mut fields, reading));
        if test.is_none() {
            // What belongs to an unknown check cannot be known: nothing is said about the rest.
            fields.rest();
        }
        fields.finish(reading.problems);
        Some(Self { header, table, test })
    }
}

fn read_test(check: &Word, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<RawTest> {
    match check.text.as_str() {
        "unique" => Some(RawTest::Unique(columns(fields, reading))),
        "not_null" => Some(RawTest::NotNull(columns(fields, reading))),
        "accepted_values" => {
            let column = reading.require_word(fields, "column");
            let values =
                reading.require_list(fields, "values").iter().filter_map(|value| as_text(value, reading)).collect();
            Some(RawTest::AcceptedValues(column, values))
        }
        "row_count" => {
            for name in ["min", "max"] {
                let node = fields.peek(name).map(|(_, node)| node);
                let is_count = |node: &&Node| !matches!(node.value, Value::Integer(0..) | Value::Text(_));
                if let Some(node) = node.filter(is_count) {
                    let message = format!("`{name}` of `row_count` is a whole number of rows, not {}", node.words());
                    reading.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
                }
            }
            Some(RawTest::RowCount(bounds(fields, reading)))
        }
        "range" => Some(RawTest::Range(reading.require_word(fields, "column"), bounds(fields, reading))),
        "unknown_pct" => Some(of_column(OfColumn::UnknownPct, fields, reading)),
        "sum" => Some(of_column(OfColumn::Sum, fields, reading)),
        "mean" => Some(of_column(OfColumn::Mean, fields, reading)),
        "median" => Some(of_column(OfColumn::Median, fields, reading)),
        "segment_share_pct" => Some(RawTest::SegmentSharePct {
            scheme: reading.require_word(fields, "scheme"),
            segment: reading.require_word(fields, "segment"),
            bounds: bounds(fields, reading),
        }),
        "new_flags_pct" | "resolved_flags_pct" => Some(RawTest::FlagsPct {
            rule: reading.require_word(fields, "rule"),
            are_new: check.text == "new_flags_pct",
            bounds: bounds(fields, reading),
        }),
        "moved_pct" => {
            let scheme = reading.require_word(fields, "scheme");
            let warn = percentage("warn", fields, reading);
            let error = percentage("error", fields, reading);
            if let (Some(warn), Some(error)) = (warn, error)
                && warn > error
            {
                let message = format!("`warn` {warn} is above `error` {error}");
                reading.problems.push(Diagnostic::at(Code::Contradiction, check.span, message));
            }
            if warn.is_none() && error.is_none() {
                reading.problems.push(Diagnostic::at(
                    Code::MissingKey,
                    check.span,
                    "`moved_pct` needs `warn` or `error`",
                ));
            }
            Some(RawTest::MovedPct { scheme, warn, error })
        }
        other => {
            let problem = Diagnostic::at(Code::InvalidValue, check.span, format!("`{other}` is no check of an audit"));
            reading.problems.push(problem.one_of(other, CHECKS));
            None
        }
    }
}

fn of_column(of: OfColumn, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> RawTest {
    RawTest::OfColumn(of, reading.require_word(fields, "column"), bounds(fields, reading))
}

/// A share of accounts in percent.
fn percentage(name: &'static str, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<f64> {
    let place = fields.peek(name).map(|(_, node)| node.span);
    let share = fields.number(name, reading.problems)?;
    if let Some(place) = place.filter(|_| !(0.0..=100.0).contains(&share)) {
        let message = format!("`{name}` is a percentage from 0 to 100, not {share}");
        reading.problems.push(Diagnostic::at(Code::InvalidValue, place, message));
    }
    Some(share)
}

fn columns(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Vec<Word> {
    let nodes = reading.require_list(fields, "columns");
    nodes.iter().filter_map(|node| reading.word(node, "columns")).collect()
}

fn as_text(node: &Node, reading: &mut Reading<'_>) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Float(_, text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => {
            reading.wrong_shape(node, "values", "text");
            None
        }
    }
}

fn bounds(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Bounds {
    let min = fields.number("min", reading.problems);
    let max = fields.number("max", reading.problems);
    let place = crate::reading::first_of(fields.span());
    match (min, max) {
        (None, None) => {
            reading.problems.push(Diagnostic::at(Code::MissingKey, place, "the audit needs `min` or `max`"))
        }
        (Some(min), Some(max)) if min > max => {
            reading.problems.push(Diagnostic::at(
                Code::Contradiction,
                place,
                format!("`min` {min} is above `max` {max}"),
            ));
        }
        _ => {}
    }
    Bounds { min, max }
}
