//! How long a verdict must stand before it replaces the one before it, and the verdicts that follow, as SQL.

use headwater_diagnostics::yaml::{Fields, Holds, Node, Shape, key};
use headwater_diagnostics::{Code, Diagnostic};
use headwater_metrics::literal;

use super::check::Guardrail;
use crate::expression::Dialect;
use crate::kinds::stretch::{COUNTED, LONG_STRETCH, MOST_COUNTED, Stretch, USUAL_GAP_DAYS, days_between};
use crate::reading::Reading;

/// `for` of a guardrail.
pub(super) const PROMOTION: Shape = Shape::new(
    "`for` of a guardrail",
    &[&[
        key("runs", COUNTED, "published nights in a row"),
        key("days", COUNTED, "calendar days in a row, the first and tonight included"),
        key("months", COUNTED, "calendar months from the first night"),
        key("better", Holds::Map(&LONG_STRETCH), "for a better verdict, instead; a worse one counts at once"),
        key("worse", Holds::Map(&LONG_STRETCH), "for a worse verdict, instead; a better one counts at once"),
    ]],
);

/// How long a verdict must stand before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promotion {
    better: Stretch,
    worse: Stretch,
    /// A longer time without a published night ends all counting.
    max_gap_days: i64,
}

impl Default for Promotion {
    /// Every verdict counts at once.
    fn default() -> Self {
        Self { better: Stretch::ONE_NIGHT, worse: Stretch::ONE_NIGHT, max_gap_days: USUAL_GAP_DAYS }
    }
}

impl Promotion {
    /// The keys `for` and `max_gap_days` of a guardrail.
    pub(super) fn read(fields: &mut Fields<'_>, reading: &mut Reading<'_>) -> Self {
        let written = fields.take("for");
        let gap = fields.peek("max_gap_days").map(|(key, _)| key.span);
        let max_gap_days = fields.integer("max_gap_days", 1, MOST_COUNTED, reading.problems);
        if let Some(place) = gap.filter(|_| written.is_none()) {
            let problem =
                Diagnostic::at(Code::Contradiction, place, "`max_gap_days` of a guardrail that counts nothing");
            reading.problems.push(problem.label("no night is missed").help("it goes with `for`"));
        }
        let read = written.and_then(|node| Self::read_stretches(node, reading)).unwrap_or_default();
        Self { max_gap_days: max_gap_days.unwrap_or(USUAL_GAP_DAYS), ..read }
    }

    /// `{runs: 3}`, or `{better: {months: 3}, worse: {runs: 2}}`.
    fn read_stretches(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut fields = Fields::shaped(node, &PROMOTION, reading.problems)?;
        let sided = fields.peek("better").or_else(|| fields.peek("worse")).map(|(key, _)| key.clone());
        let Some(sided) = sided else {
            // One stretch for both: it has the keys of one, and its problems.
            fields.rest();
            return Stretch::read_long(node, reading).map(|both| Self { better: both, worse: both, ..Self::default() });
        };
        if let Some((key, _)) = ["runs", "days", "months"].into_iter().find_map(|name| fields.peek(name)) {
            let message = format!("`{}` is for both, `{}` for one of them", key.name, sided.name);
            let problem = Diagnostic::at(Code::ConflictingKeys, key.span, message);
            reading.problems.push(problem.help("write `for: {better: {..}, worse: {..}}`"));
        }
        for name in ["runs", "days", "months"] {
            fields.take(name);
        }
        let mut side = |name| fields.take(name).and_then(|node| Stretch::read_long(node, reading));
        let (better, worse) = (side("better"), side("worse"));
        fields.finish(reading.problems);
        Some(Self {
            better: better.unwrap_or(Stretch::ONE_NIGHT),
            worse: worse.unwrap_or(Stretch::ONE_NIGHT),
            ..Self::default()
        })
    }
}

/// Verdicts that say something of a value.
const DECIDED: &str = "('pass', 'watch', 'breach')";

