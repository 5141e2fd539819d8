//! Operators, CASE and casts: which types go together, and what they give.

use std::ops::Range;

use chrono::NaiveDate;
use datafusion::sql::sqlparser::ast::{BinaryOperator, CaseWhen, DataType, ExactNumberInfo, Expr, UnaryOperator};
use headwater_diagnostics::{Code, Diagnostic};

use super::node::{LikeForm, Node, Operator};
use super::walk::Walk;
use super::{Expression, Kind, Literal};

impl Walk<'_, '_> {
    pub(super) fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Expression {
        match op {
            BinaryOperator::And | BinaryOperator::Or => self.chain(left, op, right),
            _ => match operator(op) {
                Some(operator) => {
                    let left = self.expression(left);
                    self.beside_text = left.kind == Kind::Text && operator.compares();
                    let right = self.expression(right);
                    self.beside_text = false;
                    self.combine(operator, left, right)
                }
                None => {
                    let (left, right) = (self.expression(left), self.expression(right));
                    let at = around(&left, &right);
                    self.problem(
                        Code::ConstructRefused,
                        &at,
                        format!("the operator `{op}` is not part of the language"),
                    )
                }
            },
        }
    }

    /// `a AND b AND c` as one list: long chains are common, deep nesting is not.
    fn chain(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Expression {
        let mut operands = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp { left, op: same, right } = rest
            && same == op
        {
            operands.push(right);
            rest = left;
        }
        operands.push(rest);
        let conditions: Vec<_> = operands.into_iter().rev().map(|operand| self.condition(operand)).collect();
        let at = conditions.first().map_or(0, |first| first.at.start)..conditions.last().map_or(0, |last| last.at.end);
        let node = if *op == BinaryOperator::And { Node::All(conditions) } else { Node::Any(conditions) };
        Expression { node, kind: Kind::Flag, at }
    }

    /// A part that must be true, false or unknown.
    fn condition(&mut self, tree: &Expr) -> Expression {
        let condition = self.expression(tree);
        if condition.kind.fits(Kind::Flag) {
            return condition;
        }
        let message = format!("{} is not a condition", condition.kind.words());
        let problem = Diagnostic::at(Code::NotACondition, self.span(&condition.at), message);
        let help = match condition.constant() {
            Some(Literal::Text(_)) => "one of several texts is written `plan IN ('team', 'solo')`",
            _ => "compare it with something",
        };
        self.report(problem.help(help), &condition.at)
    }

    pub(super) fn unary(&mut self, op: UnaryOperator, inner: &Expr) -> Expression {
        match op {
            UnaryOperator::Not => {
                let condition = self.condition(inner);
                let at = condition.at.clone();
                Expression { node: Node::Not(Box::new(condition)), kind: Kind::Flag, at }
            }
            UnaryOperator::Plus | UnaryOperator::Minus => {
                let operand = self.expression(inner);
                if !operand.kind.is_numeric() {
                    let message = format!("a sign before {}", operand.kind.words());
                    return self.problem(Code::TypeMismatch, &operand.at, message);
                }
                if op == UnaryOperator::Plus { operand } else { negated(operand) }
            }
            _ => {
                let operand = self.expression(inner);
                self.problem(
                    Code::ConstructRefused,
                    &operand.at,
                    format!("the operator `{op}` is not part of the language"),
                )
            }
        }
    }

    pub(super) fn distinct(&mut self, left: &Expr, right: &Expr, same: bool) -> Expression {
        let (left, right) = (self.expression(left), self.expression(right));
        self.combine(if same { Operator::NotDistinct } else { Operator::Distinct }, left, right)
    }

    /// An operator over two checked operands.
    fn combine(&mut self, operator: Operator, left: Expression, right: Expression) -> Expression {
        let at = around(&left, &right);
        self.remark_on_constants(operator, &left, &right, &at);
        let kind = if operator.compares() {
            let (left, right) = self.alike(left, right);
            return match self.comparable(operator, &left, &right) {
                true => {
                    Expression { node: Node::Binary(operator, Box::new(left), Box::new(right)), kind: Kind::Flag, at }
                }
                false => Expression { kind: Kind::Flag, ..Expression::refused(at) },
            };
        } else {
            result(operator, left.kind, right.kind)
        };
        match kind {
            Some(kind) => Expression { node: Node::Binary(operator, Box::new(left), Box::new(right)), kind, at },
            None => {
                let message =
                    format!("`{}` between {} and {}", operator.symbol(), left.kind.words(), right.kind.words());
                self.problem(Code::TypeMismatch, &at, message)
            }
        }
    }

    /// Says what constants alone decide: a comparison of two, and a division by nought.
    fn remark_on_constants(&mut self, operator: Operator, left: &Expression, right: &Expression, at: &Range<usize>) {
        let literal = |side: &Expression| match &side.node {
            Node::Literal(literal) if *literal != Literal::Null => Some(literal.clone()),
            _ => None,
        };
        let place = self.span(at);
        match (literal(left), literal(right)) {
            (Some(_), Some(_)) if operator.compares() => {
                let problem = Diagnostic::at(Code::SameForAll, place, "two constants are compared");
                self.remark(problem.label("this is the same for every account"));
            }
            (_, Some(divisor))
                if matches!(operator, Operator::Divide | Operator::Modulo) && divisor.number() == Some(0.0) =>
            {
                let problem = Diagnostic::at(Code::Contradiction, place, "a division by nought is never known");
                self.remark(problem);
            }
            _ => {}
        }
    }

    /// Text written beside a date is read as a date.
    fn alike(&mut self, left: Expression, right: Expression) -> (Expression, Expression) {
        match (left.kind, right.kind) {
            (Kind::Date, Kind::Text) => {
                let right = self.as_date(right);
                (left, right)
            }
            (Kind::Text, Kind::Date) => {
                let left = self.as_date(left);
                (left, right)
            }
            _ => (left, right),
        }
    }

    pub(super) fn as_date(&mut self, text: Expression) -> Expression {
        let Node::Literal(Literal::Text(written)) = &text.node else { return text };
        match written.parse::<NaiveDate>() {
            Ok(day) => Expression { node: Node::Literal(Literal::Date(day)), kind: Kind::Date, at: text.at },
            Err(_) => {
                let problem =
                    Diagnostic::at(Code::TypeMismatch, self.span(&text.at), format!("`{written}` is not a date"));
                self.report(problem.help("write 'YYYY-MM-DD'"), &text.at)
            }
        }
    }

    /// Whether two operands can be compared; a problem where they cannot.
    fn comparable(&mut self, operator: Operator, left: &Expression, right: &Expression) -> bool {
        let null = [left, right].into_iter().find(|side| side.constant() == Some(&Literal::Null));
        if let (Some(null), false) = (null, matches!(operator, Operator::Distinct | Operator::NotDistinct)) {
            let problem =
                Diagnostic::at(Code::NullComparison, self.span(&null.at), "a comparison with NULL is never true");
            let remedy = if operator == Operator::NotEqual { "write IS NOT NULL" } else { "write `value IS NULL`" };
            self.report(problem.help(remedy), &null.at);
            return false;
        }
        let joined = left.kind.joined(right.kind);
        if joined.is_none() {
            let message = format!("{} compared with {}", left.kind.words(), right.kind.words());
            let mut problem =
                Diagnostic::at(Code::TypeMismatch, self.span(&right.at), message).label(right.kind.words());
            if let (true, Some(Literal::Text(text))) = (left.kind.is_numeric(), right.constant())
                && text.parse::<f64>().is_ok()
            {
                problem = problem.help(format!("write {text} without quotes"));
            } else if matches!(right.constant(), Some(Literal::Text(text)) if text.eq_ignore_ascii_case("null")) {
                problem = problem.help("write `value IS NULL`");
            } else if left.kind == Kind::Date && right.kind.is_numeric() {
                problem = problem.help("a day stands in quotes: '2026-05-31'");
            } else if left.kind == Kind::Flag {
                let is_chained = matches!(&left.node, Node::Binary(operator, ..) if operator.orders());
                problem = problem.help(if is_chained {
                    "what is true or false stands alone; between two numbers is `value > 5 AND value < 7`"
                } else {
                    "what is true or false stands alone, or with NOT before it"
                });
            }
            self.report(problem, &right.at);
            return false;
        }
        if operator.orders() && joined == Some(Kind::Flag) {
            self.problem(Code::TypeMismatch, &around(left, right), "true and false have no order");
            return false;
        }
        self.known_word(left, right) && self.known_word(right, left)
    }

    /// Text compared with a segment or a band must be one of those there are.
    fn known_word(&mut self, column: &Expression, text: &Expression) -> bool {
        let (Node::Column(column), Some(Literal::Text(word))) = (&column.node, text.constant()) else { return true };
        let Some((known, called)) = self.names.words_of(column).filter(|(known, _)| !known.contains(word)) else {
            return true;
        };
        let message = format!("`{}` has no {called} `{word}`", column.name);
        let problem = Diagnostic::at(Code::UnknownSegment, self.span(&text.at), message);
        self.report(problem.one_of(word, known.iter().map(String::as_str)), &text.at);
        false
    }

    pub(super) fn is(&mut self, inner: &Expr, what: &'static str, negated: bool) -> Expression {
        let operand = if what == "NULL" { self.expression(inner) } else { self.condition(inner) };
        let at = operand.at.clone();
        Expression { node: Node::Is(Box::new(operand), what, negated), kind: Kind::Flag, at }
    }

    pub(super) fn in_list(&mut self, operand: &Expr, list: &[Expr], negated: bool) -> Expression {
        let operand = self.expression(operand);
        let mut items = Vec::new();
        let mut sound = true;
        for item in list {
            let item = self.expression(item);
            let (_, item) = self.alike(operand.clone(), item);
            sound &= self.comparable(Operator::Equal, &operand, &item);
            items.push(item);
        }
        let at = operand.at.start..items.last().map_or(operand.at.end, |last| last.at.end);
        let node = if sound { Node::In(Box::new(operand), items, negated) } else { Node::Refused };
        Expression { node, kind: Kind::Flag, at }
    }

    pub(super) fn between(&mut self, [operand, low, high]: [&Expr; 3], negated: bool) -> Expression {
        let operand = self.expression(operand);
        let (low, high) = (self.expression(low), self.expression(high));
        let (_, low) = self.alike(operand.clone(), low);
        let (_, high) = self.alike(operand.clone(), high);
        let at = around(&operand, &high);
        let low_sound = self.comparable(Operator::GreaterOrEqual, &operand, &low);
        let sound = self.comparable(Operator::LessOrEqual, &operand, &high) && low_sound;
        let node = if sound {
            Node::Between(Box::new(operand), Box::new(low), Box::new(high), negated)
        } else {
            Node::Refused
        };
        Expression { node, kind: Kind::Flag, at }
    }

    pub(super) fn like(&mut self, operand: &Expr, pattern: &Expr, negated: bool, any_case: bool) -> Expression {
        let (operand, pattern) = (self.expression(operand), self.expression(pattern));
        let at = around(&operand, &pattern);
        for side in [&operand, &pattern] {
            if !side.kind.fits(Kind::Text) {
                return self.problem(Code::TypeMismatch, &side.at, format!("LIKE with {}", side.kind.words()));
            }
        }
        let form = LikeForm { negated, any_case };
        Expression { node: Node::Like(Box::new(operand), Box::new(pattern), form), kind: Kind::Flag, at }
    }

    pub(super) fn case(
        &mut self,
        start: Range<usize>,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Expression {
        let operand = operand.map(|operand| self.expression(operand));
        let mut branches = Vec::new();
        for branch in conditions {
            let condition = match &operand {
                None => self.condition(&branch.condition),
                Some(operand) => {
                    let value = self.expression(&branch.condition);
                    self.combine(Operator::Equal, operand.clone(), value)
                }
            };
            branches.push((condition, self.expression(&branch.result)));
        }
        let otherwise = otherwise.map(|otherwise| Box::new(self.expression(otherwise)));
        let results: Vec<_> = branches.iter().map(|(_, result)| result).chain(otherwise.as_deref()).collect();
        let kind = self.one_kind("the branches of CASE", &results);
        let end = results.last().map_or(start.end, |last| last.at.end);
        Expression { node: Node::Case(branches, otherwise), kind, at: start.start..end }
    }

    /// The kind of all values; a problem at the first that does not go with those before it.
    pub(super) fn one_kind(&mut self, what: &str, values: &[&Expression]) -> Kind {
        let mut kind = Kind::Null;
        for value in values {
            match kind.joined(value.kind) {
                Some(joined) => kind = joined,
                None => {
                    let message = format!("{what} give {} and {}", kind.words(), value.kind.words());
                    self.problem(Code::TypeMismatch, &value.at, message);
                    return Kind::Anything;
                }
            }
        }
        kind
    }

    pub(super) fn cast(&mut self, inner: &Expr, to: &DataType) -> Expression {
        let operand = self.expression(inner);
        let at = operand.at.clone();
        if let Some(instead) = instead_of_size(to) {
            let problem = Diagnostic::at(Code::ConstructRefused, self.span(&at), format!("a cast to `{to}`"));
            return self.report(problem.label("types have no sizes here").help(instead), &at);
        }
        let (kind, sql) = match to {
            DataType::Int(_) | DataType::Integer(_) | DataType::BigInt(_) => (Kind::Whole, "BIGINT"),
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float(_) | DataType::Real => {
                (Kind::Number, "DOUBLE")
            }
            DataType::Decimal(_) | DataType::Numeric(_) | DataType::Dec(_) => (Kind::Money, "DECIMAL(18, 2)"),
            DataType::Varchar(_) | DataType::Text | DataType::String(_) | DataType::Char(_) => (Kind::Text, "VARCHAR"),
            DataType::Date => (Kind::Date, "DATE"),
            DataType::Boolean | DataType::Bool => (Kind::Flag, "BOOLEAN"),
            other => {
                let problem = Diagnostic::at(Code::ConstructRefused, self.span(&at), format!("a cast to `{other}`"));
                return self.report(problem.one_of(&other.to_string().to_ascii_uppercase(), CASTS), &at);
            }
        };
        if !can_be_cast(operand.kind, kind) {
            let message = format!("{} cannot become {}", operand.kind.words(), kind.words());
            return self.problem(Code::TypeMismatch, &at, message);
        }
        Expression { node: Node::Cast(Box::new(operand), sql), kind, at }
    }
}

/// What is written for a type whose size would not be heard of; none for one without.
fn instead_of_size(to: &DataType) -> Option<&'static str> {
    let is_plain =
        |info: &ExactNumberInfo| matches!(info, ExactNumberInfo::None | ExactNumberInfo::PrecisionAndScale(18, 2));
    match to {
        DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info) if !is_plain(info) => {
            Some("write DECIMAL for an amount of two digits, or `round(value, digits)`")
        }
        DataType::SmallInt(_) | DataType::Int(Some(_)) | DataType::Integer(Some(_)) | DataType::BigInt(Some(_)) => {
            Some("write INTEGER")
        }
        DataType::Varchar(Some(_)) | DataType::String(Some(_)) | DataType::Char(_) => Some("write VARCHAR"),
        _ => None,
    }
}

