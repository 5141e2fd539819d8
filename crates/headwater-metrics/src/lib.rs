//! The metric catalogue: what each metric means, in which unit and grain, when it is unknown, and its plan.
//!
//! Nothing here reads a file, a clock or an environment: plans go out as SQL for the engine that runs them.

pub mod as_of;
mod billing;
mod catalogue;
mod functions;
mod inputs;
mod metric;
pub mod models;
mod plan;
mod policy;
mod query;
mod unit;
mod window;

pub use as_of::AsOf;
pub use billing::{BILLING_INTERVALS, BillingInterval};
pub use catalogue::{Catalogue, Declaration};
pub use functions::{exchanged, register_functions};
pub use inputs::{ColumnType, InputColumn, InputTable};
pub use metric::{Grain, Metric};
pub use plan::{
    Basis, CORRECTS, Economics, Exchange, FeatureSeen, GrossMargin, GroupPlan, GroupScope, Lifetimes, MeasurePlan,
    Night, RESERVED_NAMES, SegmentName, account_values, churn_reasons, clawbacks, cohort_summary, cohorts,
    coverage_columns, education_targets, feature_adoption, features_query, fit_cells, lifetime_values, model_fits,
    model_parameters, movements, observed_margin, published_movements, renewal_calibration, renewal_outlook, renewals,
    restatements, revenue_by_month, survival_curves, ticket_channels, ticket_themes, trial_cohorts,
    value_account_metrics, value_levers, value_metrics,
};
pub use policy::{PolicyPreset, PolicySwitch, RevenuePolicy};
pub use query::{Query, identifier, joined, literal};
pub use unit::{MONEY_PRECISION, MONEY_SCALE, TOO_LARGE_MONEY, Unit};
pub use window::{MAX_WINDOW_DAYS, MAX_WINDOW_MONTHS, Window};
