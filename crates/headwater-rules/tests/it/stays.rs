//! Segments that hold their members, and guardrails whose verdicts must stand: what the queries give is what a slow
//! reading of the rules gives, night by night, under gaps, missing accounts and nights that are run again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{Days, Months, NaiveDate};
use headwater_metrics::Unit;
use headwater_rules::CheckedRules;

use crate::execution::{checked, same};
use crate::night::Night;
use crate::support::Dice;

const COLUMNS: &[(&str, Unit)] = &[("account_id", Unit::Text), ("events", Unit::Count)];
const GROUPS: &[(&str, Unit)] = &[
    ("scope", Unit::Text),
    ("group_name", Unit::Text),
    ("metric", Unit::Text),
    ("value", Unit::Number),
    ("accounts", Unit::Count),
    ("reason", Unit::Text),
];

#[derive(Debug, Clone, Copy)]
enum Stretch {
    Runs(u64),
    Days(u64),
    Months(u64),
}

impl Stretch {
    fn random(dice: &mut Dice, with_months: bool) -> Self {
        let count = 1 + dice.below(4).unsigned_abs();
        match dice.below(if with_months { 3 } else { 2 }) {
            0 => Self::Runs(count),
            1 => Self::Days(count),
            _ => Self::Months(1),
        }
    }

    fn yaml(self) -> String {
        match self {
            Self::Runs(count) => format!("{{runs: {count}}}"),
            Self::Days(count) => format!("{{days: {count}}}"),
            Self::Months(count) => format!("{{months: {count}}}"),
        }
    }

    fn has_passed(self, counted: Counted, tonight: NaiveDate) -> bool {
        match self {
            Self::Runs(count) => counted.nights >= count,
            Self::Days(count) => tonight >= counted.since + Days::new(count - 1),
            Self::Months(count) => tonight >= counted.since + Months::new(u32::try_from(count).unwrap()),
        }
    }
}

/// Nights counted since one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counted {
    since: NaiveDate,
    nights: u64,
}

impl Counted {
    /// Tonight counts on where there is something to count on from.
    fn on(before: Option<Self>, tonight: NaiveDate) -> Self {
        let more = |before: Self| Self { nights: before.nights + 1, ..before };
        before.map_or(Self { since: tonight, nights: 1 }, more)
    }
}

/// A segment as the slow reading knows it: from so many events on.
#[derive(Debug)]
struct Segment {
    id: &'static str,
    from: i64,
    /// Ends below so many events; without it, below `from`.
    exit_below: Option<i64>,
    enter_for: Stretch,
    exit_for: Stretch,
    max_gap_days: i64,
}

/// Where an account is, what it is about to enter, and since when it has reason to leave.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stay {
    at: usize,
    next: Option<(usize, Counted)>,
    leaving: Option<Counted>,
}

impl Segment {
    fn random(dice: &mut Dice) -> Vec<Self> {
        [("hot", 6, 3), ("warm", 4, 2), ("rest", 0, 0)]
            .into_iter()
            .map(|(id, from, below)| Self {
                id,
                from,
                exit_below: (id != "rest" && dice.once_in(2)).then_some(below),
                enter_for: Stretch::random(dice, false),
                exit_for: if id == "rest" { Stretch::Runs(1) } else { Stretch::random(dice, false) },
                max_gap_days: 1 + dice.below(3),
            })
            .collect()
    }

    fn yaml(&self) -> String {
        let rest = self.id == "rest";
        let when = if rest { "otherwise: true".to_owned() } else { format!("when: \"events >= {}\"", self.from) };
        let mut hold = format!("enter_for: {}, max_gap_days: {}", self.enter_for.yaml(), self.max_gap_days);
        if !rest {
            write!(hold, ", exit_for: {}", self.exit_for.yaml()).unwrap();
        }
        if let Some(below) = self.exit_below {
            write!(hold, ", exit_when: \"events < {below}\"").unwrap();
        }
        format!("      - {{id: {}, {when}, hold: {{{hold}}}}}\n", self.id)
    }
}

/// Tonight's stay of an account, after the one of the last night, if it was there.
fn stay(segments: &[Segment], before: Option<(Stay, NaiveDate)>, events: Option<i64>, tonight: NaiveDate) -> Stay {
    let rest = segments.len() - 1;
    let holds = |at: usize| at == rest || events.is_some_and(|events| events >= segments[at].from);
    let Some((before, night)) = before else {
        return Stay { at: (0..=rest).find(|at| holds(*at)).unwrap(), next: None, leaving: None };
    };
    let gap = (tonight - night).num_days();
    let within = |at: usize| gap <= segments[at].max_gap_days;
    let own = &segments[before.at];
    let ends = before.at != rest
        && !holds(before.at)
        && own.exit_below.is_none_or(|below| events.is_some_and(|events| events < below));
    let leaving = ends.then(|| Counted::on(before.leaving.filter(|_| within(before.at)), tonight));
    let has_left = before.at == rest || leaving.is_some_and(|leaving| own.exit_for.has_passed(leaving, tonight));
    let belongs = (0..=rest).find(|at| holds(*at) || (*at == before.at && !has_left)).unwrap();
    if belongs == before.at {
        return Stay { at: belongs, next: None, leaving };
    }
    let so_far = before.next.filter(|(next, _)| *next == belongs && within(belongs)).map(|(_, counted)| counted);
    let counted = Counted::on(so_far, tonight);
    if segments[belongs].enter_for.has_passed(counted, tonight) {
        Stay { at: belongs, next: None, leaving: None }
    } else {
        Stay { at: before.at, next: Some((belongs, counted)), leaving }
    }
}

