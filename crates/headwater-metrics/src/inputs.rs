//! The thirteen logical tables that metrics are computed from, whatever a company's lake looks like.

use serde::Serialize;

use crate::billing::BILLING_WORDS;

/// A logical input table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputTable {
    /// Who is (or could become) a customer.
    Accounts,
    /// What other currencies are worth.
    ExchangeRates,
    /// What was subscribed, from when to when, at which recurring price.
    Subscriptions,
    /// One-off and repeated purchases.
    Orders,
    /// What users did in the product.
    UsageEvents,
    /// Requests for help.
    SupportTickets,
    /// Surveys, reviews and requests.
    Feedback,
    /// What was spent to win and to keep customers.
    Spend,
    /// What it cost to win over, serve and help accounts.
    Costs,
    /// The price list and its limits.
    Plans,
    /// Which plan includes which feature of the product, and what the features are.
    Entitlements,
    /// Deals in the sales pipeline.
    Opportunities,
    /// Offers and prompts that were shown.
    Exposures,
}

/// The kind of value a column holds; the contract says which stored types it may be cast from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// An identifier: text or whole numbers, kept as text.
    Id,
    /// Text.
    Text,
    /// A day; timestamps are cut to their day in the project's zone.
    Date,
    /// An instant.
    Timestamp,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// An amount: decimals, whole or floating numbers, rounded once to the money scale.
    Money,
    /// True or false.
    Flag,
}

impl ColumnType {
    /// Every type.
    pub const ALL: &'static [Self] =
        &[Self::Id, Self::Text, Self::Date, Self::Timestamp, Self::Integer, Self::Number, Self::Money, Self::Flag];

    /// The word for it in project files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "text",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Money => "money",
            Self::Flag => "flag",
        }
    }

    /// What a value of it measures when it is an attribute of an account.
    #[must_use]
    pub fn unit(self) -> crate::Unit {
        match self {
            Self::Id | Self::Text => crate::Unit::Text,
            Self::Date | Self::Timestamp => crate::Unit::Date,
            Self::Integer => crate::Unit::Count,
            Self::Number => crate::Unit::Number,
            Self::Money => crate::Unit::Money,
            Self::Flag => crate::Unit::Flag,
        }
    }
}

/// A column of a logical table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct InputColumn {
    /// Its name in mappings, expressions and plans.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether the table is useless without it.
    pub required: bool,
    /// What it says.
    pub meaning: &'static str,
    /// The words that metrics read in it, in small letters; none where any text is as good as any other.
    pub words: &'static [&'static str],
    /// Whether rows with any other word count for nothing.
    pub only_words: bool,
}

const fn optional(name: &'static str, kind: ColumnType, meaning: &'static str) -> InputColumn {
    InputColumn { name, kind, required: false, meaning, words: &[], only_words: false }
}

const fn required(name: &'static str, kind: ColumnType, meaning: &'static str) -> InputColumn {
    InputColumn { required: true, ..optional(name, kind, meaning) }
}

impl InputColumn {
    /// The same column where no other words have a meaning.
    const fn one_of(self, words: &'static [&'static str]) -> Self {
        Self { words, only_words: true, ..self }
    }

    /// The same column where other words have a meaning too, that only the project knows.
    const fn such_as(self, words: &'static [&'static str]) -> Self {
        Self { words, only_words: false, ..self }
    }
}

