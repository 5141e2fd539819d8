//! What is published: every table, its key and its columns, declared once.
//!
//! The partition column `as_of_date` is in the path; the files carry the same day as `as_of`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use headwater_metrics::Unit;
use serde::Serialize;

mod customers;
mod retention;
mod usage;
mod values;

pub use customers::{churn_reasons, fit_cells, ticket_channels, ticket_themes};
pub use retention::{clawbacks, renewal_calibration, renewal_outlook, renewals, trial_cohorts};
pub use usage::{education_targets, feature_adoption};
pub use values::{account_values, lifetime_values, model_fits, model_parameters, survival_curves, value_levers};

/// A published table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableContract {
    /// Its name and folder.
    pub name: String,
    /// What a row says.
    pub description: String,
    /// The columns that identify a row; rows are sorted by them.
    pub key: Vec<String>,
    /// All columns, in their order.
    pub columns: Vec<ColumnContract>,
}

/// A column of a published table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnContract {
    /// Its name.
    pub name: String,
    /// What its values measure; the type follows from it.
    pub unit: Unit,
    /// Whether every row has a value.
    pub required: bool,
    /// What it says.
    pub description: String,
}

impl ColumnContract {
    /// A column that may be null.
    #[must_use]
    pub fn optional(name: &str, unit: Unit, description: &str) -> Self {
        Self { name: name.to_owned(), unit, required: false, description: description.to_owned() }
    }

    /// A column that every row fills.
    #[must_use]
    pub fn required(name: &str, unit: Unit, description: &str) -> Self {
        Self { required: true, ..Self::optional(name, unit, description) }
    }
}

impl TableContract {
    /// A table; its first column is always `as_of`.
    #[must_use]
    pub fn new(name: &str, description: &str, key: &[&str], columns: Vec<ColumnContract>) -> Self {
        let as_of = ColumnContract::required("as_of", Unit::Date, "the night the row is of");
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            key: key.iter().map(|name| (*name).to_owned()).collect(),
            columns: std::iter::once(as_of).chain(columns).collect(),
        }
    }

    /// A table whose rows belong to a group of accounts; its first columns after `as_of` say which.
    fn of_groups(name: &str, description: &str, key: &[&str], columns: Vec<ColumnContract>) -> Self {
        let group = [
            ColumnContract::required("scope", Unit::Text, "total, an account column, or segment.<scheme>"),
            ColumnContract::required("group_name", Unit::Text, "the group; (unknown) gathers accounts without a value"),
        ];
        Self::new(
            name,
            description,
            &[&["scope", "group_name"], key].concat(),
            group.into_iter().chain(columns).collect(),
        )
    }

    /// The Arrow schema of its files, with Parquet field ids that follow the column order.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .zip(1..)
            .map(|(column, id): (_, u32)| {
                let metadata = HashMap::from([("PARQUET:field_id".to_owned(), id.to_string())]);
                Field::new(&column.name, column.unit.data_type(), !column.required).with_metadata(metadata)
            })
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// The columns rows are sorted by, as they are written in SQL.
    #[must_use]
    pub(crate) fn order(&self) -> String {
        let names: Vec<String> = self.key.iter().map(|name| headwater_metrics::identifier(name)).collect();
        names.join(", ")
    }
}

/// `account_metrics` of a project: its columns follow from the accounts' attributes and the metrics in use.
#[must_use]
pub fn account_metrics(columns: &[(String, Unit, String)]) -> TableContract {
    let columns = columns.iter().map(|(name, unit, description)| {
        if name == "account_id" {
            ColumnContract::required(name, *unit, description)
        } else {
            ColumnContract::optional(name, *unit, description)
        }
    });
    TableContract::new(
        "account_metrics",
        "The single view of an account: its attributes, whether each family of inputs knows it, and its metrics.",
        &["account_id"],
        columns.collect(),
    )
}

