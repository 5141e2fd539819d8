//! A checked expression as SQL for the engine, where every construct has one meaning: division is real and by
//! zero unknown, a cast that fails is unknown, no function yields infinity.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use headwater_metrics::{Unit, identifier, literal};

use super::functions::{Function, Signature};
use super::node::{LikeForm, Node, Operator};
use super::{Expression, Kind, Literal};

/// What the text depends on beside the expression.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect<'a> {
    /// The day that `as_of` stands for.
    pub(crate) as_of: NaiveDate,
    /// Columns that are unknown for all accounts, because the company does not deliver what they need.
    unavailable: &'a BTreeSet<String>,
}

impl Dialect<'static> {
    /// The text of a night that has every column.
    pub(crate) fn of(as_of: NaiveDate) -> Self {
        static NONE: BTreeSet<String> = BTreeSet::new();
        Self { as_of, unavailable: &NONE }
    }
}

impl<'a> Dialect<'a> {
    /// The text of a night without some columns.
    pub(crate) fn without(as_of: NaiveDate, unavailable: &'a BTreeSet<String>) -> Self {
        Self { as_of, unavailable }
    }

    /// A day as SQL.
    pub(crate) fn date(day: NaiveDate) -> String {
        format!("CAST('{day}' AS DATE)")
    }

    /// The expression as SQL, in brackets where it is more than one word.
    pub(crate) fn sql(self, expression: &Expression) -> String {
        match &expression.node {
            // That nobody can be asked is no answer to whether something is known of one.
            Node::Is(..) | Node::Binary(Operator::Distinct | Operator::NotDistinct, ..)
                if self.is_unavailable(expression) =>
            {
                "CAST(NULL AS BOOLEAN)".to_owned()
            }
            Node::Refused => "NULL".to_owned(),
            Node::Column(column) => identifier(&column.name),
            Node::Parameter(_, value) | Node::Literal(value) => constant(value),
            Node::AsOf => Self::date(self.as_of),
            Node::Not(inner) => format!("(NOT {})", self.sql(inner)),
            Node::Negate(inner) => format!("(- {})", self.double(inner)),
            Node::All(items) => self.joined(items, " AND "),
            Node::Any(items) => self.joined(items, " OR "),
            Node::Binary(operator, left, right) => self.binary(*operator, left, right),
            Node::Is(inner, what, negated) => format!("({} IS {}{what})", self.sql(inner), not(*negated)),
            Node::In(operand, items, negated) => {
                let sides = self.compared(std::iter::once(&**operand).chain(items));
                let (operand, items) = sides.split_first().map_or(("NULL", &[][..]), |(first, rest)| (first, rest));
                format!("({operand} {}IN ({}))", not(*negated), items.join(", "))
            }
            Node::Between(operand, low, high, negated) => {
                let sides = self.compared([&**operand, low, high]);
                let (operand, edges) = sides.split_first().map_or(("NULL", &[][..]), |(first, rest)| (first, rest));
                format!("({operand} {}BETWEEN {})", not(*negated), edges.join(" AND "))
            }
            Node::Like(operand, pattern, LikeForm { negated, any_case }) => {
                let word = if *any_case { "ILIKE" } else { "LIKE" };
                format!("({} {}{word} {})", self.sql(operand), not(*negated), self.sql(pattern))
            }
            Node::Case(branches, otherwise) => self.case(branches, otherwise.as_deref(), expression.kind),
            // Cut before it is cast: what the engine compares with a constant is the value as it was before a cast.
            Node::Cast(inner, to)
                if expression.kind == Kind::Whole && matches!(inner.kind, Kind::Number | Kind::Money) =>
            {
                format!("TRY_CAST(trunc({}) AS {to})", self.double(inner))
            }
            Node::Cast(inner, to) => format!("TRY_CAST({} AS {to})", self.sql(inner)),
            Node::Call(function, arguments) => self.call(function, arguments, expression.kind),
            Node::Field(field, operand) => format!("CAST(date_part('{field}', {}) AS BIGINT)", self.sql(operand)),
            Node::Interval(count, unit) => format!("INTERVAL '{count} {unit}'"),
        }
    }

