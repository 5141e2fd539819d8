//! The walk over the parser's tree: an explicit list of what is allowed, everything else refused with its code.

use std::collections::BTreeSet;
use std::ops::Range;

use datafusion::sql::sqlparser::ast::{self, Expr, Ident};
use headwater_diagnostics::{Code, Diagnostic, Diagnostics, Span, closest};
use headwater_metrics::Unit;

use super::conditions::conditions;
use super::names::{FIND_METRICS, Meaning};
use super::node::Node;
use super::parse::{Positions, parse, too_deep};
use super::sql::weight;
use super::units::{Remark, remarks};
use super::{Column, ColumnSource, Expression, Kind, Literal, Names, Stage};
use crate::reading::Written;

/// Deepest nesting of one expression, and most brackets inside each other; chains of AND and OR do not count.
pub(super) const MAX_DEPTH: usize = 64;
/// Most that the SQL of one condition may weigh: the engine's time grows faster than a condition.
const MAX_WEIGHT: u64 = 5_000;
/// Most that the SQL of conditions side by side may weigh: the engine's time grows with their number.
const MAX_WEIGHT_TOGETHER: u64 = 20_000;

/// What checking leaves behind beside expressions.
#[derive(Debug, Default)]
pub(crate) struct Use {
    pub(crate) problems: Diagnostics,
    /// Parameters that some expression refers to.
    pub(crate) params: BTreeSet<String>,
}

/// An expression with the text it was written as.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) expression: Expression,
    pub(crate) written: Written,
}

/// Reads and checks one expression; all problems go to `used`, and what was refused is left as such.
pub(crate) fn check_expression(written: &Written, stage: Stage, names: &Names<'_>, used: &mut Use) -> Checked {
    let expression = match parse(written) {
        Ok((tree, positions)) => {
            let checked =
                Walk { names, stage, written, positions, used, depth: 0, beside_text: false }.expression(&tree);
            let mixed = remarks(&checked, names);
            used.problems.extend(mixed.into_iter().map(|remark| remark_on(remark, written)));
            refuse_heavy(checked, written, used)
        }
        Err(problem) => {
            used.problems.push(problem);
            // What cannot be read may still refer to parameters: they are not reported as unused.
            let referred = names.params.keys().filter(|name| written.text.contains(&format!("param.{name}")));
            used.params.extend(referred.cloned());
            Expression::refused(0..written.text.chars().count())
        }
    };
    Checked { expression, written: written.clone() }
}

