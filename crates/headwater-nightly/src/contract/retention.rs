//! Contracts of what comes of trials, first payments and renewals.

use headwater_metrics::Unit;

use super::{ColumnContract, TableContract};

/// `trial_cohorts`.
#[must_use]
pub fn trial_cohorts() -> TableContract {
    TableContract::of_groups(
        "trial_cohorts",
        "Trials by the calendar month in which they began, and how many became paid within a fixed number of days.",
        &["cohort", "window_days"],
        vec![
            ColumnContract::required(
                "cohort",
                Unit::Date,
                "last day of the month in which the account's first trial began; the as-of day while the month runs",
            ),
            ColumnContract::required(
                "window_days",
                Unit::Days,
                "days after the trial's first day within which a payment counts: 14, 30 or 90",
            ),
            ColumnContract::required(
                "trials",
                Unit::Count,
                "accounts that began their first trial and had not paid before",
            ),
            ColumnContract::required("due", Unit::Count, "those whose window is over"),
            ColumnContract::required(
                "won",
                Unit::Count,
                "those due that became paid within the window; free plans are not paid",
            ),
            ColumnContract::required("won_so_far", Unit::Count, "all that became paid within the window, due or not"),
            ColumnContract::required("lost", Unit::Count, "those due that did not become paid within the window"),
            ColumnContract::required(
                "undecided",
                Unit::Count,
                "those whose window is not over and that have not become paid: censored",
            ),
            ColumnContract::optional("rate", Unit::Ratio, "won over due; unknown while none is due"),
            ColumnContract::required(
                "provisional",
                Unit::Flag,
                "whether the rate can still move, because the month runs or a trial's window is not over",
            ),
        ],
    )
}

/// `clawbacks`.
#[must_use]
pub fn clawbacks() -> TableContract {
    TableContract::new(
        "clawbacks",
        "An account that left in the last 12 months, within `clawback_days` of its first payment, and the deal that won it.",
        &["account_id"],
        vec![
            ColumnContract::required("account_id", Unit::Text, "the account; one that pays again is not in the table"),
            ColumnContract::required("first_paid_on", Unit::Date, "first day of its first paid subscription"),
            ColumnContract::required("churned_on", Unit::Date, "first day without a paid subscription"),
            ColumnContract::required("days_as_payer", Unit::Days, "days between the two"),
            ColumnContract::optional(
                "seller",
                Unit::Text,
                "who sold the newest won deal of kind new that was closed up to 90 days after the first payment; unknown without such a deal",
            ),
            ColumnContract::optional("opportunity_id", Unit::Text, "that deal"),
            ColumnContract::optional("won_on", Unit::Date, "day it was won"),
            ColumnContract::optional("deal_amount", Unit::Money, "its amount"),
            ColumnContract::optional(
                "commission_amount",
                Unit::Money,
                "commission earned by it; unknown where it is not mapped",
            ),
            ColumnContract::required("early_churn_60", Unit::Flag, "whether it left within 60 days"),
            ColumnContract::required("early_churn_90", Unit::Flag, "whether it left within 90 days"),
        ],
    )
}

/// `renewals`.
#[must_use]
pub fn renewals() -> TableContract {
    TableContract::new(
        "renewals",
        "A renewal that is open or was decided in the last 24 months, and how likely it was to renew, by what became of its peers.",
        &["account_id", "opportunity_id"],
        vec![
            ColumnContract::required("account_id", Unit::Text, "the account"),
            ColumnContract::required(
                "opportunity_id",
                Unit::Text,
                "the renewal; where it has no id, the account and its number among the account's renewals",
            ),
            ColumnContract::optional(
                "due_on",
                Unit::Date,
                "day it is due; where that is not mapped, the day it was decided, unknown while open",
            ),
            ColumnContract::required("stage", Unit::Text, "open, won or lost"),
            ColumnContract::optional("amount", Unit::Money, "amount at stake"),
            ColumnContract::required(
                "checkpoint",
                Unit::Date,
                "the day the confidence stands for: the as-of day of an open renewal; 90 days before it was due of a decided one, or the day it was decided where that is earlier",
            ),
            ColumnContract::required(
                "plan",
                Unit::Text,
                "plan paid for at the checkpoint, the dearest of several; (unknown) where subscriptions do not say",
            ),
            ColumnContract::required(
                "usage_direction",
                Unit::Text,
                "usage of the 28 days up to the checkpoint against the 28 before: falling (below 0.8), steady, rising (above 1.25), none, or unknown without usage of those days",
            ),
            ColumnContract::required(
                "peers_due",
                Unit::Count,
                "renewals of the same plan and usage direction that were decided before the checkpoint",
            ),
            ColumnContract::required("peers_renewed", Unit::Count, "those of them that were won"),
            ColumnContract::optional(
                "confidence",
                Unit::Ratio,
                "share of the peers that renewed, drawn to the share of all renewals with the weight of 10; 0 to 1",
            ),
            ColumnContract::optional("reason", Unit::Text, "why the confidence is unknown"),
            ColumnContract::optional(
                "early_checkpoint",
                Unit::Date,
                "of a decided renewal, 180 days before it was due, or the day it was decided where that is earlier",
            ),
            ColumnContract::optional(
                "early_confidence",
                Unit::Ratio,
                "the confidence at that day, by the plan and the usage of then; unknown while fewer than twenty renewals were decided",
            ),
        ],
    )
}

/// `renewal_outlook`.
#[must_use]
pub fn renewal_outlook() -> TableContract {
    TableContract::of_groups(
        "renewal_outlook",
        "What of the open renewals of a group is expected to be renewed.",
        &[],
        vec![
            ColumnContract::required("renewals", Unit::Count, "open renewals"),
            ColumnContract::optional("amount", Unit::Money, "amounts at stake; unknown where none is known"),
            ColumnContract::optional("expected_amount", Unit::Money, "amounts times confidence, of those judged"),
            ColumnContract::optional(
                "confidence",
                Unit::Ratio,
                "confidence weighted by amount; unknown while fewer than twenty renewals were decided",
            ),
        ],
    )
}

/// `renewal_calibration`.
#[must_use]
pub fn renewal_calibration() -> TableContract {
    TableContract::new(
        "renewal_calibration",
        "What became of the renewals of the last 24 months in each tenth of the confidence that was given to them.",
        &["checkpoint_days", "band"],
        vec![
            ColumnContract::required(
                "checkpoint_days",
                Unit::Days,
                "days before they were due at which the confidence stands: 90 or 180",
            ),
            ColumnContract::required(
                "band",
                Unit::Text,
                "tenth of confidence, from its lower end to below its upper one",
            ),
            ColumnContract::required("renewals", Unit::Count, "decided renewals with a confidence in the band"),
            ColumnContract::required("mean_confidence", Unit::Ratio, "mean of their confidences"),
            ColumnContract::required("renewed_share", Unit::Ratio, "share of them that renewed"),
            ColumnContract::required(
                "difference",
                Unit::Ratio,
                "that share less the mean: above zero, too little was expected",
            ),
            ColumnContract::required(
                "brier_score",
                Unit::Ratio,
                "what the band adds to the Brier score of all bands of its checkpoint: squared errors over their decided renewals",
            ),
        ],
    )
}