    /// The expression as the column of a unit: unknown where it has no finite value of that type.
    pub(crate) fn column(self, expression: &Expression, unit: Unit) -> String {
        let sql = self.sql(expression);
        match unit {
            Unit::Count | Unit::Days => format!("TRY_CAST(round({}) AS BIGINT)", self.double(expression)),
            Unit::Money => format!("TRY_CAST({sql} AS DECIMAL(18, 2))"),
            other if other.is_numeric() => finite(&self.double(expression)),
            other => format!("CAST({sql} AS {})", other.sql_type()),
        }
    }

    /// The expression as a DOUBLE.
    pub(crate) fn double(self, expression: &Expression) -> String {
        format!("CAST({} AS DOUBLE)", self.sql(expression))
    }

    /// The expression as text for people: numbers without noise, the word `unknown` for none.
    pub(crate) fn words(self, expression: &Expression) -> String {
        let sql = self.sql(expression);
        match expression.kind {
            Kind::Number => format!("CAST(round({}, 4) AS VARCHAR)", self.double(expression)),
            Kind::Money => format!("CAST(TRY_CAST({sql} AS DECIMAL(18, 2)) AS VARCHAR)"),
            Kind::Whole => format!("CAST(TRY_CAST(round({}) AS BIGINT) AS VARCHAR)", self.double(expression)),
            _ => format!("CAST({sql} AS VARCHAR)"),
        }
    }

    /// Whether the expression is unknown for all accounts, whatever else is known of them.
    pub(crate) fn is_unavailable(self, expression: &Expression) -> bool {
        let of = |part: &Expression| self.is_unavailable(part);
        match &expression.node {
            Node::Column(column) => self.unavailable.contains(&column.name),
            Node::Is(inner, what, _) => ["NULL", "UNKNOWN"].contains(what) && of(inner),
            Node::All(items) | Node::Any(items) => items.iter().all(of),
            Node::In(operand, ..) | Node::Like(operand, ..) | Node::Between(operand, ..) => of(operand),
            Node::Case(..) => false,
            Node::Call(function, arguments) => match function.name {
                "nullif" => arguments.first().is_some_and(of),
                // These pass over what is unknown.
                "coalesce" | "greatest" | "least" | "concat" => arguments.iter().all(of),
                _ => arguments.iter().any(of),
            },
            _ => expression.children().into_iter().any(of),
        }
    }

    fn joined(self, items: &[Expression], between: &str) -> String {
        let items: Vec<_> = items.iter().map(|item| self.sql(item)).collect();
        format!("({})", chained(&items, between))
    }

    fn binary(self, operator: Operator, left: &Expression, right: &Expression) -> String {
        match operator {
            Operator::Divide => format!("({} / NULLIF({}, 0))", self.double(left), self.double(right)),
            Operator::Plus | Operator::Minus if left.kind == Kind::Date || right.kind == Kind::Date => {
                self.calendar(operator, left, right)
            }
            Operator::Plus | Operator::Minus | Operator::Times if is_exact_result(operator, left, right) => {
                format!("({} {} {})", self.sql(left), operator.symbol(), self.sql(right))
            }
            Operator::Modulo => format!("({} % NULLIF({}, 0))", self.double(left), self.double(right)),
            Operator::Plus | Operator::Minus | Operator::Times => {
                format!("({} {} {})", self.double(left), operator.symbol(), self.double(right))
            }
            Operator::Join => format!("({} || {})", self.sql(left), self.sql(right)),
            _ => format!("({})", self.compared([left, right]).join(&format!(" {} ", operator.symbol()))),
        }
    }