/// The verdicts of tonight with what stood before taken into account: those that have not stood long enough give way to
/// the one before. Where there was none, there is too little evidence; what cannot be judged tonight is told as such.
pub(super) fn promoted(guardrails: &[Guardrail], alone: &str, dialect: Dialect<'_>) -> String {
    let as_of = Dialect::date(dialect.as_of);
    let side = |stretch: fn(&Promotion) -> Stretch| {
        by_guardrail(guardrails, "guardrail_id", |promotion| stretch(promotion).has_passed("nights", "since", &as_of))
    };
    let needed = |stretch: fn(&Promotion) -> Stretch| {
        by_guardrail(guardrails, "guardrail_id", |promotion| literal(&stretch(promotion).to_string()))
    };
    let level =
        |verdict: &str| format!("CASE {verdict} WHEN 'breach' THEN 0 WHEN 'watch' THEN 1 WHEN 'pass' THEN 2 END");
    format!(
        "SELECT guardrail_id, scope, group_name, metric, \
         CASE WHEN is_decided THEN COALESCE(settled, 'insufficient_evidence') ELSE tonight END AS verdict, \
         value, accounts, bands, severity, \
         CASE WHEN is_decided AND NOT counts THEN concat(tonight, ' needs ', CASE WHEN is_worse THEN {worse_needed} \
         ELSE {better_needed} END, ' to count; since ', CAST(since AS VARCHAR), ', nights: ', CAST(nights AS VARCHAR)) \
         ELSE reason END AS reason, owner, tonight, since, nights, settled, is_decided AND NOT counts AS provisional \
         FROM (SELECT *, CASE WHEN is_decided AND counts THEN tonight ELSE before_settled END AS settled \
         FROM (SELECT *, is_decided AND COALESCE(tonight = before_settled, FALSE) \
         OR CASE WHEN is_worse THEN {worse} ELSE {better} END AS counts \
         FROM (SELECT *, tonight IN {DECIDED} AS is_decided, \
         CASE WHEN before_settled IS NULL THEN tonight = 'breach' ELSE {tonight_level} < {before_level} END AS is_worse, \
         CASE WHEN goes_on THEN before_nights + 1 ELSE 1 END AS nights, \
         CASE WHEN goes_on THEN before_since ELSE {as_of} END AS since \
         FROM (SELECT alone.* EXCEPT (verdict), alone.verdict AS tonight, before.settled AS before_settled, \
         before.nights AS before_nights, before.since AS before_since, \
         COALESCE(before.tonight = alone.verdict AND {gap} <= {most_gap}, FALSE) AS goes_on \
         FROM ({alone}) AS alone LEFT JOIN previous_guardrail_verdicts AS before \
         ON before.guardrail_id = alone.guardrail_id AND before.scope = alone.scope \
         AND before.group_name = alone.group_name AND before.metric = alone.metric))))",
        worse_needed = needed(|promotion| promotion.worse),
        better_needed = needed(|promotion| promotion.better),
        worse = side(|promotion| promotion.worse),
        better = side(|promotion| promotion.better),
        tonight_level = level("tonight"),
        before_level = level("before_settled"),
        most_gap = by_guardrail(guardrails, "alone.guardrail_id", |promotion| promotion.max_gap_days.to_string()),
        gap = days_between(&as_of, "before.as_of"),
    )
}

fn by_guardrail(guardrails: &[Guardrail], guardrail: &str, says: impl Fn(&Promotion) -> String) -> String {
    let usual = Promotion::default();
    let cases: String = guardrails
        .iter()
        .filter(|rule| rule.promotion != usual)
        .map(|rule| format!(" WHEN {} THEN {}", literal(&rule.header.id.text), says(&rule.promotion)))
        .collect();
    if cases.is_empty() { says(&usual) } else { format!("CASE {guardrail}{cases} ELSE {} END", says(&usual)) }
}