impl InputTable {
    /// Every logical table, accounts first.
    pub const ALL: &'static [Self] = &[
        Self::Accounts,
        Self::ExchangeRates,
        Self::Subscriptions,
        Self::Orders,
        Self::UsageEvents,
        Self::SupportTickets,
        Self::Feedback,
        Self::Spend,
        Self::Costs,
        Self::Plans,
        Self::Opportunities,
        Self::Exposures,
        Self::Entitlements,
    ];

    /// The table's name in the project file and in plans.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Subscriptions => "subscriptions",
            Self::Orders => "orders",
            Self::UsageEvents => "usage_events",
            Self::SupportTickets => "support_tickets",
            Self::Feedback => "feedback",
            Self::Spend => "spend",
            Self::Costs => "costs",
            Self::Plans => "plans",
            Self::Entitlements => "entitlements",
            Self::Opportunities => "opportunities",
            Self::Exposures => "exposures",
            Self::ExchangeRates => "exchange_rates",
        }
    }

    /// The table of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// The column that identifies a row; where it is mapped, later rows of the same value are quarantined.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        match self {
            Self::Accounts => Some("account_id"),
            Self::Subscriptions => Some("subscription_id"),
            Self::Orders => Some("order_id"),
            Self::UsageEvents => Some("event_id"),
            Self::SupportTickets => Some("ticket_id"),
            Self::Feedback => Some("feedback_id"),
            Self::Plans => Some("plan"),
            Self::Opportunities => Some("opportunity_id"),
            Self::Exposures => Some("exposure_id"),
            Self::Spend | Self::Costs | Self::ExchangeRates | Self::Entitlements => None,
        }
    }

    /// The column that says when a row came to be: rows after the as-of day are not seen.
    #[must_use]
    pub fn happened(self) -> Option<&'static str> {
        match self {
            Self::Accounts => Some("signed_up_on"),
            Self::Subscriptions => Some("started_on"),
            Self::Orders => Some("ordered_on"),
            Self::UsageEvents => Some("occurred_on"),
            Self::SupportTickets => Some("opened_at"),
            Self::Feedback => Some("submitted_on"),
            Self::Spend => Some("spent_on"),
            Self::Costs => Some("incurred_on"),
            Self::Opportunities => Some("created_on"),
            Self::Exposures => Some("exposed_on"),
            Self::ExchangeRates => Some("valid_on"),
            Self::Plans | Self::Entitlements => None,
        }
    }

    /// Whether rows belong to an account (and are quarantined where that account is unknown).
    #[must_use]
    pub fn belongs_to_account(self) -> bool {
        !matches!(self, Self::Accounts | Self::Spend | Self::Plans | Self::Entitlements | Self::ExchangeRates)
    }

    /// The column of that name.
    #[must_use]
    pub fn column(self, name: &str) -> Option<&'static InputColumn> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// All columns, in their order. Only `accounts` takes further columns: they become attributes.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one declaration of all contracts, read as a table")]
    pub fn columns(self) -> &'static [InputColumn] {
        use ColumnType::{Date, Flag, Id, Integer, Money, Number, Text, Timestamp};
        const ACCOUNT: InputColumn = required("account_id", Id, "the account the row belongs to");
        const CURRENCY: InputColumn = optional(
            "currency",
            Text,
            "the currency of the row's amounts, three letters; the project's where not mapped",
        );
        match self {
            Self::Accounts => {
                &const {
                    [
                        required("account_id", Id, "identifies the account in every table"),
                        optional("account_name", Text, "the name people know it by"),
                        optional("signed_up_on", Date, "day of sign-up"),
                        optional("acquisition_channel", Text, "the channel that brought it; the key to spend"),
                        optional("acquisition_campaign", Text, "the campaign that brought it; the key to spend"),
                        optional(
                            "expected_first_year_value",
                            Money,
                            "margin expected of its first year when it was won",
                        ),
                        optional("use_case", Text, "the job it uses the product for"),
                        optional("plan", Text, "the plan it is on"),
                        optional("seats", Integer, "seats it may fill"),
                        optional("country", Text, "country"),
                        optional("region", Text, "region"),
                        optional("industry", Text, "industry"),
                        optional("owner", Text, "who looks after it"),
                        optional("merged_into", Id, "the account that took this one over, with all of its rows"),
                        optional("merged_on", Date, "the first night on which it did; always where not mapped"),
                        optional("parent_account_id", Id, "the account it is a part of"),
                        optional("referred_by", Id, "the account that recommended the product to it"),
                    ]
                }
            }
            Self::Subscriptions => {
                &const {
                    [
                        optional("subscription_id", Id, "identifies the row"),
                        ACCOUNT,
                        required("started_on", Date, "first day in force"),
                        optional("ended_on", Date, "first day no longer in force; unknown while open"),
                        required(
                            "mrr",
                            Money,
                            "recurring amount per month, after recurring discounts, before tax; made of `amount` and `billing_interval` where those are mapped and this is not",
                        ),
                        optional("amount", Money, "price of one bill, after recurring discounts, before tax"),
                        optional("plan", Text, "plan"),
                        optional("seats", Integer, "seats paid for"),
                        optional("is_trial", Flag, "a trial: counts no revenue"),
                        optional("is_add_on", Flag, "something bought beside a plan"),
                        optional("cancelled_on", Date, "day the customer gave notice; unknown where it did not"),
                        optional(
                            "billing_interval",
                            Text,
                            "how often it is billed: `day`, `week`, `month`, `quarter`, `half_year` or `year`, or such words as `weekly` and `annual`",
                        )
                        .one_of(BILLING_WORDS),
                        optional("interval_count", Integer, "how many intervals one bill covers; 1 where not mapped"),
                        optional("sequence", Text, "orders the events of one day, where rows are events"),
                        optional(
                            "is_end",
                            Flag,
                            "whether the row ends the subscription, where rows are events or snapshots; an amount of 0 where not mapped",
                        ),
                        optional(
                            "booked_on",
                            Date,
                            "day it was agreed: one that has not begun is committed from then, and not seen where not mapped",
                        ),
                        optional(
                            "discount",
                            Money,
                            "recurring discount per month that `mrr` is already without, as a positive amount",
                        ),
                        optional(
                            "discount_ends_on",
                            Date,
                            "first day without that discount; unknown while no end is known",
                        ),
                        CURRENCY,
                    ]
                }
            }
            Self::Orders => {
                &const {
                    [
                        optional("order_id", Id, "identifies the row"),
                        ACCOUNT,
                        required("ordered_on", Date, "day of purchase"),
                        required(
                            "amount",
                            Money,
                            "net amount: after discounts, before tax; one below nothing is a credit, and no order",
                        ),
                        optional("discount_amount", Money, "discount given, as a positive amount"),
                        optional("refunded_amount", Money, "amount given back later, as a positive amount"),
                        optional(
                            "corrects_order_id",
                            Id,
                            "the order that a refund or credit, a row of its own with an amount below nothing, belongs to: it counts on that order's day and is no order; what corrects a correction counts on the day of the order behind all of them, where that one is not there on the day of the last correction that is, and in a circle on its own day",
                        ),
                        CURRENCY,
                    ]
                }
            }
            Self::UsageEvents => {
                &const {
                    [
                        optional("event_id", Id, "identifies the row; mapping it costs a comparison of all rows"),
                        ACCOUNT,
                        optional("user_id", Id, "the person; without it, metrics over users are unavailable"),
                        required("occurred_on", Date, "day of the event"),
                        optional("feature", Text, "what was used; without it, metrics over features are unavailable"),
                        optional("is_value_event", Flag, "whether the event delivers value (not: a login)"),
                        optional("quantity", Integer, "how many uses the row stands for; 1 where not mapped"),
                        optional("duration_seconds", Integer, "how long it lasted"),
                        optional("session_id", Id, "the stretch of work it belongs to, unique within the account"),
                        optional(
                            "is_blocked",
                            Flag,
                            "whether it was refused, by a plan or a limit: an attempt, and no use",
                        ),
                    ]
                }
            }
            Self::SupportTickets => {
                &const {
                    [
                        optional("ticket_id", Id, "identifies the row"),
                        ACCOUNT,
                        required("opened_at", Timestamp, "when it was opened"),
                        optional("closed_at", Timestamp, "when it was solved; unknown while open"),
                        optional("priority", Text, "priority"),
                        optional("theme", Text, "what it is about"),
                        optional("first_response_minutes", Number, "minutes to the first answer"),
                        optional("satisfaction_score", Number, "the customer's rating of the help given"),
                        optional("escalated", Flag, "whether it was escalated"),
                        optional(
                            "channel",
                            Text,
                            "how it came in: `phone` and `chat` are live; `email`, `portal` or another",
                        )
                        .such_as(&["phone", "chat", "email", "portal"]),
                    ]
                }
            }
            Self::Feedback => {
                &const {
                    [
                        optional("feedback_id", Id, "identifies the row"),
                        ACCOUNT,
                        required("submitted_on", Date, "day it was given"),
                        required("kind", Text, "`nps`, `csat`, `review`, `request`, `churn` or another")
                            .such_as(&["nps", "csat", "review", "request", "churn"]),
                        optional("score", Number, "the score given, on the scale of its kind"),
                        optional("comment", Text, "words"),
                        optional(
                            "status",
                            Text,
                            "what became of a request: `open`, `in_work`, `shipped`, or `told` to who asked",
                        )
                        .one_of(&["open", "in_work", "shipped", "told"]),
                        optional("resolved_on", Date, "day a request was shipped; decides over `status` where mapped"),
                        optional("told_on", Date, "day who asked was told; decides over `status` where mapped"),
                        optional("reason", Text, "why the account left, of kind `churn`; its comment where not mapped"),
                    ]
                }
            }
            Self::Spend => {
                &const {
                    [
                        required("spent_on", Date, "day, or first day of the month, it was spent"),
                        required("amount", Money, "amount"),
                        optional("channel", Text, "the channel it was spent on"),
                        optional("campaign", Text, "campaign"),
                        optional("purpose", Text, "`acquisition` or `retention`; acquisition where it is not said")
                            .one_of(&["acquisition", "retention"]),
                        optional(
                            "kind",
                            Text,
                            "`media`, `sales`, `tools`, `people` or another; a row without is media; what media cost is unknown where not mapped",
                        )
                        .such_as(&["media", "sales", "tools", "people"]),
                        optional("account_id", Id, "the account it was spent on, where it was one"),
                        CURRENCY,
                    ]
                }
            }
            Self::Costs => {
                &const {
                    [
                        ACCOUNT,
                        required("incurred_on", Date, "day it was incurred"),
                        required("amount", Money, "amount"),
                        optional("kind", Text, "`serving`, `onboarding`, `support` or another").such_as(&[
                            "serving",
                            "onboarding",
                            "support",
                        ]),
                        CURRENCY,
                    ]
                }
            }
            Self::Plans => {
                &const {
                    [
                        required("plan", Id, "the plan's name, as on accounts and subscriptions"),
                        optional("monthly_price", Money, "list price per month"),
                        optional("seat_limit", Integer, "most seats; unknown where unlimited"),
                        optional("monthly_usage_limit", Integer, "most uses a month; unknown where unlimited"),
                        optional(
                            "is_per_seat",
                            Flag,
                            "whether the price is of one seat; of the whole plan where not mapped",
                        ),
                        optional("retired_on", Date, "first day it was no longer sold; unknown while it is"),
                    ]
                }
            }
            Self::Entitlements => {
                &const {
                    [
                        required("feature", Text, "the feature, as in usage events"),
                        optional(
                            "plan",
                            Id,
                            "a plan that includes it, as on accounts; every plan where not mapped or empty",
                        ),
                        optional("is_core", Flag, "whether accounts depend on it, so that to stop using it is a risk"),
                        optional("is_valuable", Flag, "whether those who do not use it should learn to"),
                        optional(
                            "unit_value",
                            Number,
                            "what one use that delivers value is worth, such as minutes saved; the unit is the project's",
                        ),
                    ]
                }
            }
            Self::Opportunities => {
                &const {
                    [
                        optional("opportunity_id", Id, "identifies the row"),
                        ACCOUNT,
                        required("created_on", Date, "day it was opened"),
                        optional("closed_on", Date, "day it was decided"),
                        optional("stage", Text, "`open`, `won` or `lost`").one_of(&["open", "won", "lost"]),
                        optional("kind", Text, "`new`, `expansion` or `renewal`").one_of(&[
                            "new",
                            "expansion",
                            "renewal",
                        ]),
                        optional("amount", Money, "amount at stake"),
                        optional("seller", Text, "who sold it"),
                        optional("commission", Money, "commission earned by selling it"),
                        optional("due_on", Date, "day a renewal is due, whenever it is decided"),
                        CURRENCY,
                    ]
                }
            }
            Self::ExchangeRates => {
                &const {
                    [
                        required("currency", Text, "three letters, such as EUR"),
                        required("valid_on", Date, "the first day of the rate; it holds until the next one"),
                        required(
                            "rate",
                            Number,
                            "what one unit is worth in the project's currency; above 0 and up to 1,000,000",
                        ),
                    ]
                }
            }
            Self::Exposures => {
                &const {
                    [
                        optional("exposure_id", Id, "identifies the row"),
                        ACCOUNT,
                        required("exposed_on", Date, "day it was shown"),
                        required("offer", Text, "what was offered"),
                        optional("accepted", Flag, "whether it was taken"),
                    ]
                }
            }
        }
    }
}
