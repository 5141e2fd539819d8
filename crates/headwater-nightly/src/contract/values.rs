//! Contracts of lifetime values, and of the models and curves behind them.

use headwater_metrics::Unit;

use super::{ColumnContract, TableContract};

/// What says which fit a row is of.
fn of_fits(name: &str, description: &str, key: &[&str], columns: Vec<ColumnContract>) -> TableContract {
    let fit = [
        ColumnContract::required("term_months", Unit::Count, "months of a term, of models of staying; 0 of all others"),
        ColumnContract::required(
            "model",
            Unit::Text,
            "nbd, bg_nbd or mbg_nbd of buying, gamma_gamma of order values, geometric or sbg of staying",
        ),
    ];
    TableContract::of_groups(
        name,
        description,
        &[&["term_months", "model"], key].concat(),
        fit.into_iter().chain(columns).collect(),
    )
}

/// `model_fits`.
#[must_use]
pub fn model_fits() -> TableContract {
    of_fits(
        "model_fits",
        "A model fitted to the accounts of a group, and what came of it.",
        &[],
        vec![
            ColumnContract::required(
                "outcome",
                Unit::Text,
                "fitted, or why the model cannot be used: too_few_customers, too_little_history, no_repeat_purchases, too_few_repeat_customers, dropout_not_identified, nobody_left, at_bound, not_converged, infinite_mean",
            ),
            ColumnContract::required("is_used", Unit::Flag, "whether accounts of the group are scored by it"),
            ColumnContract::required("customers", Unit::Count, "customers it was fitted to"),
            ColumnContract::required(
                "informative_customers",
                Unit::Count,
                "those whose history tells the model something: they came back, or could have left",
            ),
            ColumnContract::required("histories", Unit::Count, "different histories among them"),
            ColumnContract::optional(
                "log_likelihood",
                Unit::Number,
                "natural logarithm of the likelihood, time in weeks or renewals; unknown where nothing was fitted",
            ),
            ColumnContract::optional(
                "gain",
                Unit::Number,
                "log-likelihood over that of the simpler model: nbd for bg_nbd and mbg_nbd, geometric for sbg",
            ),
            ColumnContract::optional(
                "gradient",
                Unit::Number,
                "largest slope of the mean log-likelihood over the logarithm of a parameter; converged at 1e-8",
            ),
            ColumnContract::required("starts", Unit::Count, "points the search began at"),
            ColumnContract::required("starts_agreeing", Unit::Count, "those that ended at the same likelihood"),
            ColumnContract::optional(
                "correlation",
                Unit::Number,
                "of gamma_gamma: between repeat orders and their mean value, which it takes as independent; beyond ±0.3 it is not",
            ),
        ],
    )
}

/// `model_parameters`.
#[must_use]
pub fn model_parameters() -> TableContract {
    of_fits(
        "model_parameters",
        "A parameter of a fitted model.",
        &["parameter"],
        vec![
            ColumnContract::required("parameter", Unit::Text, "its name in the papers"),
            ColumnContract::required("unit", Unit::Text, "what it is measured in"),
            ColumnContract::required("value", Unit::Number, "its value"),
            ColumnContract::optional(
                "standard_error",
                Unit::Number,
                "its standard error, from the curvature of the likelihood; unknown where that is flat",
            ),
            ColumnContract::required(
                "is_used",
                Unit::Flag,
                "whether accounts of the group are scored by the model; parameters of the others are shown for comparison alone",
            ),
        ],
    )
}

/// `survival_curves`.
#[must_use]
pub fn survival_curves() -> TableContract {
    TableContract::of_groups(
        "survival_curves",
        "The share of payers that stays beyond a month of age (Kaplan and Meier), for months in which one left or was last seen.",
        &["age_months"],
        vec![
            ColumnContract::required(
                "age_months",
                Unit::Count,
                "whole months of 30.4375 days since the first paid day",
            ),
            ColumnContract::required(
                "at_risk",
                Unit::Count,
                "accounts seen in that month of age before any of them left",
            ),
            ColumnContract::required("churned", Unit::Count, "accounts that left in it"),
            ColumnContract::required("censored", Unit::Count, "accounts that were last seen in it and still pay"),
            ColumnContract::required("survival", Unit::Ratio, "share that stays beyond it"),
            ColumnContract::required(
                "low",
                Unit::Ratio,
                "lower end of its 95 % interval: log-log; exact (Clopper and Pearson) while nobody has left",
            ),
            ColumnContract::required("high", Unit::Ratio, "upper end of it"),
        ],
    )
}

fn basis() -> ColumnContract {
    ColumnContract::required("basis", Unit::Text, "what counts: revenue, net (after refunds) or margin")
}

fn horizon() -> ColumnContract {
    ColumnContract::optional(
        "horizon_months",
        Unit::Count,
        "months ahead that count; unknown where there is no end to them",
    )
}

