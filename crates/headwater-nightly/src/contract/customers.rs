//! Contracts of what customers ask for, say, and are like.

use headwater_metrics::Unit;

use super::{ColumnContract, TableContract};

/// `ticket_themes`.
#[must_use]
pub fn ticket_themes() -> TableContract {
    tickets_by(
        "ticket_themes",
        "What the tickets of a group are about, in the last 90 days and in the 90 before.",
        ("theme", "what tickets are about; (unknown) where they do not say"),
    )
}

/// `ticket_channels`.
#[must_use]
pub fn ticket_channels() -> TableContract {
    tickets_by(
        "ticket_channels",
        "How the tickets of a group came in, in the last 90 days and in the 90 before.",
        ("channel", "how they came in; (unknown) where they do not say"),
    )
}

fn tickets_by(name: &str, description: &str, (column, meaning): (&str, &str)) -> TableContract {
    TableContract::of_groups(
        name,
        description,
        &[column],
        vec![
            ColumnContract::required(column, Unit::Text, meaning),
            ColumnContract::required("tickets", Unit::Count, "tickets opened in the last 90 days"),
            ColumnContract::required("accounts", Unit::Count, "accounts that opened them"),
            ColumnContract::required("recurring_accounts", Unit::Count, "those that opened two or more of them"),
            ColumnContract::optional(
                "share",
                Unit::Ratio,
                "those tickets over all of the group; unknown where it opened none in the last 90 days",
            ),
            ColumnContract::required("tickets_before", Unit::Count, "tickets opened in the 90 days before"),
            ColumnContract::optional(
                "change",
                Unit::Ratio,
                "tickets against those before, as a change; unknown where there were none",
            ),
            ColumnContract::required("still_open", Unit::Count, "tickets of the last 90 days that are not solved"),
            ColumnContract::optional(
                "resolution_hours_median",
                Unit::Hours,
                "median hours from opening to solving, of the last 90 days; unknown where none is solved",
            ),
            ColumnContract::optional(
                "satisfaction_mean",
                Unit::Number,
                "mean rating of the help given, of the last 90 days; unknown where none is rated",
            ),
        ],
    )
}

/// `churn_reasons`.
#[must_use]
pub fn churn_reasons() -> TableContract {
    TableContract::of_groups(
        "churn_reasons",
        "Why the accounts of a group that left in the lookback did, as they said it last.",
        &["reason"],
        vec![
            ColumnContract::required(
                "reason",
                Unit::Text,
                "the reason given with feedback of kind churn, or its comment; (unknown) for accounts that gave none",
            ),
            ColumnContract::required("accounts", Unit::Count, "accounts that left in the lookback"),
            ColumnContract::required("mrr_lost", Unit::Money, "recurring revenue that they took with them"),
            ColumnContract::required(
                "share_of_accounts",
                Unit::Ratio,
                "those accounts over all of the group that left",
            ),
        ],
    )
}

/// `fit_cells`.
#[must_use]
pub fn fit_cells() -> TableContract {
    TableContract::new(
        "fit_cells",
        "A kind of account, by one or two declared columns: whether its customers stay and expand more than everyone's, and what is spent on winning more of them. Plans are those of before; another column that changes because an account leaves says what became of it, not whom to win.",
        &["scope", "group_name"],
        vec![
            ColumnContract::required("scope", Unit::Text, "the account column, or two of them between a comma"),
            ColumnContract::required("group_name", Unit::Text, "their values; (unknown) where an account has none"),
            ColumnContract::required(
                "customers_before",
                Unit::Count,
                "accounts that were customers a lookback before: what the shares rest on",
            ),
            ColumnContract::optional(
                "customer_retention",
                Unit::Ratio,
                "share of them that are customers on the night; unknown where there were none",
            ),
            ColumnContract::optional("customer_retention_of_all", Unit::Ratio, "the same share of everyone"),
            ColumnContract::optional(
                "expanded_share",
                Unit::Ratio,
                "share of them that are customers on the night and expanded since",
            ),
            ColumnContract::optional("expanded_share_of_all", Unit::Ratio, "the same share of everyone"),
            ColumnContract::optional(
                "revenue_retention",
                Unit::Ratio,
                "recurring revenue of them on the night over that before, at the exchange rates of then",
            ),
            ColumnContract::required(
                "fit",
                Unit::Text,
                "best: one of the two shares is above everyone's by more than a standard error, and none below, nor revenue retention below everyone's; poor: one is below, and none above, and revenue retention is not above everyone's; good otherwise; unknown below 30 customers before",
            ),
            ColumnContract::required("new_customers", Unit::Count, "accounts won in the lookback"),
            ColumnContract::optional(
                "acquisition_spend",
                Unit::Amount,
                "what winning them cost, each at the mean of its channel; unknown where no spend is known of any",
            ),
            ColumnContract::optional("share_of_spend", Unit::Ratio, "that over the same of everyone"),
            ColumnContract::required(
                "spends_on_poor_fit",
                Unit::Flag,
                "whether the cell fits poorly and money is spent on winning more of it",
            ),
            ColumnContract::optional("revenue_retention_of_all", Unit::Ratio, "revenue retention of everyone"),
        ],
    )
}