/// `mrr_movements`.
#[must_use]
pub fn mrr_movements() -> TableContract {
    TableContract::new(
        "mrr_movements",
        "Every change of an account's recurring revenue from one period end to the next; amounts add up to its MRR.",
        &["account_id", "period_end", "sequence"],
        vec![
            ColumnContract::required("account_id", Unit::Text, "the account"),
            ColumnContract::required(
                "period_end",
                Unit::Date,
                "last day of the period; the as-of day, and the same day of earlier months (of a month end, month ends)",
            ),
            ColumnContract::required("movement", Unit::Text, "new, reactivation, expansion, contraction, churn, or fx"),
            ColumnContract::optional(
                "reason",
                Unit::Text,
                "of expansion and contraction: add_on, cross_sell, part_cancelled, plan, seats, discount or price, unknown where what began and what ended do not both say their plan and seats; within_period where an account came and went in one; null for others",
            ),
            ColumnContract::required("opening_mrr", Unit::Money, "recurring revenue before the movement"),
            ColumnContract::required("closing_mrr", Unit::Money, "recurring revenue after it"),
            ColumnContract::required("amount", Unit::Money, "closing less opening"),
            ColumnContract::required("sequence", Unit::Count, "the order of the account's movements in the period"),
        ],
    )
}

/// `cohort_metrics`.
#[must_use]
pub fn cohort_metrics() -> TableContract {
    TableContract::of_groups(
        "cohort_metrics",
        "Accounts that became customers in the same period, followed by age: who stays, what they pay, what they have paid.",
        &["cohort", "age_months"],
        vec![
            ColumnContract::required("cohort", Unit::Date, "last day of the period in which they became customers"),
            ColumnContract::required("age_months", Unit::Count, "periods since then; 0 is that period itself"),
            ColumnContract::required("period_end", Unit::Date, "last day of the period that the row is about"),
            ColumnContract::required(
                "cohort_size",
                Unit::Count,
                "accounts that became customers in the cohort's period",
            ),
            ColumnContract::required("customers", Unit::Count, "those of them that are customers at the period's end"),
            ColumnContract::required("customer_retention", Unit::Ratio, "customers over the cohort's size"),
            ColumnContract::required(
                "first_mrr",
                Unit::Money,
                "recurring revenue of the cohort at the end of its first period",
            ),
            ColumnContract::required("mrr", Unit::Money, "recurring revenue of the cohort at the period's end"),
            ColumnContract::optional(
                "revenue_retention",
                Unit::Ratio,
                "that over the first; unknown where the first is nothing",
            ),
            ColumnContract::required(
                "revenue_to_date",
                Unit::Money,
                "recurring revenue of all months up to the period, added up",
            ),
            ColumnContract::required("revenue_per_account", Unit::Amount, "that over the cohort's size"),
            ColumnContract::required("few_accounts", Unit::Flag, "whether the cohort has fewer than 30 accounts"),
            ColumnContract::required("churned", Unit::Count, "times one of its accounts stopped being a customer"),
        ],
    )
}

/// `cohort_summary`.
#[must_use]
pub fn cohort_summary() -> TableContract {
    TableContract::of_groups(
        "cohort_summary",
        "What a cohort has come to: what winning it cost, whether it has paid that back, and where its revenue is heading.",
        &["cohort"],
        vec![
            ColumnContract::required(
                "cohort",
                Unit::Date,
                "last day of the period in which its accounts became customers",
            ),
            ColumnContract::required("cohort_size", Unit::Count, "accounts that became customers in that period"),
            ColumnContract::required("age_months", Unit::Count, "periods since then"),
            ColumnContract::required(
                "customer_retention",
                Unit::Ratio,
                "share of them that are customers on the night",
            ),
            ColumnContract::optional(
                "revenue_retention",
                Unit::Ratio,
                "recurring revenue over the first; unknown where the first is nothing",
            ),
            ColumnContract::optional(
                "acquisition_spend",
                Unit::Money,
                "spent on acquisition in that period; unknown where spend has no such group",
            ),
            ColumnContract::optional("cac", Unit::Amount, "that for each of its accounts"),
            ColumnContract::required(
                "margin_per_account",
                Unit::Amount,
                "margin of all months up to the night, for each of its accounts",
            ),
            ColumnContract::optional(
                "margin_cac_ratio",
                Unit::Ratio,
                "margin to date over acquisition spend; unknown without spend",
            ),
            ColumnContract::optional(
                "payback_months",
                Unit::Count,
                "first age at which margin to date reached the spend; unknown where it has not",
            ),
            ColumnContract::optional(
                "payback_censored",
                Unit::Flag,
                "whether payback is still to come, so that it is longer than the age; unknown without spend",
            ),
            ColumnContract::required(
                "pattern",
                Unit::Text,
                "rising, flat or decaying revenue over three periods; immature before its third period, and below 30 accounts",
            ),
            ColumnContract::optional(
                "monthly_churn",
                Unit::Ratio,
                "times one of its customers left over months begun as a customer; unknown in its first period",
            ),
            ColumnContract::optional(
                "expected_value_per_account",
                Unit::Amount,
                "margin to date and expected until the horizon, for each of its accounts; unknown of an immature cohort",
            ),
            ColumnContract::optional(
                "clv_cac_ratio",
                Unit::Ratio,
                "that over what winning its accounts cost; unknown without spend and of an immature cohort",
            ),
            ColumnContract::optional(
                "immature_because",
                Unit::Text,
                "why nothing is said of where its revenue is heading; unknown where something is",
            ),
        ],
    )
}

