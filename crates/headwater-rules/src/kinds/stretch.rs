//! How long something must hold: published nights, calendar days or months in a row.

use headwater_diagnostics::yaml::{Fields, Holds, Key, KeyShape, Node, Shape, key};
use headwater_diagnostics::{Code, Diagnostic, Span};

use crate::reading::{Reading, first_of};

/// The longest that nights, days or months are counted.
pub(crate) const MOST_COUNTED: i64 = 400;
/// The days without a published night after which counting starts again, where a rule does not say.
pub(crate) const USUAL_GAP_DAYS: i64 = 7;

pub(crate) const COUNTED: Holds = Holds::Integer(1, MOST_COUNTED);
const RUNS: KeyShape = key("runs", COUNTED, "published nights in a row");
const DAYS: KeyShape = key("days", COUNTED, "calendar days in a row, the first and tonight included");

/// A stretch of nights or days, under a key that says what it is of.
pub(crate) const STRETCH: Shape =
    Shape { what: "a stretch of nights or days", keys: &[&[RUNS, DAYS]], one_of: &[&["runs", "days"]] };
/// A stretch that may be of months, too.
pub(crate) const LONG_STRETCH: Shape = Shape {
    what: "a stretch of nights, days or months",
    keys: &[&[RUNS, DAYS, key("months", COUNTED, "calendar months from the first night")]],
    one_of: &[&["runs", "days", "months"]],
};

/// Nights, days or months in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// Published nights.
    Runs(i64),
    /// Calendar days, the first and the last included.
    Days(i64),
    /// Calendar months from the first night.
    Months(i64),
}

impl Stretch {
    /// Tonight alone.
    pub(crate) const ONE_NIGHT: Self = Self::Runs(1);

    /// `{runs: n}` or `{days: n}`.
    pub(crate) fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        Self::shaped(node, &STRETCH, &["runs", "days"], reading)
    }

    /// `{runs: n}`, `{days: n}` or `{months: n}`.
    pub(crate) fn read_long(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        Self::shaped(node, &LONG_STRETCH, &["runs", "days", "months"], reading)
    }

    fn shaped(node: &Node, shape: &'static Shape, names: &[&'static str], reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, shape, reading.problems)?;
        one_of(&fields, names, reading);
        let read = Self::of(&mut fields, reading);
        // Asked for whatever else is there: two of them are one mistake, which was told.
        let has_months = names.contains(&"months");
        let months = has_months.then(|| fields.integer("months", 1, MOST_COUNTED, reading.problems)).flatten();
        let read = read.or_else(|| months.map(Self::Months));
        fields.finish(reading.problems);
        read
    }

    /// The nights or days among other keys.
    pub(crate) fn of(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let runs = fields.integer("runs", 1, MOST_COUNTED, reading.problems);
        let days = fields.integer("days", 1, MOST_COUNTED, reading.problems);
        runs.map(Self::Runs).or_else(|| days.map(Self::Days))
    }

    /// What is counted, and how much of it.
    pub(crate) fn counted(self) -> (&'static str, i64) {
        match self {
            Self::Runs(count) => ("runs", count),
            Self::Days(count) => ("days", count),
            Self::Months(count) => ("months", count),
        }
    }

    /// Whether so much has passed, as SQL: so many `nights` were counted since the night `since`.
    pub(crate) fn has_passed(self, nights: &str, since: &str, as_of: &str) -> String {
        match self {
            Self::Runs(runs) => format!("({nights} >= {runs})"),
            Self::Days(most) => format!("({} + 1 >= {most})", days_between(as_of, since)),
            Self::Months(months) => format!("({since} + INTERVAL '{months} months' <= {as_of})"),
        }
    }
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, one) = match self {
            Self::Runs(count) => (count, "night"),
            Self::Days(count) => (count, "day"),
            Self::Months(count) => (count, "month"),
        };
        write!(formatter, "{count} {one}{}", if *count == 1 { "" } else { "s" })
    }
}

/// The days from one day to a later one, as SQL.
pub(crate) fn days_between(later: &str, earlier: &str) -> String {
    format!("(CAST(CAST({later} AS INT) AS BIGINT) - CAST(CAST({earlier} AS INT) AS BIGINT))")
}

/// Refuses a mapping that has none of some keys, or more than one of them.
pub(crate) fn one_of(fields: &Fields<'_>, names: &[&'static str], reading: &mut Reading<'_>) {
    let mut there: Vec<&Key> = names.iter().filter_map(|name| fields.peek(name)).map(|(key, _)| key).collect();
    there.sort_by_key(|key| key.span.start);
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match there.as_slice() {
        [] if fields.peek("of").is_none() && !fields.has_unknown() => {
            reading.problems.push(missing(first_of(fields.span()), &format!("nothing to count: one of {listed}")));
        }
        [first, second, ..] => {
            let message = format!("`{}` and `{}` count differently", first.name, second.name);
            reading.problems.push(Diagnostic::at(Code::ConflictingKeys, second.span, message).help("keep one of them"));
        }
        _ => {}
    }
}

pub(crate) fn missing(place: Span, message: &str) -> Diagnostic {
    Diagnostic::at(Code::MissingKey, place, message)
}
