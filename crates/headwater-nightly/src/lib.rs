//! One night from open inputs to published tables: the order of its steps, its audits, its publication.
//!
//! Nothing here prints, reads the environment or asks a clock: those are handed in.

mod all_tables;
mod audit;
mod backfill;
mod catalogue_tables;
mod clearing;
pub mod contract;
mod ddl;
mod doctor;
mod dry_run;
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
mod retry;
mod rollback;
mod rule_generation;
mod rule_mutants;
mod rule_set;
mod rule_tests;
mod run;
mod same_inputs;
mod same_night;
mod stage;
mod state_chain;
mod status;
mod steps;
mod stop;
mod tables;
mod tenure;
mod tested_rules;
mod waiting;
mod watch;
mod workers;
mod workshop;

pub use all_tables::every_table;
pub use audit::AuditResult;
pub use backfill::{
    BackfillOutcome, BackfillReport, BackfillRequest, Backfilled, BackfilledNight, LookBack, backfill, look_back,
};
pub use clearing::{ClearReport, clear, clearable};
pub use ddl::{DdlRequest, Dialect, Script};
pub use doctor::{Examination, Finding, Health, examine};
pub use dry_run::{DryRun, dry_run};
pub use engine::{Engine, EngineError, EngineLimits};
pub use failure::{FailureKind, RunError};
pub use headwater_rules::{rule_file_schema, test_file_schema};
pub use judge::published_tables;
pub use reconcile::{Bridge, BridgeOfGroup, BridgeRequest, BridgeStep, reconcile};
pub use report::{FlagLine, LifetimeValueLine, RunReport, SegmentLine, VerdictLine};
pub use retry::retry;
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
pub use waiting::{Waiting, run_when_ready};
pub use watch::{Moment, Watch};