/// Whether the engine has a value of another kind for one of this.
fn can_be_cast(from: Kind, to: Kind) -> bool {
    match from {
        Kind::Flag => !matches!(to, Kind::Money | Kind::Date),
        Kind::Date => !matches!(to, Kind::Number | Kind::Money | Kind::Flag),
        Kind::Whole | Kind::Number => to != Kind::Date,
        Kind::Money => !matches!(to, Kind::Date | Kind::Flag),
        _ => true,
    }
}

/// The types that a value can be cast to, as messages name them.
const CASTS: [&str; 6] = ["BIGINT", "DOUBLE", "DECIMAL", "VARCHAR", "DATE", "BOOLEAN"];

fn negated(operand: Expression) -> Expression {
    let at = operand.at.start.saturating_sub(1)..operand.at.end;
    let node = match operand.node {
        Node::Literal(Literal::Whole(number)) => Node::Literal(Literal::Whole(number.saturating_neg())),
        Node::Literal(Literal::Real(text)) => Node::Literal(Literal::Real(match text.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None => format!("-{text}"),
        })),
        node => Node::Negate(Box::new(Expression { node, kind: operand.kind, at: operand.at })),
    };
    Expression { node, kind: operand.kind, at }
}

/// The characters from the first operand to the last.
fn around(left: &Expression, right: &Expression) -> Range<usize> {
    left.at.start.min(right.at.start)..left.at.end.max(right.at.end)
}

