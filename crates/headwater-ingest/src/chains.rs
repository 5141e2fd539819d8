//! Long chains of AND and OR in the SQL of a project file, bracketed so that the engine plans them in good time.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Volatility, create_udf};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Value, VisitMut, VisitorMut,
};

/// Most parts of a chain that stand side by side: shorter ones stay as they are written.
const MOST_SIDE_BY_SIDE: usize = 16;
/// Most conditions of one AND that the engine takes apart, to pass over objects and to join tables by.
const MOST_TAKEN_APART: usize = 200;
/// Gives back what it is given. The optimizer makes one chain of any brackets of ANDs, but does not look in here.
const AS_ONE: &str = "headwater_as_one";

/// Brackets the chains in a parsed text by halves. The parser gives a chain as a tree of one level for each part, and
/// the engine asks at each level for the type of all below it.
pub(crate) fn bracket<T: VisitMut>(parsed: &mut T) {
    let ControlFlow::Continue(()) = parsed.visit(&mut Chains);
}

/// Lets a session plan what [`bracket`] writes.
pub(crate) fn prepare(state: &mut SessionState) -> Result<()> {
    let given = |values: &[_]| match values {
        [condition] => Ok(Clone::clone(condition)),
        _ => internal_err!("one condition expected"),
    };
    let as_one = create_udf(AS_ONE, vec![DataType::Boolean], DataType::Boolean, Volatility::Immutable, Arc::new(given));
    state.register_udf(Arc::new(as_one)).map(|_| ())
}

struct Chains;

impl VisitorMut for Chains {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let operator = match expr {
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => op.clone(),
            _ => return ControlFlow::Continue(()),
        };
        let parts = parts(std::mem::replace(expr, Expr::value(Value::Null)), &operator);
        *expr = match parts.len() {
            ..=MOST_SIDE_BY_SIDE => joined(parts, &operator),
            MOST_TAKEN_APART.. if operator == BinaryOperator::And => as_one(halves(parts, &operator)),
            _ => halves(parts, &operator),
        };
        ControlFlow::Continue(())
    }
}

/// The parts of a chain in their order.
fn parts(chain: Expr, operator: &BinaryOperator) -> Vec<Expr> {
    let mut parts = Vec::new();
    let mut rest = chain;
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *operator => {
                parts.push(*right);
                rest = *left;
            }
            first => {
                parts.push(first);
                parts.reverse();
                return parts;
            }
        }
    }
}

/// The chain in brackets, so that the walk does not take it for one again when it comes to its halves.
fn halves(mut parts: Vec<Expr>, operator: &BinaryOperator) -> Expr {
    let chain = if parts.len() <= MOST_SIDE_BY_SIDE {
        joined(parts, operator)
    } else {
        let second = parts.split_off(parts.len() / 2);
        joined(vec![halves(parts, operator), halves(second, operator)], operator)
    };
    Expr::Nested(Box::new(chain))
}

fn joined(parts: Vec<Expr>, operator: &BinaryOperator) -> Expr {
    let chain = parts.into_iter().reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: operator.clone(),
        right: Box::new(right),
    });
    chain.unwrap_or_else(|| Expr::value(Value::Null))
}

fn as_one(condition: Expr) -> Expr {
    let condition = FunctionArg::Unnamed(FunctionArgExpr::Expr(condition));
    let args = FunctionArgumentList { duplicate_treatment: None, args: vec![condition], clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(AS_ONE)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