    /// Values that are compared with each other: numbers as they are where all are exact, else all as DOUBLE. The
    /// engine itself would turn a DOUBLE beside a decimal into a decimal, and fail where it does not fit.
    fn compared<'e>(self, sides: impl IntoIterator<Item = &'e Expression>) -> Vec<String> {
        let sides: Vec<_> = sides.into_iter().collect();
        let numbers = sides.iter().any(|side| matches!(side.kind, Kind::Whole | Kind::Number | Kind::Money));
        let exact = sides.iter().all(|side| is_exact(side));
        sides.into_iter().map(|side| if numbers && !exact { self.double(side) } else { self.sql(side) }).collect()
    }

    /// Days between two dates, or a date some time away.
    fn calendar(self, operator: Operator, left: &Expression, right: &Expression) -> String {
        let days = |date: &Expression| format!("CAST(CAST({} AS INT) AS BIGINT)", self.sql(date));
        if left.kind == Kind::Date && right.kind == Kind::Date {
            return format!("({} - {})", days(left), days(right));
        }
        let (date, step) = if left.kind == Kind::Date { (left, right) } else { (right, left) };
        if step.kind == Kind::Interval {
            return format!("CAST(({} {} {}) AS DATE)", self.sql(date), operator.symbol(), self.sql(step));
        }
        let moved = format!("CAST({} AS DOUBLE) {} {}", days(date), operator.symbol(), self.double(step));
        format!("CAST(TRY_CAST({moved} AS INT) AS DATE)")
    }

    fn case(self, branches: &[(Expression, Expression)], otherwise: Option<&Expression>, kind: Kind) -> String {
        let mut sql = "CASE".to_owned();
        for (condition, result) in branches {
            sql += &format!(" WHEN {} THEN {}", self.sql(condition), self.carried(result, kind));
        }
        if let Some(otherwise) = otherwise {
            sql += &format!(" ELSE {}", self.carried(otherwise, kind));
        }
        format!("({sql} END)")
    }

    /// One of several values that must have one type.
    fn carried(self, value: &Expression, kind: Kind) -> String {
        match kind {
            Kind::Whole | Kind::Number => self.double(value),
            Kind::Money => format!("TRY_CAST({} AS DECIMAL(18, 2))", self.sql(value)),
            _ => self.sql(value),
        }
    }

    fn call(self, function: &Function, arguments: &[Expression], kind: Kind) -> String {
        let written = |each: &dyn Fn(&Expression) -> String| arguments.iter().map(each).collect::<Vec<_>>().join(", ");
        match function.signature {
            Signature::Chooses => format!("{}({})", function.name, written(&|value| self.carried(value, kind))),
            Signature::Calculates if function.name == "sqrt" => {
                let value = written(&|value| self.double(value));
                finite(&format!("sqrt(CASE WHEN {value} >= 0 THEN {value} END)"))
            }
            Signature::Calculates if function.name == "power" => {
                let (base, exponent) = (arguments.first(), arguments.get(1));
                let [base, exponent] =
                    [base, exponent].map(|side| side.map(|side| self.double(side)).unwrap_or_default());
                finite(&format!("power(CASE WHEN NOT ({base} = 0 AND {exponent} < 0) THEN {base} END, {exponent})"))
            }
            Signature::Calculates => {
                let name = if function.name == "sign" { "signum" } else { function.name };
                finite(&format!("{name}({})", written(&|value| self.double(value))))
            }
            Signature::Rounds => {
                let digits = arguments.get(1).map(|digits| format!(", TRY_CAST({} AS INT)", self.sql(digits)));
                let value = arguments.first().map(|value| self.double(value)).unwrap_or_default();
                format!("{}({value}{})", function.name, digits.unwrap_or_default())
            }
            Signature::Truncates => {
                let word =
                    arguments.first().and_then(Expression::constant).map(ToString::to_string).unwrap_or_default();
                let day = arguments.get(1).map(|day| self.sql(day)).unwrap_or_default();
                first_day(word.to_ascii_lowercase().trim_matches('\''), &day)
            }
            Signature::Reads(_) | Signature::Field => {
                format!("{}({})", function.name, written(&|value| self.sql(value)))
            }
        }
    }
}

/// Most parts of a chain that stand side by side.
const MOST_SIDE_BY_SIDE: usize = 16;

/// Parts joined by an operator that may be bracketed at will. The engine walks a chain as a tree of one level for each
/// part; halves in brackets keep that tree low, however long the chain.
pub(crate) fn chained(parts: &[String], operator: &str) -> String {
    if parts.len() <= MOST_SIDE_BY_SIDE {
        return parts.join(operator);
    }
    let (first, second) = parts.split_at(parts.len() / 2);
    format!("({}){operator}({})", chained(first, operator), chained(second, operator))
}