fn counted(counted: Option<Counted>) -> String {
    counted.map_or_else(|| "- | -".to_owned(), |counted| format!("{} | {}", counted.since, counted.nights))
}

/// Nights with gaps, one of them run again, and one that had been missed.
fn calendar(dice: &mut Dice) -> Vec<NaiveDate> {
    let mut nights: Vec<NaiveDate> = vec!["2026-01-30".parse().unwrap()];
    for _ in 0..9 {
        let step = 1 + dice.below(3) * dice.below(2);
        nights.push(*nights.last().unwrap() + Days::new(step.unsigned_abs()));
    }
    let again = nights[5];
    let missed = nights.windows(2).map(|pair| pair[0] + Days::new(1)).find(|day| !nights.contains(day));
    nights.into_iter().chain([again]).chain(missed).collect()
}

#[tokio::test]
async fn members_are_held_as_a_slow_reading_holds_them() {
    let mut moves = 0;
    for seed in 0..3 {
        let mut dice = Dice(seed * 104_729 + 7);
        let segments = Segment::random(&mut dice);
        let text: String = segments.iter().map(Segment::yaml).collect();
        let rules =
            checked(&format!("version: 1\nsegment_schemes:\n  - id: heat\n    description: d\n    segments:\n{text}"));
        let mut published: BTreeMap<NaiveDate, (Night, BTreeMap<String, Stay>)> = BTreeMap::new();
        for tonight in calendar(&mut dice) {
            let mut stays = BTreeMap::new();
            let (mut rows, mut wanted) = (Vec::new(), Vec::new());
            let before = published.range(..tonight).next_back();
            for account in (0..40).map(|account| format!("A{account:02}")) {
                let events = [Some(9), Some(6), Some(5), Some(4), Some(3), Some(2), Some(1), None];
                let events = events[usize::try_from(dice.below(8)).unwrap()];
                if dice.once_in(9) {
                    continue;
                }
                let cell = events.map_or_else(|| "NULL".to_owned(), |events| events.to_string());
                rows.push(format!("('{account}', {cell})"));
                let earlier = before.and_then(|(night, (_, stays))| Some((*stays.get(&account)?, *night)));
                let now = stay(&segments, earlier, events, tonight);
                moves += usize::from(earlier.is_some_and(|(earlier, _)| earlier.at != now.at));
                let next = now.next.map_or("-", |(next, _)| segments[next].id);
                let waits = counted(now.next.map(|(_, waits)| waits));
                let leaving = counted(now.leaving);
                wanted.push(format!("{account} | {} | {next} | {waits} | {leaving}", segments[now.at].id));
                stays.insert(account, now);
            }
            let night = Night::new(&rules, &tonight.to_string(), COLUMNS, &rows.join(", ")).await;
            if let Some((_, (before, _))) = before {
                before.publish_tables_to(&["segment_scores"], &night).await;
            }
            let columns = "account_id segment next_segment next_since next_nights leaving_since leaving_nights";
            let found = night.rows("segment_scores", columns).await;
            assert_eq!(found, wanted.join("\n"), "{tonight} of\n{text}");
            published.insert(tonight, (night, stays));
        }
    }
    assert!(moves > 100, "{moves}");
}

/// The verdict of a night, and what it follows from.
#[derive(Debug, Clone, Copy)]
struct Standing {
    tonight: &'static str,
    counted: Counted,
    settled: Option<&'static str>,
}

const LEVELS: [&str; 3] = ["breach", "watch", "pass"];

fn level(verdict: &str) -> Option<usize> {
    LEVELS.iter().position(|level| *level == verdict)
}

/// What a guardrail that waits says of a value tonight.
fn standing(
    (better, worse, max_gap_days): (Stretch, Stretch, i64),
    before: Option<(Standing, NaiveDate)>,
    verdict: &'static str,
    tonight: NaiveDate,
) -> (Standing, &'static str, bool) {
    let goes_on = |(before, night): &(Standing, NaiveDate)| {
        before.tonight == verdict && (tonight - *night).num_days() <= max_gap_days
    };
    let counted = Counted::on(before.filter(goes_on).map(|(before, _)| before.counted), tonight);
    let settled = before.and_then(|(before, _)| before.settled);
    let Some(now) = level(verdict) else {
        return (Standing { tonight: verdict, counted, settled }, verdict, false);
    };
    let is_worse = settled.and_then(level).map_or(now == 0, |settled| now < settled);
    let counts = settled == Some(verdict) || if is_worse { worse } else { better }.has_passed(counted, tonight);
    let settled = if counts { Some(verdict) } else { settled };
    (Standing { tonight: verdict, counted, settled }, settled.unwrap_or("insufficient_evidence"), !counts)
}

