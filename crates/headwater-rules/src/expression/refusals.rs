//! What is refused, each with its own code and the way out.

use std::ops::Range;

use datafusion::sql::sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned};
use headwater_diagnostics::{Code, Diagnostic, Span};

use super::functions::{FUNCTIONS, refusal};
use super::{Expression, walk::Walk};

/// The problem of asking the wall clock.
pub(super) fn clock(name: &str, span: Span) -> Diagnostic {
    Diagnostic::at(Code::ClockRefused, span, format!("`{name}` asks the clock"))
        .label("differs from run to run")
        .help("use `as_of`, the day the night is for, or a metric relative to it")
}

impl Walk<'_, '_> {
    /// A construct that is not on the list.
    pub(super) fn refuse(&mut self, tree: &Expr) -> Expression {
        let at = self.range(tree.span());
        match tree {
            Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                let problem = Diagnostic::at(Code::SubqueryRefused, self.span(&at), "subqueries are not allowed");
                self.report(problem.help("use a metric that carries the value"), &at)
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                self.problem(Code::ConstructRefused, &at, "`*` stands for no value here")
            }
            Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                let problem = Diagnostic::at(
                    Code::ConstructRefused,
                    self.span(&at),
                    "regular expressions are not part of the language",
                );
                self.report(problem.help("use LIKE, `starts_with` or `contains`"), &at)
            }
            _ => self.problem(Code::ConstructRefused, &at, "this is not part of the language"),
        }
    }

    /// A call of a function by name.
    pub(super) fn call(&mut self, function: &Function) -> Expression {
        let at = self.range(function.name.span());
        let written = function.name.to_string();
        let name = written.to_ascii_lowercase();
        let span = self.span(&at);
        if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() {
            return self.report(aggregate(&written, span), &at);
        }
        match refusal(&name) {
            Some(Code::ClockRefused) => return self.report(clock(&written, span), &at),
            Some(Code::AggregateRefused) => return self.report(aggregate(&written, span), &at),
            Some(code) => {
                let message = format!("`{written}` gives another result every time, or depends on the session");
                return self.problem(code, &at, message);
            }
            None => {}
        }
        match self.plain_arguments(function, &at) {
            Ok(arguments) => self.apply(&name, arguments, at),
            Err(refused) => refused,
        }
    }

    fn plain_arguments(&mut self, function: &Function, at: &Range<usize>) -> Result<Vec<Expression>, Expression> {
        let list = match &function.args {
            FunctionArguments::List(list) if list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
                &list.args
            }
            FunctionArguments::Subquery(_) => {
                return Err(self.problem(Code::SubqueryRefused, at, "subqueries are not allowed"));
            }
            _ => {
                return Err(self.problem(
                    Code::ConstructRefused,
                    at,
                    "this way to call a function is not part of the language",
                ));
            }
        };
        let plain: Option<Vec<_>> = list
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
                _ => None,
            })
            .collect();
        match plain {
            Some(arguments) => Ok(arguments.into_iter().map(|argument| self.expression(argument)).collect()),
            None => Err(self.problem(Code::ConstructRefused, at, "arguments are plain expressions in order")),
        }
    }

    /// A function nobody knows.
    pub(super) fn unknown_function(&mut self, name: &str, at: &Range<usize>) -> Expression {
        let problem = Diagnostic::at(Code::UnknownFunction, self.span(at), format!("unknown function `{name}`"))
            .label("not part of the language");
        let problem = match of_another_language(name) {
            Some(instead) => problem.help(format!("write {instead}")),
            None => problem.suggest(name, FUNCTIONS.iter().map(|known| known.name)),
        };
        self.report(problem, at)
    }
}

/// What is written here for a function that other dialects of SQL, and spreadsheets, have.
fn of_another_language(name: &str) -> Option<&'static str> {
    match name {
        "isnull" => Some("`value IS NULL`, or `coalesce(value, 0)`"),
        "isblank" | "isna" | "is_null" => Some("`value IS NULL`"),
        "and" => Some("`a > 1 AND b > 2`"),
        "or" => Some("`a > 1 OR b > 2`"),
        "iferror" | "try" => {
            Some("the value alone: what cannot be computed is unknown, and `coalesce(value, 0)` is 0 there")
        }
        "date" => Some("the day in quotes: '2026-05-31'"),
        "days_between" | "daysbetween" => Some("`a - b`, the days from b to a"),
        "concatenate" => Some("`concat(a, b)`"),
        "regexp_like" | "regexp_matches" | "rlike" => Some("LIKE, `starts_with` or `contains`"),
        "ifnull" | "nvl" | "zeroifnull" => Some("`coalesce(value, 0)`"),
        "if" | "iif" | "decode" => Some("`CASE WHEN condition THEN a ELSE b END`"),
        "datediff" | "date_diff" | "dateadd" | "date_add" | "date_sub" => {
            Some("`as_of - day` for days, or `day + INTERVAL '3 months'`")
        }
        "year" | "month" | "quarter" | "week" | "dayofweek" => Some("`date_part('year', day)`"),
        "to_date" => Some("`DATE '2026-05-31'`"),
        "log" => Some("`ln(value)`"),
        "mod" => Some("`a % b`"),
        "len" | "char_length" | "character_length" => Some("`length(text)`"),
        "lcase" => Some("`lower(text)`"),
        "ucase" => Some("`upper(text)`"),
        "startswith" => Some("`starts_with(text, 'begin')`"),
        "safe_divide" | "div0" => Some("`a / b`, which is unknown where b is 0"),
        _ => None,
    }
}

fn aggregate(name: &str, span: Span) -> Diagnostic {
    let help = match name.to_ascii_lowercase().as_str() {
        "min" => "`least(a, b)` gives the smaller of several values of one account",
        "max" => "`greatest(a, b)` gives the larger of several values of one account",
        _ => "use a metric of the catalogue that is already an aggregate",
    };
    Diagnostic::at(Code::AggregateRefused, span, format!("`{name}` looks at many rows, an expression sees one account"))
        .label("not allowed here")
        .help(help)
}