/// How many times over the text of its parts an expression becomes, at most: guards repeat what they guard.
pub(crate) fn weight(expression: &Expression) -> u64 {
    let parts = expression.children().into_iter().map(weight).fold(1_u64, u64::saturating_add);
    let times = match &expression.node {
        Node::Call(function, _) => match function.signature {
            Signature::Calculates => 6,
            Signature::Truncates => 8,
            // The engine asks whether each argument is known before it takes it.
            Signature::Chooses if function.name == "coalesce" => 2,
            _ => 1,
        },
        // The engine asks a cast inside a cast for its type more than once.
        Node::Binary(_, left, right) if expression.kind == Kind::Date && !is_interval(left) && !is_interval(right) => 3,
        _ => 1,
    };
    parts.saturating_mul(times)
}

fn is_interval(side: &Expression) -> bool {
    side.kind == Kind::Interval
}

/// The first day of the year, quarter, month or week (from Monday) of a day. Counted in days: the engine's own
/// function goes through nanoseconds, which end in 2262.
fn first_day(word: &str, day: &str) -> String {
    let back = |days: String| format!("CAST(CAST({day} AS INT) - {days} AS DATE)");
    let month = back(format!("(date_part('day', {day}) - 1)"));
    match word {
        "year" => back(format!("(date_part('doy', {day}) - 1)")),
        "quarter" => format!(
            "CASE (date_part('month', {day}) - 1) % 3 WHEN 0 THEN {month} WHEN 1 THEN {month} - INTERVAL '1 month' \
             ELSE {month} - INTERVAL '2 month' END"
        ),
        "month" => month,
        "week" => back(format!("((date_part('dow', {day}) + 6) % 7)")),
        _ => day.to_owned(),
    }
}

/// Most that an amount is multiplied by in decimals: nothing overflows, whatever the amount.
const MOST_EXACT_FACTOR: i64 = 1_000_000_000;

/// Whether a number is carried as a whole number or a decimal, not as a DOUBLE.
fn is_exact(number: &Expression) -> bool {
    match &number.node {
        Node::Column(_) | Node::Literal(_) | Node::Parameter(..) | Node::Cast(..) => number.kind != Kind::Number,
        Node::Binary(operator, left, right) => number.kind == Kind::Money && is_exact_result(*operator, left, right),
        _ => false,
    }
}

/// Whether an operator over amounts is calculated in decimals: sums of amounts, and an amount times a small constant.
/// All else is calculated as DOUBLE, where nothing overflows.
fn is_exact_result(operator: Operator, left: &Expression, right: &Expression) -> bool {
    let amount = |side: &Expression| side.kind == Kind::Money && is_exact(side);
    let column = |side: &Expression| side.kind == Kind::Money && matches!(side.node, Node::Column(_));
    let small = |side: &Expression| match side.constant() {
        Some(Literal::Whole(number)) => number.unsigned_abs() <= MOST_EXACT_FACTOR.unsigned_abs(),
        _ => false,
    };
    match operator {
        Operator::Plus | Operator::Minus => {
            let side = |side: &Expression| amount(side) || small(side);
            side(left) && side(right) && (amount(left) || amount(right))
        }
        Operator::Times => (column(left) && small(right)) || (small(left) && column(right)),
        _ => false,
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

/// A DOUBLE without infinities and NaN, which are unknown here. NaN sorts above every number.
pub(crate) fn finite(sql: &str) -> String {
    format!("CASE WHEN {sql} BETWEEN -1.7e308 AND 1.7e308 THEN {sql} END")
}

/// A constant as SQL.
pub(crate) fn constant(value: &Literal) -> String {
    match value {
        Literal::Null => "NULL".to_owned(),
        Literal::Flag(flag) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
        Literal::Whole(number) if *number < 0 => format!("({number})"),
        Literal::Whole(number) => number.to_string(),
        Literal::Real(text) => format!("CAST({} AS DOUBLE)", literal(text)),
        Literal::Text(text) => literal(text),
        Literal::Date(day) => Dialect::date(*day),
    }
}