fn operator(op: &BinaryOperator) -> Option<Operator> {
    Some(match op {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Times,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Modulo => Operator::Modulo,
        BinaryOperator::StringConcat => Operator::Join,
        BinaryOperator::Eq => Operator::Equal,
        BinaryOperator::NotEq => Operator::NotEqual,
        BinaryOperator::Lt => Operator::Less,
        BinaryOperator::LtEq => Operator::LessOrEqual,
        BinaryOperator::Gt => Operator::Greater,
        BinaryOperator::GtEq => Operator::GreaterOrEqual,
        _ => return None,
    })
}

/// What an operator that calculates gives, where it has a meaning.
fn result(operator: Operator, left: Kind, right: Kind) -> Option<Kind> {
    use Kind::{Anything, Date, Interval, Money, Null, Number, Text, Whole};
    let numbers = left.is_numeric() && right.is_numeric();
    match (operator, left, right) {
        (_, Anything, _) | (_, _, Anything) => Some(Anything),
        (Operator::Join, Text | Null, Text | Null) => Some(Text),
        (Operator::Join, ..) => None,
        (Operator::Minus, Date, Date) => Some(Whole),
        (Operator::Plus | Operator::Minus, Date, Whole | Interval | Null) => Some(Date),
        (Operator::Plus, Whole | Interval | Null, Date) => Some(Date),
        _ if !numbers => None,
        (Operator::Times, Money, Money) => None,
        (Operator::Divide, Money, Money) => Some(Number),
        (Operator::Divide, Money, _) => Some(Money),
        (Operator::Divide, ..) => Some(Number),
        (Operator::Times, Money, _) | (Operator::Times, _, Money) => Some(Money),
        (Operator::Modulo, Money, _) | (Operator::Modulo, _, Money) => None,
        (_, Money, _) | (_, _, Money) => Some(Money),
        (_, Whole, Whole) => Some(Whole),
        _ => Some(Number),
    }
}
