//! Audits as written.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, Value, key, required};
use headwater_diagnostics::{Code, Diagnostic, Span};

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
            key("at", Holds::Number, "of `quantile`: which, between 0 and 1"),
            key("since_last_night", Holds::Flag, "of rows, sums and the like: bounds are of the change in percent"),
            key("other", Holds::Map(&OTHER), "of `same_sum`: what has the same sum"),
            key("tolerance", Holds::Number, "of `same_sum`: how far the two may be apart"),
            key("values", Holds::Items(&Holds::Scalar), "of `accepted_values`: the values"),
            key("min", Holds::Number, "of all that come to a number: the least"),
            key("max", Holds::Number, "of all that come to a number: the most"),
            key("scheme", Holds::Text, "of `moved_pct`, `segment_share_pct` and `transition_pct`: the segment scheme"),
            key("from", Holds::Text, "of `transition_pct`: the segment of the last night"),
            key("to", Holds::Text, "of `transition_pct`: the segment of tonight"),
            key("segment", Holds::Text, "of `segment_share_pct`: the segment"),
            key("rule", Holds::Text, "of `new_flags_pct` and `resolved_flags_pct`: the trigger"),
            key("warn", Holds::Number, "of `moved_pct`: the share of accounts, in percent, from which it warns"),
            key("error", Holds::Number, "of `moved_pct`: the share from which nothing is published"),
        ],
    ],
);

const OTHER: Shape = Shape::new(
    "`other`",
    &[&[
        required("table", Holds::Text, "a published table"),
        required("column", Holds::Text, "the column that is added up"),
        key("rows", Holds::MapOf(&Holds::Scalar), "of which rows: columns with the value that each must have"),
    ]],
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
    /// Every known value of a column.
    Range(Option<Word>, Bounds),
    /// One number of the table: of all its rows, or of a column.
    Figure { figure: Figure, column: Option<Word>, since_last_night: bool, bounds: Bounds },
    /// How far a column's values lie from those of the last night.
    Shift(Option<Word>, Bounds),
    /// The sum of a column is that of another one.
    SameSum { column: Option<Word>, other: Option<RawOther>, tolerance: f64 },
    /// The share of the accounts of one segment that are in another one the night after.
    TransitionPct { scheme: Option<Word>, from: Option<Word>, to: Option<Word>, bounds: Bounds },
    /// The share of accounts in a segment.
    SegmentSharePct { scheme: Option<Word>, segment: Option<Word>, bounds: Bounds },
    /// The share of accounts that a rule newly flags, or whose flag ended, tonight.
    FlagsPct { rule: Option<Word>, are_new: bool, bounds: Bounds },
    /// The share of accounts whose segment changed since the last night.
    MovedPct { scheme: Option<Word>, warn: Option<f64>, error: Option<f64> },
}

/// A number that a table comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// Its rows.
    RowCount,
    /// The share of rows, in percent, in which a column is unknown.
    UnknownPct,
    Sum,
    Mean,
    Median,
    Quantile(f64),
    /// The days since the newest day in a column.
    AgeDays,
}

/// A column of another table.
#[derive(Debug)]
pub(crate) struct RawOther {
    pub(crate) table: Word,
    pub(crate) column: Word,
    /// The value that a column must have.
    pub(crate) rows: Vec<(Word, String)>,
}

/// A least and a greatest number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

