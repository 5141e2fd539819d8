//! The published tables that rules fill: each column is declared here once, with its type and meaning.

use headwater_metrics::{Query, Unit, identifier};

/// A column of a published table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: &'static str,
    /// What its values are; the type follows from it.
    pub unit: Unit,
    /// What it says, and when it is null.
    pub meaning: &'static str,
}

/// A published table that rules fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputTable {
    /// Its name.
    pub name: &'static str,
    /// What one row is.
    pub grain: &'static str,
    /// The columns that order the rows, and tell them apart.
    pub key: &'static [&'static str],
    /// Its columns in their order.
    pub columns: &'static [OutputColumn],
}

const fn column(name: &'static str, unit: Unit, meaning: &'static str) -> OutputColumn {
    OutputColumn { name, unit, meaning }
}

const AS_OF: OutputColumn = column("as_of", Unit::Date, "the day the night is for");
const ACCOUNT: OutputColumn = column("account_id", Unit::Text, "the account");
const RULE: OutputColumn = column("rule_id", Unit::Text, "the rule, as in rule_catalog");
const SEVERITY: OutputColumn = column("severity", Unit::Text, "`info`, `warn` or `error`");
const MUTED_UNTIL: OutputColumn =
    column("muted_until", Unit::Date, "the last night on which nobody wants to hear of it; null where it is not muted");
const MUTE_REASON: OutputColumn = column("mute_reason", Unit::Text, "why; null where it is not muted");
const OWNER: OutputColumn = column("owner", Unit::Text, "who answers for the rule; null where nobody is named");

