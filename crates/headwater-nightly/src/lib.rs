//! One night from open inputs to published tables: the order of its steps, its audits, its publication.
//!
//! Nothing here prints, reads the environment or asks a clock: those are handed in.

mod audit;
mod backfill;
mod catalogue_tables;
mod clearing;
pub mod contract;
mod engine;
mod failure;
mod judge;
mod measure;
mod night;
mod preconditions;
pub mod project;
pub mod publish;
mod reconcile;
mod records;
mod report;
mod rollback;
mod rule_generation;
mod rule_mutants;
mod rule_set;
mod rule_tests;
mod run;
mod same_night;
mod stage;
mod state_chain;
mod status;
mod steps;
mod stop;
mod tables;
mod tenure;
mod workers;
mod workshop;

pub use audit::AuditResult;
pub use backfill::{BackfillOutcome, BackfillReport, BackfillRequest, Backfilled, BackfilledNight, backfill, catch_up};
pub use clearing::{ClearReport, clear, clearable};
pub use engine::{Engine, EngineError, EngineLimits};
pub use failure::{FailureKind, RunError};
pub use headwater_rules::{rule_file_schema, test_file_schema};
pub use judge::published_tables;
pub use reconcile::{Bridge, BridgeOfGroup, BridgeRequest, BridgeStep, reconcile};
pub use report::{FlagLine, LifetimeValueLine, RunReport, SegmentLine, VerdictLine};
pub use rollback::{RollbackReport, rollback};
pub use rule_generation::{GeneratedTestRequest, generate_test};
pub use rule_mutants::{MutationReport, mutate_rules};
pub use rule_set::check_rules;
pub use rule_tests::{RuleTestOutcome, RuleTestReport, UntriedCondition, run_rule_tests};
pub use run::{Published, RunRequest, run};
pub use stage::Compatibility;
pub use status::{Gaps, KeptRun, Status, status};
pub use steps::Progress;
pub use stop::{Stop, StopHandle, Stopped};
pub use tenure::Operation;