const CHECKS: [&str; 18] = [
    "unique",
    "not_null",
    "accepted_values",
    "row_count",
    "range",
    "unknown_pct",
    "sum",
    "mean",
    "median",
    "quantile",
    "age_days",
    "shift",
    "same_sum",
    "segment_share_pct",
    "transition_pct",
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
            refuse_parts_of_rows(fields, reading);
            figure(Figure::RowCount, None, None, fields, reading)
        }
        "range" => Some(RawTest::Range(reading.require_word(fields, "column"), bounds(fields, reading))),
        "unknown_pct" => {
            let of_all = reading.require_word(fields, "column");
            let is_of_change = fields.peek("since_last_night").is_some();
            figure(Figure::UnknownPct, of_all, (!is_of_change).then_some(100.0), fields, reading)
        }
        "sum" => of_column(Figure::Sum, fields, reading),
        "mean" => of_column(Figure::Mean, fields, reading),
        "median" => of_column(Figure::Median, fields, reading),
        "quantile" => {
            let at = share("at", 1.0, fields, reading);
            if at.is_none() && fields.peek("at").is_none() {
                reading.problems.push(Diagnostic::at(Code::MissingKey, check.span, "`quantile` needs `at`"));
            }
            of_column(Figure::Quantile(at.unwrap_or(0.5)), fields, reading)
        }
        "age_days" => of_column(Figure::AgeDays, fields, reading),
        "shift" => Some(RawTest::Shift(reading.require_word(fields, "column"), bounds_within(1.0, fields, reading))),
        "same_sum" => Some(RawTest::SameSum {
            column: reading.require_word(fields, "column"),
            other: fields.require("other", reading.problems).and_then(|node| RawOther::read(node, reading)),
            tolerance: tolerance(fields, reading),
        }),
        "transition_pct" => Some(RawTest::TransitionPct {
            scheme: reading.require_word(fields, "scheme"),
            from: reading.require_word(fields, "from"),
            to: reading.require_word(fields, "to"),
            bounds: bounds_within(100.0, fields, reading),
        }),
        "segment_share_pct" => Some(RawTest::SegmentSharePct {
            scheme: reading.require_word(fields, "scheme"),
            segment: reading.require_word(fields, "segment"),
            bounds: bounds_within(100.0, fields, reading),
        }),
        "new_flags_pct" | "resolved_flags_pct" => Some(RawTest::FlagsPct {
            rule: reading.require_word(fields, "rule"),
            are_new: check.text == "new_flags_pct",
            bounds: bounds_within(100.0, fields, reading),
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

/// Rows are whole; their change in percent need not be.
fn refuse_parts_of_rows(fields: &Fields<'_>, reading: &mut Reading<'_>) {
    let is_of_change = fields.peek("since_last_night").is_some();
    for name in ["min", "max"].into_iter().filter(|_| !is_of_change) {
        let node = fields.peek(name).map(|(_, node)| node);
        let is_count = |node: &&Node| !matches!(node.value, Value::Integer(0..) | Value::Text(_));
        if let Some(node) = node.filter(is_count) {
            let message = format!("`{name}` of `row_count` is a whole number of rows, not {}", node.words());
            reading.problems.push(Diagnostic::at(Code::InvalidValue, node.span, message));
        }
    }
}

fn of_column(of: Figure, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<RawTest> {
    let column = reading.require_word(fields, "column");
    figure(of, column, None, fields, reading)
}

/// A figure between bounds, which lie within `whole` where it is a share.
fn figure(
    figure: Figure,
    column: Option<Word>,
    whole: Option<f64>,
    fields: &mut Fields<'_>,
    reading: &mut Reading<'_>,
) -> Option<RawTest> {
    let since_last_night = fields.flag("since_last_night", reading.problems).unwrap_or(false);
    let bounds = match whole {
        Some(whole) => bounds_within(whole, fields, reading),
        None => bounds(fields, reading),
    };
    Some(RawTest::Figure { figure, column, since_last_night, bounds })
}

/// A share of accounts in percent.
fn percentage(name: &'static str, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<f64> {
    share(name, 100.0, fields, reading)
}

/// A share, where `whole` is all.
fn share(name: &'static str, whole: f64, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<f64> {
    let place = fields.peek(name).map(|(_, node)| node.span);
    let share = fields.number(name, reading.problems)?;
    reading.problems.extend(place.and_then(|place| beyond(name, share, whole, place)));
    Some(share)
}

/// The problem of a share that is less than nothing, or more than all.
fn beyond(name: &str, share: f64, whole: f64, place: Span) -> Option<Diagnostic> {
    let what = if whole > 1.0 { "a percentage" } else { "a share" };
    let message = format!("`{name}` is {what} from 0 to {whole}, not {share}");
    (!(0.0..=whole).contains(&share)).then(|| Diagnostic::at(Code::InvalidValue, place, message))
}

impl RawOther {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &OTHER, reading.problems)?;
        let table = reading.require_word(&mut fields, "table");
        let column = reading.require_word(&mut fields, "column");
        let rows = fields.take("rows").and_then(|node| Fields::of(node, "`rows`", reading.problems));
        let rows = rows.map(|mut rows| rows.rest()).unwrap_or_default();
        let rows = rows.into_iter().filter_map(|(key, value)| {
            Some((Word { text: key.name.clone(), span: key.span }, as_text(value, reading)?))
        });
        let rows = rows.collect();
        fields.finish(reading.problems);
        Some(Self { table: table?, column: column?, rows })
    }
}

fn tolerance(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> f64 {
    let place = fields.peek("tolerance").map(|(_, node)| node.span);
    let tolerance = fields.number("tolerance", reading.problems).unwrap_or(0.0);
    if let Some(place) = place.filter(|_| tolerance < 0.0) {
        let message = format!("`tolerance` is 0 or more, not {tolerance}");
        reading.problems.push(Diagnostic::at(Code::InvalidValue, place, message));
    }
    tolerance
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

impl std::fmt::Display for Bounds {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(formatter, "from {min} to {max}"),
            (Some(min), None) => write!(formatter, "at least {min}"),
            (None, Some(max)) => write!(formatter, "at most {max}"),
            (None, None) => formatter.write_str("any"),
        }
    }
}

/// Bounds of a share: a limit that no share reaches would say nothing.
fn bounds_within(whole: f64, fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Bounds {
    let places = ["min", "max"].map(|name| (name, fields.peek(name).map(|(_, node)| node.span)));
    let bounds = bounds(fields, reading);
    for ((name, place), limit) in places.into_iter().zip([bounds.min, bounds.max]) {
        reading.problems.extend(place.zip(limit).and_then(|(place, limit)| beyond(name, limit, whole, place)));
    }
    bounds
}

fn bounds(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Bounds {
    let is_said = ["min", "max"].into_iter().any(|name| fields.peek(name).is_some());
    let min = fields.number("min", reading.problems);
    let max = fields.number("max", reading.problems);
    let place = crate::reading::first_of(fields.span());
    match (min, max) {
        (None, None) if !is_said => {
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
