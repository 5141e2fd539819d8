//! Contracts of what accounts do, and do not do, in the product.

use headwater_metrics::Unit;

use super::{ColumnContract, TableContract};

/// `education_targets`.
#[must_use]
pub fn education_targets() -> TableContract {
    TableContract::new(
        "education_targets",
        "A valuable feature that an account's plan includes and that the account never used: what to teach it.",
        &["account_id", "feature"],
        vec![
            ColumnContract::required("account_id", Unit::Text, "the account"),
            ColumnContract::required("feature", Unit::Text, "the feature"),
            ColumnContract::optional("plan", Unit::Text, "the account's plan; null where it has none"),
            ColumnContract::required("is_core", Unit::Flag, "whether accounts depend on the feature"),
            ColumnContract::required("plan_accounts", Unit::Count, "accounts on the same plan"),
            ColumnContract::required(
                "plan_share_using",
                Unit::Ratio,
                "share of them that ever used the feature, 0 to 1: what others make of it",
            ),
        ],
    )
}

/// `feature_adoption`.
#[must_use]
pub fn feature_adoption() -> TableContract {
    TableContract::of_groups(
        "feature_adoption",
        "A feature and the accounts whose plan includes it: how many of them use it, and how many did.",
        &["feature"],
        vec![
            ColumnContract::required("feature", Unit::Text, "the feature"),
            ColumnContract::required("is_core", Unit::Flag, "whether accounts depend on it"),
            ColumnContract::required("is_valuable", Unit::Flag, "whether those who do not use it should learn to"),
            ColumnContract::required("eligible_accounts", Unit::Count, "accounts whose plan includes it"),
            ColumnContract::required("adopters", Unit::Count, "those of them that used it in the last 28 days"),
            ColumnContract::required("weekly_adopters", Unit::Count, "those that used it four times or more in them"),
            ColumnContract::required("adopters_before", Unit::Count, "those that used it in the 28 days before"),
            ColumnContract::required("stopped", Unit::Count, "those that used it in the 28 days before and not since"),
            ColumnContract::required("ever_adopters", Unit::Count, "those that ever used it"),
            ColumnContract::required(
                "adoption",
                Unit::Ratio,
                "adopters over the accounts whose plan includes it, 0 to 1",
            ),
            ColumnContract::required("adoption_before", Unit::Ratio, "the same of the 28 days before"),
        ],
    )
}