#[tokio::test]
async fn verdicts_stand_as_long_as_a_slow_reading_asks() {
    let mut seen = BTreeMap::new();
    for seed in 0..4 {
        let mut dice = Dice(seed * 15_485_863 + 11);
        let (better, worse) = (Stretch::random(&mut dice, true), Stretch::random(&mut dice, true));
        let max_gap_days = 1 + dice.below(3);
        let rules = checked(&format!(
            "version: 1\nguardrails:\n  - {{id: nrr, description: d, owner: o, metric: nrr_12m, scope: {{by: [plan]}}, \
             bands: {{pass: \">= 1\", watch: \">= 0.9\"}}, min_accounts: 5, for: {{better: {}, worse: {}}}, \
             max_gap_days: {max_gap_days}}}\n",
            better.yaml(),
            worse.yaml()
        ));
        let mut published: BTreeMap<NaiveDate, (Night, BTreeMap<String, Standing>)> = BTreeMap::new();
        for tonight in calendar(&mut dice) {
            let before = published.range(..tonight).next_back();
            let mut standings = BTreeMap::new();
            let (mut rows, mut wanted) = (Vec::new(), Vec::new());
            for group in (0..20).map(|group| format!("g{group:02}")) {
                // Values stay what they were more often than not, so that verdicts can stand.
                let earlier = before.and_then(|(night, (_, standings))| Some((*standings.get(&group)?, *night)));
                let verdict = match earlier.filter(|_| !dice.once_in(3)) {
                    Some((earlier, _)) => earlier.tonight,
                    None => ["pass", "watch", "breach", "pass", "breach", "unknown", "insufficient_evidence"]
                        [usize::try_from(dice.below(7)).unwrap()],
                };
                if dice.once_in(12) {
                    continue;
                }
                let (value, accounts) = match verdict {
                    "pass" => ("1.0", 9),
                    "watch" => ("0.95", 9),
                    "breach" => ("0.5", 9),
                    "unknown" => ("NULL", 9),
                    _ => ("1.0", 4),
                };
                rows.push(format!("('plan', '{group}', 'nrr_12m', {value}, {accounts}, NULL)"));
                let (now, told, provisional) = standing((better, worse, max_gap_days), earlier, verdict, tonight);
                *seen.entry((told, provisional)).or_insert(0) += 1;
                wanted.push(format!(
                    "{group} | {told} | {} | {} | {} | {} | {provisional}",
                    now.tonight,
                    now.counted.since,
                    now.counted.nights,
                    now.settled.unwrap_or("-")
                ));
                standings.insert(group, now);
            }
            let night = Night::new(&rules, &tonight.to_string(), COLUMNS, "('A', 1)").await;
            if let Some((_, (before, _))) = before {
                before.publish_tables_to(&["guardrail_verdicts"], &night).await;
            }
            night.table("group_metrics", GROUPS, &rows.join(", ")).await;
            let columns = "group_name verdict tonight since nights settled provisional";
            let found = night.rows("guardrail_verdicts", columns).await;
            assert_eq!(found, wanted.join("\n"), "{tonight}, better {better:?}, worse {worse:?}");
            published.insert(tonight, (night, standings));
        }
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

#[tokio::test]
async fn who_is_held_is_told_what_ends_the_stay() {
    let rules = |threshold: i64, operator: &str| -> CheckedRules {
        checked(&format!(
            "version: 1\nsegment_schemes:\n  - id: heat\n    description: d\n    segments:\n\
             \x20     - {{id: hot, when: \"events {operator} {threshold}\", hold: {{exit_when: \"events < 3\", exit_for: {{runs: 2}}}}}}\n\
             \x20     - {{id: rest, otherwise: true}}\n"
        ))
    };
    let columns = "account_id segment leaving_nights why";
    let first = Night::new(&rules(6, ">="), "2026-05-01", COLUMNS, "('A', 9), ('B', 1)").await;
    same(&first.rows("segment_scores", columns).await, "A | hot | - | events = 9 (>= 6)\nB | rest | - | otherwise");
    // Another threshold keeps the stay.
    let second = Night::new(&rules(7, ">="), "2026-05-02", COLUMNS, "('A', 2), ('B', 1)").await;
    first.publish_to(&second).await;
    same(
        &second.rows("segment_scores", columns).await,
        "A | hot | 1 | held: events = 2 (leaves where < 3)\nB | rest | - | otherwise",
    );
    // Another question begins anew.
    let third = Night::new(&rules(7, ">"), "2026-05-03", COLUMNS, "('A', 4), ('B', 1)").await;
    second.publish_to(&third).await;
    same(&third.rows("segment_scores", columns).await, "A | rest | - | otherwise\nB | rest | - | otherwise");
}