/// `revenue_by_month`.
#[must_use]
pub fn revenue_by_month() -> TableContract {
    TableContract::of_groups(
        "revenue_by_month",
        "Order revenue of a calendar month; refunds and credits count in the month of their order, whenever they come.",
        &["month_end"],
        vec![
            ColumnContract::required("month_end", Unit::Date, "last day of the month"),
            ColumnContract::required("orders", Unit::Count, "orders"),
            ColumnContract::required("net_revenue", Unit::Money, "amounts after discounts and refunds"),
            ColumnContract::required("refunds", Unit::Money, "given back, as a positive amount"),
            ColumnContract::optional("discounts", Unit::Money, "given on orders; unknown where orders do not say"),
            ColumnContract::required("provisional", Unit::Flag, "whether the month has not ended"),
            ColumnContract::optional(
                "published_before",
                Unit::Money,
                "net revenue as it was published the night before, of a month that had ended",
            ),
            ColumnContract::optional(
                "restated_by",
                Unit::Money,
                "net revenue less that, where the month had ended on the night before; not for segments, whose members change",
            ),
        ],
    )
}

/// `restatements`.
#[must_use]
pub fn restatements() -> TableContract {
    TableContract::new(
        "restatements",
        "A value of an account that was published the night before and is another one by what is known now.",
        &["account_id", "metric"],
        vec![
            ColumnContract::required("account_id", Unit::Text, "the account"),
            ColumnContract::required("metric", Unit::Text, "mrr or net_revenue_total"),
            ColumnContract::required("valid_on", Unit::Date, "the night before"),
            ColumnContract::optional("published", Unit::Money, "what was published; null for an account that was not"),
            ColumnContract::optional("restated", Unit::Money, "what that night would be now; null for nothing"),
            ColumnContract::required("change", Unit::Money, "restated less published"),
        ],
    )
}

/// What restatements read of the accounts that were published.
pub(crate) fn realised_values() -> TableContract {
    TableContract::new(
        "account_metrics",
        "",
        &["account_id"],
        vec![
            ColumnContract::required("account_id", Unit::Text, ""),
            ColumnContract::optional("mrr", Unit::Money, ""),
            ColumnContract::optional("net_revenue_total", Unit::Money, ""),
        ],
    )
}

/// `group_metrics`.
#[must_use]
pub fn group_metrics() -> TableContract {
    TableContract::of_groups(
        "group_metrics",
        "A metric of a group of accounts: everyone, a value of a dimension, a segment.",
        &["metric"],
        vec![
            ColumnContract::required("metric", Unit::Text, "the metric"),
            ColumnContract::required("unit", Unit::Text, "what the value measures"),
            ColumnContract::optional("value", Unit::Number, "the value; unknown is null, never zero"),
            ColumnContract::required("accounts", Unit::Count, "accounts the value rests on"),
            ColumnContract::optional("reason", Unit::Text, "why the value is unknown"),
            ColumnContract::optional("basis", Unit::Text, "what a lifetime value counts: margin"),
            ColumnContract::optional("method", Unit::Text, "how the value is defined, and by whom"),
        ],
    )
}

/// `run_manifest`: what the night was computed from. Times and run ids are in the manifest object, not here, so
/// that publishing a night again gives the same bytes.
#[must_use]
pub fn run_manifest() -> TableContract {
    TableContract::new(
        "run_manifest",
        "What the night was computed from and by: inputs, rows left out and why, rule files, parameters, program.",
        &["section", "name", "item"],
        vec![
            ColumnContract::required(
                "section",
                Unit::Text,
                "program, project, policy, input, object, quarantine, unknown_value, unexpected, rule_file, unavailable_metric, skipped_rule or output",
            ),
            ColumnContract::required("name", Unit::Text, "the table, file or setting"),
            ColumnContract::required("item", Unit::Text, "what is said of it"),
            ColumnContract::optional("count", Unit::Count, "a number of rows or bytes"),
            ColumnContract::optional("value", Unit::Text, "text"),
        ],
    )
}