impl OutputTable {
    /// The table of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|table| table.name == name)
    }

    /// A query over `rows`, each of which selects all columns by name; no rows give the columns alone. It can be run
    /// for each of them alone.
    pub(crate) fn query(&self, rows: &[String]) -> Query {
        let typed: Vec<_> = rows.iter().map(|row| self.typed(row)).collect();
        let whole = if typed.is_empty() { self.no_rows() } else { typed.join(" UNION ALL ") };
        let order: Vec<_> = self.key.iter().map(|name| identifier(name)).collect();
        let query = Query::new(self.name, format!("SELECT * FROM ({whole}) AS rows ORDER BY {}", order.join(", ")));
        if typed.len() > 1 { query.divided_into(typed) } else { query }
    }

    fn no_rows(&self) -> String {
        let none =
            |column: &OutputColumn| format!("CAST(NULL AS {}) AS {}", column.unit.sql_type(), identifier(column.name));
        format!("SELECT {} WHERE FALSE", self.columns.iter().map(none).collect::<Vec<_>>().join(", "))
    }

    /// The rows with the types of the columns, so that a union never has to guess one.
    fn typed(&self, rows: &str) -> String {
        let cast = |column: &OutputColumn| {
            let name = identifier(column.name);
            format!("CAST({name} AS {}) AS {name}", column.unit.sql_type())
        };
        let columns = self.columns.iter().map(cast).collect::<Vec<_>>().join(", ");
        format!("SELECT {columns} FROM ({rows}) AS part")
    }

    pub(crate) const SEGMENT_SCORES: Self = Self {
        name: "segment_scores",
        grain: "account and scheme",
        key: &["account_id", "scheme"],
        columns: &[
            AS_OF,
            ACCOUNT,
            column("scheme", Unit::Text, "the segment scheme"),
            column("segment", Unit::Text, "the account's segment in it"),
            column("score", Unit::Score, "what the scheme ranks by; null where it has no score or the account none"),
            column("rank", Unit::Count, "place by score from the greatest, equal scores share it; null without score"),
            column("previous_segment", Unit::Text, "the segment of the last published night; null if there was none"),
            column("entered_on", Unit::Date, "the night from which the account is in this segment"),
            column("why", Unit::Text, "the conditions that put it there, with their values"),
            column("unknown", Unit::Flag, "whether a segment tried before could not be decided"),
            column(
                "next_segment",
                Unit::Text,
                "the segment it belongs to and has not entered, because a hold makes it wait; null where it is in it",
            ),
            column("next_since", Unit::Date, "the night from which it belongs there; null where it is in it"),
            column("next_nights", Unit::Count, "published nights it belongs there, tonight among them; null likewise"),
            column(
                "leaving_since",
                Unit::Date,
                "the night from which it does not belong here any more and what ends its stay holds; null where it does not, or the scheme holds nobody",
            ),
            column("leaving_nights", Unit::Count, "published nights of that, tonight among them; null likewise"),
            column(
                "shape",
                Unit::Text,
                "what is counted of stays rests on, as a hash: the scheme's conditions without their constants; null where the scheme holds nobody",
            ),
        ],
    };

    pub(crate) const SCORE_EDGES: Self = Self {
        name: "score_edges",
        grain: "segment scheme, part of its score and bin of values that can hold any",
        key: &["scheme", "part", "bin"],
        columns: &[
            AS_OF,
            column("scheme", Unit::Text, "the segment scheme"),
            column("part", Unit::Text, "`recency`, `frequency` or `monetary`"),
            column("bin", Unit::Count, "the bin, from the smallest values"),
            column("score", Unit::Count, "the score of values in it"),
            column("metric", Unit::Text, "the metric whose values are scored"),
            column("lower_edge", Unit::Number, "where the bin begins; null for the first"),
            column("upper_edge", Unit::Number, "where the bin ends; null for the last"),
            column("accounts", Unit::Count, "accounts with a value in the bin"),
            column(
                "edges",
                Unit::Text,
                "`quantiles` of the night's values or `fixed` by the rule, the upper edge belonging to the bin; or `quantiles_plus_one`, the lower edge belonging to it",
            ),
        ],
    };

    pub(crate) const MILESTONE_STATES: Self = Self {
        name: "milestone_states",
        grain: "account and ladder",
        key: &["account_id", "ladder"],
        columns: &[
            AS_OF,
            ACCOUNT,
            column("ladder", Unit::Text, "the milestone ladder"),
            column("milestone", Unit::Text, "the last milestone reached without a gap; null where none is"),
            column(
                "reached_on",
                Unit::Date,
                "the day it was reached: by the rule's date, else the first night it was seen",
            ),
            column("next_milestone", Unit::Text, "the first one not reached; null where all are"),
            column("due_on", Unit::Date, "the day by which the next one should be reached; null where nothing says so"),
            column("overdue", Unit::Flag, "whether that day is over"),
            column(
                "out_of_order",
                Unit::Text,
                "the out-of-order flags that hold, joined by commas; null where none does",
            ),
        ],
    };

    pub(crate) const FLAG_STATES: Self = Self {
        name: "flag_states",
        grain: "account and trigger whose flag is not inactive",
        key: &["account_id", "rule_id"],
        columns: &[
            AS_OF,
            ACCOUNT,
            RULE,
            column(
                "state",
                Unit::Text,
                "`pending` until the condition held long enough, `firing`, `recovering` after its end as long as the rule keeps it, or `resolved` since the last night; a missing milestone is in flagged_accounts",
            ),
            column("since", Unit::Date, "the night from which it is in this state without a break"),
            column("nights", Unit::Count, "published nights counted in this state, tonight among them"),
            column(
                "history",
                Unit::Text,
                "the last nights counted, `1` where the condition held and `0` where not; null unless pending by `matches`",
            ),
            column("first_night", Unit::Date, "the first night of the flag without a break; null while pending"),
            column(
                "last_seen",
                Unit::Date,
                "the last night at which something was known of the account; null once resolved",
            ),
            column(
                "shape",
                Unit::Text,
                "what the state rests on, as a hash: the rule's conditions without their constants, and how it counts",
            ),
            column(
                "error",
                Unit::Text,
                "why the rule is in error tonight and the state is that of the last night; null where it was judged",
            ),
        ],
    };

    pub(crate) const FLAGGED_ACCOUNTS: Self = Self {
        name: "flagged_accounts",
        grain: "account and rule",
        key: &["account_id", "rule_id"],
        columns: &[
            AS_OF,
            ACCOUNT,
            RULE,
            column("kind", Unit::Text, "`trigger` or `milestone`"),
            column(
                "state",
                Unit::Text,
                "`firing`, `recovering` after its end as long as the rule keeps it, `held_back` until a milestone is reached, or `resolved` since the last night",
            ),
            SEVERITY,
            column("first_night", Unit::Date, "the first night of this flag without a break"),
            column("last_night", Unit::Date, "the last night at which it was firing, recovering or held back"),
            column(
                "value_at_stake",
                Unit::Money,
                "the amount at stake; null where the rule names none or it is unknown",
            ),
            column("play", Unit::Text, "what to do about it; null where the rule says nothing"),
            column("held_back_by", Unit::Text, "the milestone that is missing; null unless held back"),
            column("unknown_conditions", Unit::Count, "how many of its conditions could not be decided"),
            OWNER,
            column("summary", Unit::Text, "the flag in a sentence"),
            MUTED_UNTIL,
            MUTE_REASON,
        ],
    };

    pub(crate) const FLAG_EVIDENCE: Self = Self {
        name: "flag_evidence",
        grain: "flag and condition",
        key: &["account_id", "rule_id", "condition_id"],
        columns: &[
            AS_OF,
            ACCOUNT,
            RULE,
            column("condition_id", Unit::Text, "the condition: its id in the rule, or its number"),
            column("expression", Unit::Text, "the condition as written, laid out one way"),
            column("metric", Unit::Text, "what it looks at"),
            column("value", Unit::Number, "the value found, where it is a number"),
            column("value_text", Unit::Text, "the value found, for people; null where unknown"),
            column("operator", Unit::Text, "how value and threshold are compared"),
            column("threshold", Unit::Number, "the threshold, where it is one number"),
            column("threshold_text", Unit::Text, "the threshold, for people"),
            column("met", Unit::Flag, "whether the condition holds; null where unknown"),
            column("source", Unit::Text, "the inputs the value comes from, joined by commas"),
        ],
    };

    pub(crate) const GUARDRAIL_VERDICTS: Self = Self {
        name: "guardrail_verdicts",
        grain: "guardrail and group",
        key: &["guardrail_id", "scope", "group_name"],
        columns: &[
            AS_OF,
            column("guardrail_id", Unit::Text, "the guardrail, as in rule_catalog"),
            column("scope", Unit::Text, "how accounts are grouped"),
            column("group_name", Unit::Text, "the group"),
            column("metric", Unit::Text, "the metric judged"),
            column(
                "verdict",
                Unit::Text,
                "`pass`, `watch`, `breach`, `waiting` for other guardrails, `insufficient_evidence` or `unknown`",
            ),
            column("value", Unit::Number, "the metric's value; null where unknown"),
            column("accounts", Unit::Count, "accounts behind the value"),
            column("bands", Unit::Text, "the bands it was judged by"),
            SEVERITY,
            column(
                "waiting_for",
                Unit::Text,
                "guardrails that do not pass and come first, joined by commas; null where none",
            ),
            column("reason", Unit::Text, "why there is no verdict, or a remark on the value; null where none"),
            OWNER,
            column("tonight", Unit::Text, "the verdict on tonight's value alone"),
            column("since", Unit::Date, "the night from which that one stands without a break"),
            column("nights", Unit::Count, "published nights on which it stands, tonight among them"),
            column(
                "settled",
                Unit::Text,
                "the last verdict that stood as long as the guardrail asks; null where none did yet",
            ),
            column(
                "provisional",
                Unit::Flag,
                "whether tonight's verdict has not stood long enough to replace the settled one",
            ),
            MUTED_UNTIL,
            MUTE_REASON,
        ],
    };

    pub(crate) const RULE_CATALOG: Self = Self {
        name: "rule_catalog",
        grain: "rule",
        key: &["kind", "rule_id"],
        columns: &[
            AS_OF,
            column("rule_id", Unit::Text, "the rule's id, unique in its kind"),
            column(
                "kind",
                Unit::Text,
                "`metric`, `segment_scheme`, `milestone_ladder`, `milestone`, `trigger`, `guardrail` or `audit`",
            ),
            column("file", Unit::Text, "the file it stands in"),
            column("line", Unit::Count, "the line it starts at"),
            SEVERITY,
            OWNER,
            column("description", Unit::Text, "what it means; null where it does not say"),
            column("definition", Unit::Text, "the rule as one line of JSON with sorted keys"),
            column("tags", Unit::Text, "its tags, joined by commas; null where it has none"),
            column(
                "subscribers",
                Unit::Text,
                "who is told of what it says, joined by commas: the contact and the subscribers of its owner; null where nobody is named",
            ),
            column("effective_from", Unit::Date, "the first night it is in force; null where it always was"),
            column("effective_until", Unit::Date, "the last night it is in force; null where it has no end"),
        ],
    };

    /// Every table that rules fill, in the order they are computed; `account_metrics` is apart, its columns being
    /// the project's own.
    pub const ALL: &'static [Self] = &[
        Self::SEGMENT_SCORES,
        Self::SCORE_EDGES,
        Self::MILESTONE_STATES,
        Self::FLAG_STATES,
        Self::FLAGGED_ACCOUNTS,
        Self::FLAG_EVIDENCE,
        Self::GUARDRAIL_VERDICTS,
        Self::RULE_CATALOG,
    ];
}
