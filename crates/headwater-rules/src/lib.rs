//! Rule files from YAML to plans, with every problem reported at its place.
//!
//! Three passes, a type each: [`parse`] gives [`RawRules`], [`check`] gives [`CheckedRules`], and only those can
//! be [`compile`]d. Plans go out as SQL text over tables the night registers; nothing here does I/O.

mod check;
mod checked;
mod compile;
mod environment;
mod expression;
mod header;
mod kinds;
mod outputs;
mod raw;
mod reading;
mod schema;
mod testing;

pub use check::check;
pub use checked::{CheckedRules, LeftOutRule};
pub use compile::{Audit, CompiledRules, DerivedColumn, PlanContext, compile};
pub use environment::Environment;
pub use expression::{PLAN_NESTING, suggest_metric};
pub use header::RuleSeverity;
pub use outputs::{OutputColumn, OutputTable};
pub use raw::{RawRules, parse};
pub use schema::{rule_file_schema, test_file_schema};
pub use testing::{
    Cell, Condition, Expectation, Expected, GivenGroup, Mutant, RuleTest, RuleTests, TestedKind, ValueOf, mutants,
    read_tests,
};