fn remark_on(remark: Remark, written: &Written) -> Diagnostic {
    let problem = Diagnostic::at(Code::UnitsMixed, written.span(remark.at), remark.message);
    match remark.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Refuses an expression whose SQL would be out of all proportion to its text.
fn refuse_heavy(expression: Expression, written: &Written, used: &mut Use) -> Expression {
    let weights: Vec<_> = conditions(&expression).into_iter().map(weight).collect();
    let heaviest = weights.iter().copied().max().unwrap_or_default();
    let message = if heaviest > MAX_WEIGHT {
        "too many functions inside each other"
    } else if weights.into_iter().fold(0, u64::saturating_add) > MAX_WEIGHT_TOGETHER {
        "too many conditions with functions"
    } else {
        return expression;
    };
    let problem = Diagnostic::at(Code::ExpressionSyntax, written.whole(), message);
    used.problems.push(problem.help("put what the functions give into derived metrics"));
    Expression::refused(expression.at)
}

/// The column a lone name means; a problem where it means none.
pub(crate) fn resolve_name(
    name: &str,
    span: Span,
    stage: Stage,
    names: &Names<'_>,
    used: &mut Use,
) -> Option<(Column, Option<Unit>)> {
    match names.resolve(name, stage, span) {
        Ok(Meaning { column, unit }) => Some((column, unit)),
        Err(problem) => {
            used.problems.extend(problem);
            None
        }
    }
}

/// The walk over one expression.
pub(super) struct Walk<'a, 'n> {
    pub(super) names: &'a Names<'n>,
    stage: Stage,
    written: &'a Written,
    positions: Positions,
    used: &'a mut Use,
    depth: usize,
    /// Whether what is read is compared with text.
    pub(super) beside_text: bool,
}

impl Walk<'_, '_> {
    /// Reports a problem at a range of characters.
    pub(super) fn problem(&mut self, code: Code, at: &Range<usize>, message: impl Into<String>) -> Expression {
        let problem = Diagnostic::at(code, self.written.span(at.clone()), message);
        self.report(problem, at)
    }

    /// Reports a problem; the part is refused.
    pub(super) fn report(&mut self, problem: Diagnostic, at: &Range<usize>) -> Expression {
        self.used.problems.push(problem);
        Expression::refused(at.clone())
    }

    /// Remarks on a part, which stays.
    pub(super) fn remark(&mut self, problem: Diagnostic) {
        self.used.problems.push(problem);
    }

    /// Where in the file a range of characters stands.
    pub(super) fn span(&self, at: &Range<usize>) -> Span {
        self.written.span(at.clone())
    }

    /// The characters of a token of the parser.
    pub(super) fn range(&self, span: datafusion::sql::sqlparser::tokenizer::Span) -> Range<usize> {
        let range = self.positions.range(span);
        if range.is_empty() { 0..self.written.text.chars().count() } else { range }
    }

    /// Checks one part and all below it.
    pub(super) fn expression(&mut self, tree: &Expr) -> Expression {
        if self.depth >= MAX_DEPTH {
            return self.report(too_deep(self.written), &(0..self.written.text.chars().count()));
        }
        self.depth += 1;
        let checked = self.construct(tree);
        self.depth -= 1;
        checked
    }

    fn construct(&mut self, tree: &Expr) -> Expression {
        match tree {
            Expr::Nested(inner) => self.construct(inner),
            Expr::Identifier(name) => self.name(name),
            Expr::CompoundIdentifier(parts) => self.qualified(parts),
            Expr::Value(value) => self.value(value),
            Expr::TypedString(typed) => self.typed(typed),
            Expr::Interval(interval) => self.interval(interval),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::IsNull(inner) => self.is(inner, "NULL", false),
            Expr::IsNotNull(inner) => self.is(inner, "NULL", true),
            Expr::IsTrue(inner) => self.is(inner, "TRUE", false),
            Expr::IsNotTrue(inner) => self.is(inner, "TRUE", true),
            Expr::IsFalse(inner) => self.is(inner, "FALSE", false),
            Expr::IsNotFalse(inner) => self.is(inner, "FALSE", true),
            Expr::IsUnknown(inner) => self.is(inner, "UNKNOWN", false),
            Expr::IsNotUnknown(inner) => self.is(inner, "UNKNOWN", true),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, false),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, true),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => self.between([expr, low, high], *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, *negated, false)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, *negated, true)
            }
            Expr::Case { case_token, operand, conditions, else_result, .. } => {
                let start = self.range(case_token.0.span);
                self.case(start, operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Cast { expr, data_type, format: None, array: false, .. } => self.cast(expr, data_type),
            Expr::Function(function) => self.call(function),
            Expr::Ceil { expr, field } => self.rounding("ceil", expr, field),
            Expr::Floor { expr, field } => self.rounding("floor", expr, field),
            Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => {
                let arguments = vec![self.expression(expr)];
                self.apply("trim", arguments, 0..0)
            }
            Expr::Extract { field, expr, .. } => self.extract(&field.to_string(), expr),
            other => self.refuse(other),
        }
    }

    fn name(&mut self, name: &Ident) -> Expression {
        let at = self.range(name.span);
        let span = self.span(&at);
        if name.quote_style.is_none() {
            let lowered = name.value.to_ascii_lowercase();
            if lowered == "as_of" {
                return Expression { node: Node::AsOf, kind: Kind::Date, at };
            }
            if let Some(problem) = self.lone_clock(&lowered, span) {
                return self.report(problem, &at);
            }
        }
        match self.names.resolve(&name.value, self.stage, span) {
            Ok(meaning) => column(meaning, at),
            Err(_) if name.quote_style == Some('"') => {
                let problem =
                    Diagnostic::at(Code::DoubleQuotedText, span, format!("double quotes around `{}`", name.value));
                let problem =
                    problem.label("double quotes name a column").help(format!("text is written '{}'", name.value));
                self.report(problem, &at)
            }
            Err(Some(problem)) if self.beside_text && problem.help.as_deref() == Some(FIND_METRICS) => {
                self.report(problem.help(format!("text stands in quotes: '{}'", name.value)), &at)
            }
            Err(problem) => {
                self.used.problems.extend(problem);
                Expression::refused(at)
            }
        }
    }

    /// `current_date` and its like are read as names where they are written without brackets.
    fn lone_clock(&self, name: &str, span: Span) -> Option<Diagnostic> {
        let refused = super::functions::refusal(name) == Some(Code::ClockRefused);
        let known = self.names.environment.attribute(name).is_some();
        (refused && !known).then(|| super::refusals::clock(name, span))
    }

    fn qualified(&mut self, parts: &[Ident]) -> Expression {
        let ranges: Vec<_> = parts.iter().map(|part| self.range(part.span)).collect();
        let at = ranges.first().map_or(0, |first| first.start)..ranges.last().map_or(0, |last| last.end);
        let words: Vec<_> = parts.iter().map(|part| part.value.as_str()).collect();
        match words.as_slice() {
            ["param", name] => self.parameter(name, at),
            ["segment", scheme] if self.allows_outcomes("segment", &at) => self.segment(scheme, at),
            ["milestone", rest @ ..] if self.allows_outcomes("milestone", &at) => self.milestone(rest, at),
            ["segment", scheme, segment, ..] if self.stage == Stage::Flag => {
                let message = format!("`{}` is no condition: a segment is compared", words.join("."));
                let problem = Diagnostic::at(Code::UnknownSegment, self.span(&at), message);
                self.report(problem.help(format!("write `segment.{scheme} = '{segment}'`")), &at)
            }
            ["segment" | "milestone", ..] => Expression::refused(at),
            _ => {
                let message = format!("`{}` is a table-qualified name", words.join("."));
                let problem = Diagnostic::at(Code::QualifiedNameRefused, self.span(&at), message);
                let problem = problem.label("names stand alone").help(self.instead_of_qualified(&words));
                self.report(problem, &at)
            }
        }
    }

    /// What an author of a name with dots most likely meant.
    fn instead_of_qualified(&self, words: &[&str]) -> String {
        let (first, last) = (words.first().copied().unwrap_or(""), words.last().copied().unwrap_or(""));
        let names = self.names;
        let is_prefix = |prefix| closest(first, [prefix]).is_some();
        if is_prefix("param") || names.params.contains_key(last) {
            format!("did you mean `param.{last}`?")
        } else if names.schemes.get(first).is_some_and(|scheme| scheme.segments.contains(last)) {
            format!("write `segment.{first} = '{last}'`")
        } else if names.ladders.get(first).is_some_and(|ids| ids.iter().any(|id| id == last)) {
            format!("write `milestone.{first}.{last}`")
        } else if is_prefix("segment") || is_prefix("milestone") {
            let prefix = if is_prefix("segment") { "segment" } else { "milestone" };
            format!("did you mean `{prefix}`?")
        } else {
            format!("write `{last}`")
        }
    }

    fn parameter(&mut self, name: &str, at: Range<usize>) -> Expression {
        self.used.params.insert(name.to_owned());
        match self.names.params.get(name) {
            Some(Some(value)) => {
                Expression { kind: value.kind(), node: Node::Parameter(name.to_owned(), value.clone()), at }
            }
            Some(None) => Expression::refused(at),
            None => {
                self.used.problems.extend(self.names.unknown_parameter(name, self.span(&at)));
                Expression::refused(at)
            }
        }
    }

    fn allows_outcomes(&mut self, what: &str, at: &Range<usize>) -> bool {
        let allowed = self.stage == Stage::Flag;
        if !allowed {
            let message = format!("`{what}.` cannot be used here");
            let problem = Diagnostic::at(Code::ConstructRefused, self.span(at), message)
                .help("segments and milestones are known in triggers only: they are computed from metrics");
            self.report(problem, at);
        }
        allowed
    }

    fn segment(&mut self, scheme: &str, at: Range<usize>) -> Expression {
        if self.names.schemes.contains_key(scheme) {
            let column = Column { name: format!("segment.{scheme}"), source: ColumnSource::Segment };
            return Expression { node: Node::Column(column), kind: Kind::Text, at };
        }
        self.used.problems.extend(self.names.unknown_scheme(scheme, self.span(&at)));
        Expression::refused(at)
    }

    fn milestone(&mut self, parts: &[&str], at: Range<usize>) -> Expression {
        match self.names.milestone(parts, self.span(&at)) {
            Ok((ladder, milestone)) => {
                let name = format!("milestone.{ladder}.{milestone}");
                let column = Column { name, source: ColumnSource::Milestone };
                Expression { node: Node::Column(column), kind: Kind::Flag, at }
            }
            Err(problem) => {
                self.used.problems.extend(problem);
                Expression::refused(at)
            }
        }
    }

    fn value(&mut self, value: &ast::ValueWithSpan) -> Expression {
        let at = self.range(value.span);
        let literal = match &value.value {
            ast::Value::Number(text, _) => match number(text) {
                Some(literal) => literal,
                None => return self.problem(Code::ExpressionSyntax, &at, format!("`{text}` is not a number in range")),
            },
            ast::Value::SingleQuotedString(text) => Literal::Text(text.clone()),
            ast::Value::Boolean(flag) => Literal::Flag(*flag),
            ast::Value::Null => Literal::Null,
            ast::Value::Placeholder(text) => {
                let problem = Diagnostic::at(Code::PlaceholderRefused, self.span(&at), "placeholders are not allowed");
                let amount =
                    text.strip_prefix('$').filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
                return self.report(
                    match amount {
                        Some(amount) => problem.help(format!("amounts have no sign of a currency: write {amount}")),
                        None => problem,
                    },
                    &at,
                );
            }
            ast::Value::DoubleQuotedString(text) => {
                return self.problem(Code::DoubleQuotedText, &at, format!("double quotes around `{text}`"));
            }
            _ => {
                return self.problem(
                    Code::ConstructRefused,
                    &at,
                    "this way to write a constant is not part of the language",
                );
            }
        };
        Expression { kind: literal.kind(), node: Node::Literal(literal), at }
    }
}

/// A number as written: whole where it is, with its digits otherwise.
fn number(text: &str) -> Option<Literal> {
    if let Ok(whole) = text.parse() {
        return Some(Literal::Whole(whole));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| Literal::Real(text.to_owned()))
}

fn column(meaning: Meaning, at: Range<usize>) -> Expression {
    Expression { kind: meaning.unit.map_or(Kind::Anything, Kind::of), node: Node::Column(meaning.column), at }
}