/// `lifetime_values`.
#[must_use]
pub fn lifetime_values() -> TableContract {
    TableContract::of_groups(
        "lifetime_values",
        "The lifetime value of an account of a group by one method; methods stand side by side and are not to be added.",
        &["method"],
        vec![
            ColumnContract::required(
                "method",
                Unit::Text,
                "arpa_over_churn, discounted_at_churn, survival, cohorts, contract_model, value_times_frequency or order_model",
            ),
            basis(),
            ColumnContract::required(
                "timing",
                Unit::Text,
                "when a payment counts: undiscounted, start_of_month, end_of_month or at_renewal",
            ),
            horizon(),
            ColumnContract::optional("value", Unit::Amount, "the value; unknown is null, never infinite"),
            ColumnContract::optional(
                "low",
                Unit::Amount,
                "lower end of its 95 % interval, from what the value rests on and not from how customers differ; of cohorts the lowest; unknown where there is none. Also known where the value is not, for want of churn",
            ),
            ColumnContract::optional("high", Unit::Amount, "upper end, or the highest of the cohorts"),
            ColumnContract::required("accounts", Unit::Count, "accounts it rests on"),
            ColumnContract::required("eligible", Unit::Flag, "whether the method says anything of the group"),
            ColumnContract::optional("reason", Unit::Text, "why it does not"),
        ],
    )
}

/// `value_levers`.
#[must_use]
pub fn value_levers() -> TableContract {
    TableContract::of_groups(
        "value_levers",
        "How strongly lifetime value of a group follows one of its levers, at the point where the group is.",
        &["lever"],
        vec![
            ColumnContract::required("lever", Unit::Text, "retention, expansion, price or frequency"),
            ColumnContract::optional("elasticity", Unit::Number, "percent more of value for one percent more of it"),
            ColumnContract::optional(
                "strength",
                Unit::Count,
                "its rank among the levers of its kind in the group; 1 is the strongest, unknown where the elasticity is",
            ),
            ColumnContract::required("accounts", Unit::Count, "accounts it rests on"),
            ColumnContract::optional("reason", Unit::Text, "why the elasticity is unknown"),
            ColumnContract::required(
                "kind",
                Unit::Text,
                "the value that it moves: of subscriptions (`discounted_at_churn`) or of orders (`value_times_frequency`)",
            ),
        ],
    )
}

/// `account_values`.
#[must_use]
pub fn account_values() -> TableContract {
    TableContract::new(
        "account_values",
        "What an account that ever paid or ordered brought and is expected to bring, by one method; methods are not to be added.",
        &["account_id", "method"],
        vec![
            ColumnContract::required("account_id", Unit::Text, "the account"),
            ColumnContract::required("method", Unit::Text, "contract_model of subscriptions, order_model of orders"),
            basis(),
            horizon(),
            ColumnContract::optional("realised", Unit::Amount, "what it brought until now, undiscounted"),
            ColumnContract::optional(
                "residual",
                Unit::Amount,
                "what it is expected to bring, discounted; 0 for one that left",
            ),
            ColumnContract::optional("total", Unit::Amount, "both together"),
            ColumnContract::optional(
                "residual_low",
                Unit::Amount,
                "what 95 of 100 such accounts still bring at least, undiscounted; unknown for orders",
            ),
            ColumnContract::optional(
                "residual_high",
                Unit::Amount,
                "what 5 of 100 such accounts still bring at least, undiscounted; unknown for orders",
            ),
            ColumnContract::optional(
                "stays_12m",
                Unit::Ratio,
                "probability that it makes every renewal of the next twelve months; unknown for orders",
            ),
            ColumnContract::optional(
                "alive",
                Unit::Ratio,
                "probability that it still orders; unknown for subscriptions, where leaving is seen",
            ),
            ColumnContract::required("eligible", Unit::Flag, "whether the method says anything of the account"),
            ColumnContract::optional("reason", Unit::Text, "why it does not"),
            ColumnContract::optional(
                "model",
                Unit::Text,
                "the model of staying or of buying that it is scored by; unknown where none could be fitted",
            ),
            ColumnContract::optional(
                "term_months",
                Unit::Count,
                "months of its term, which the model is fitted to; unknown for orders",
            ),
            ColumnContract::optional(
                "fit_scope",
                Unit::Text,
                "scope of that fit in `model_fits`: its own group's, or `total` where its group has none that can be used",
            ),
            ColumnContract::optional("fit_group", Unit::Text, "group of that fit in `model_fits`"),
            ColumnContract::optional(
                "residual_error",
                Unit::Amount,
                "standard error of the residual from the errors of the models' parameters (delta method): how far another sample of customers would have moved it, not how far the account may be from it",
            ),
        ],
    )
}
