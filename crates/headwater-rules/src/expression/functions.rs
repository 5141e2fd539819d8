//! The functions of the language, and the well-known ones that are refused.

use headwater_diagnostics::Code;

use super::Kind;

/// A function that may be called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Fewest and most arguments.
    pub(crate) arguments: (usize, usize),
    pub(crate) signature: Signature,
}

/// What a function takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// A number, and perhaps a whole number: gives the first one's kind.
    Rounds,
    /// Numbers: gives a number, unknown where there is no finite one.
    Calculates,
    /// Values of one kind: gives that kind.
    Chooses,
    /// Texts, giving the kind named.
    Reads(Kind),
    /// A calendar word in quotes and a date, giving a date.
    Truncates,
    /// A calendar word in quotes and a date, giving a whole number.
    Field,
}

const fn function(name: &'static str, fewest: usize, most: usize, signature: Signature) -> Function {
    Function { name, arguments: (fewest, most), signature }
}

/// Most arguments of functions that take any number.
pub(super) const MANY: usize = 64;

/// Every function of the language.
pub(crate) static FUNCTIONS: &[Function] = &[
    function("abs", 1, 1, Signature::Rounds),
    function("ceil", 1, 1, Signature::Rounds),
    function("floor", 1, 1, Signature::Rounds),
    function("round", 1, 2, Signature::Rounds),
    function("sign", 1, 1, Signature::Calculates),
    function("sqrt", 1, 1, Signature::Calculates),
    function("ln", 1, 1, Signature::Calculates),
    function("exp", 1, 1, Signature::Calculates),
    function("power", 2, 2, Signature::Calculates),
    function("greatest", 2, MANY, Signature::Chooses),
    function("least", 2, MANY, Signature::Chooses),
    function("coalesce", 2, MANY, Signature::Chooses),
    function("nullif", 2, 2, Signature::Chooses),
    function("lower", 1, 1, Signature::Reads(Kind::Text)),
    function("upper", 1, 1, Signature::Reads(Kind::Text)),
    function("trim", 1, 1, Signature::Reads(Kind::Text)),
    function("concat", 1, MANY, Signature::Reads(Kind::Text)),
    function("length", 1, 1, Signature::Reads(Kind::Whole)),
    function("starts_with", 2, 2, Signature::Reads(Kind::Flag)),
    function("contains", 2, 2, Signature::Reads(Kind::Flag)),
    function("date_trunc", 2, 2, Signature::Truncates),
    function("date_part", 2, 2, Signature::Field),
];

/// The calendar words a date can be cut to.
pub(crate) const TRUNCATIONS: &[&str] = &["year", "quarter", "month", "week", "day"];
/// The calendar words a date can be asked for.
pub(crate) const FIELDS: &[&str] = &["year", "quarter", "month", "week", "day", "dow", "doy"];

/// The function of that name.
pub(crate) fn function_named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|known| known.name == name)
}

const CLOCK: &[&str] = &[
    "now",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "today",
    "getdate",
    "sysdate",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "curdate",
    "curtime",
];

const AGGREGATES: &[&str] = &[
    "sum",
    "avg",
    "mean",
    "min",
    "max",
    "count",
    "median",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "var",
    "var_pop",
    "var_samp",
    "variance",
    "corr",
    "covar",
    "array_agg",
    "string_agg",
    "bool_and",
    "bool_or",
    "every",
    "any_value",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "percentile_cont",
    "percentile_disc",
    "mode",
    "first_value",
    "last_value",
    "nth_value",
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "grouping",
];

const UNREPEATABLE: &[&str] = &[
    "random",
    "rand",
    "uuid",
    "gen_random_uuid",
    "newid",
    "version",
    "current_user",
    "session_user",
    "user",
    "current_database",
    "current_schema",
    "pg_sleep",
    "sleep",
    "getenv",
    "set_config",
    "nextval",
    "setseed",
    "read_csv",
    "read_parquet",
];

/// The code of a well-known function that is refused for what it does, not for being unknown.
pub(crate) fn refusal(name: &str) -> Option<Code> {
    [(CLOCK, Code::ClockRefused), (AGGREGATES, Code::AggregateRefused), (UNREPEATABLE, Code::FunctionRefused)]
        .into_iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, code)| code)
}
