//! Flags in time: the states that the queries give are those of a slow reading of the rules, account by account and
//! night by night, whatever was seen, missed or run again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{Days, NaiveDate};
use headwater_metrics::Unit;
use headwater_rules::CheckedRules;

use crate::execution::{checked, same};
use crate::night::Night;
use crate::support::Dice;

const COLUMNS: &[(&str, Unit)] = &[("account_id", Unit::Text), ("plan", Unit::Text), ("events", Unit::Count)];

/// A rule as the slow reading knows it: begins from six events on, ends as it says.
#[derive(Debug, Clone)]
struct Rule {
    id: String,
    wait: Wait,
    /// Ends below three events; without it, below six.
    has_exit: bool,
    keep: Option<Stretch>,
    holds: bool,
    unknown_matches: bool,
    /// About the plan `team` alone.
    has_scope: bool,
    max_gap_days: i64,
}

#[derive(Debug, Clone, Copy)]
enum Stretch {
    Runs(i64),
    Days(i64),
}

#[derive(Debug, Clone, Copy)]
enum Wait {
    Row(Stretch),
    Matches(i64, i64),
}

impl Rule {
    fn random(id: String, dice: &mut Dice) -> Self {
        let wait = match dice.below(4) {
            0 => Wait::Row(Stretch::Runs(1)),
            1 => Wait::Row(Stretch::Runs(1 + dice.below(3))),
            2 => Wait::Row(Stretch::Days(1 + dice.below(4))),
            _ => {
                let of = 1 + dice.below(4);
                Wait::Matches(1 + dice.below(of), of)
            }
        };
        let keep = match dice.below(3) {
            0 => None,
            1 => Some(Stretch::Runs(1 + dice.below(3))),
            _ => Some(Stretch::Days(1 + dice.below(4))),
        };
        Self {
            id,
            wait,
            has_exit: dice.once_in(2),
            keep,
            holds: dice.once_in(2),
            unknown_matches: dice.once_in(5),
            has_scope: dice.once_in(3),
            max_gap_days: 1 + dice.below(4),
        }
    }

    fn yaml(&self) -> String {
        let stretch = |stretch: Stretch| match stretch {
            Stretch::Runs(runs) => format!("{{runs: {runs}}}"),
            Stretch::Days(days) => format!("{{days: {days}}}"),
        };
        let wait = match self.wait {
            Wait::Row(row) => stretch(row),
            Wait::Matches(matches, of) => format!("{{matches: {matches}, of: {of}}}"),
        };
        let mut text = format!("  - {{id: {}, description: d, owner: o, when: \"events >= 6\", for: {wait}", self.id);
        write!(text, ", max_gap_days: {}", self.max_gap_days).unwrap();
        if self.has_exit {
            text += ", exit_when: \"events < 3\"";
        }
        if let Some(keep) = self.keep {
            write!(text, ", keep_firing_for: {}", stretch(keep)).unwrap();
        }
        text += if self.holds { ", on_missing: hold" } else { ", on_missing: resolve" };
        text += if self.unknown_matches { ", on_null: match" } else { "" };
        text += if self.has_scope { ", scope: \"plan = 'team'\"" } else { "" };
        text + "}\n"
    }
}

/// An account on one night: its plan and its events, each known or not.
type Seen = (Option<&'static str>, Option<i64>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Match,
    Between,
    End,
    Out,
    Unknown,
    Missing,
}

impl Rule {
    fn says(&self, seen: Option<Seen>) -> Said {
        let Some((plan, events)) = seen else { return Said::Missing };
        if self.has_scope {
            match plan {
                None => return Said::Unknown,
                Some("team") => {}
                Some(_) => return Said::Out,
            }
        }
        match events {
            None if self.unknown_matches => Said::Match,
            None => Said::Unknown,
            Some(events) if events >= 6 => Said::Match,
            Some(events) if self.has_exit && events >= 3 => Said::Between,
            Some(_) => Said::End,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Pending,
    Firing,
    Recovering,
}

#[derive(Debug, Clone)]
struct Flag {
    phase: Phase,
    since: NaiveDate,
    nights: i64,
    /// Nights counted by `matches`.
    history: Vec<bool>,
    first_night: Option<NaiveDate>,
    last_seen: NaiveDate,
}

fn days(from: NaiveDate, to: NaiveDate) -> i64 {
    (to - from).num_days()
}

impl Rule {
    /// The flag of tonight from the one of the night `before`; the second answer is whether one was resolved.
    fn next(&self, before: Option<(&Flag, NaiveDate)>, seen: Option<Seen>, tonight: NaiveDate) -> (Option<Flag>, bool) {
        let said = self.says(seen);
        let known = !matches!(said, Said::Unknown | Said::Missing);
        let Some((flag, night)) = before else { return (self.begin(None, said, tonight), false) };
        let has_gap = days(night, tonight) > self.max_gap_days;
        if !known && self.holds && days(flag.last_seen, tonight) <= self.max_gap_days {
            return (Some(flag.clone()), false);
        }
        if flag.phase == Phase::Pending {
            return (self.begin((!has_gap).then_some(flag), said, tonight), false);
        }
        let last_seen = tonight;
        let stays = Flag { nights: flag.nights + 1, last_seen, ..flag.clone() };
        let enters = |phase| Flag { phase, since: tonight, nights: 1, last_seen, ..flag.clone() };
        let flag = match (said, flag.phase) {
            (Said::Match | Said::Between, Phase::Firing) => Some(stays),
            (Said::Match, _) => Some(enters(Phase::Firing)),
            (Said::Out | Said::Unknown | Said::Missing, _) => None,
            (_, Phase::Firing) => self.keep.map(|_| enters(Phase::Recovering)),
            _ if has_gap => Some(enters(Phase::Recovering)),
            _ => {
                let is_over = match self.keep.unwrap() {
                    Stretch::Runs(runs) => flag.nights >= runs,
                    Stretch::Days(length) => days(flag.since, tonight) >= length,
                };
                (!is_over).then_some(stays)
            }
        };
        let is_gone = flag.is_none();
        (flag, is_gone)
    }

    /// What comes of an account that is not flagged, counting on from `pending`.
    fn begin(&self, pending: Option<&Flag>, said: Said, tonight: NaiveDate) -> Option<Flag> {
        let matches = said == Said::Match;
        let counts = matches!(self.wait, Wait::Matches(..)) && pending.is_some();
        if !matches && (!counts || matches!(said, Said::Out | Said::Missing)) {
            return None;
        }
        let since = pending.map_or(tonight, |flag| flag.since);
        let nights = pending.map_or(1, |flag| flag.nights + 1);
        let mut history = pending.map(|flag| flag.history.clone()).unwrap_or_default();
        history.push(matches);
        let has_waited = match self.wait {
            Wait::Row(Stretch::Runs(runs)) => nights >= runs,
            Wait::Row(Stretch::Days(length)) => days(since, tonight) + 1 >= length,
            Wait::Matches(wanted, of) => {
                history = history.split_off(history.len().saturating_sub(usize::try_from(of).unwrap()));
                history.iter().filter(|held| **held).count() >= usize::try_from(wanted).unwrap()
            }
        };
        if matches && has_waited {
            let first_night = Some(tonight);
            let flag =
                Flag { phase: Phase::Firing, since: tonight, nights: 1, history, first_night, last_seen: tonight };
            return Some(flag);
        }
        if counts && !history.contains(&true) {
            return None;
        }
        let last_seen = match (said, pending) {
            (Said::Unknown, Some(flag)) => flag.last_seen,
            _ => tonight,
        };
        Some(Flag { phase: Phase::Pending, since, nights, history, first_night: None, last_seen })
    }

    fn line(&self, account: &str, flag: &Flag) -> String {
        let bits = flag.history.iter().map(|held| if *held { '1' } else { '0' }).collect::<String>();
        let is_counted = matches!(self.wait, Wait::Matches(..)) && flag.phase == Phase::Pending;
        format!(
            "{account} | {} | {} | {} | {} | {} | {} | {}",
            self.id,
            format!("{:?}", flag.phase).to_lowercase(),
            flag.since,
            flag.nights,
            if is_counted { bits } else { "-".to_owned() },
            flag.first_night.map_or_else(|| "-".to_owned(), |night| night.to_string()),
            flag.last_seen
        )
    }
}

/// The flags of a published night by account and rule.
type Flags = BTreeMap<(String, String), Flag>;

/// A company whose nights are run twice: by queries, and slowly.
struct Company {
    rules: Vec<Rule>,
    checked: CheckedRules,
    published: BTreeMap<NaiveDate, (Night, Flags)>,
    /// What came of which answer in which phase.
    steps: BTreeSet<(Phase, Said, Option<Phase>)>,
}

impl Company {
    fn random(dice: &mut Dice) -> Self {
        let mut rules: Vec<_> = (0..8).map(|at| Rule::random(format!("r{at}"), dice)).collect();
        // One that can take every step.
        let keep = Some(Stretch::Runs(3));
        rules[0] =
            Rule { wait: Wait::Matches(2, 3), has_exit: true, keep, holds: true, max_gap_days: 4, ..rules[0].clone() };
        let text = format!("version: 1\ntriggers:\n{}", rules.iter().map(Rule::yaml).collect::<String>());
        Self { rules, checked: checked(&text), published: BTreeMap::new(), steps: BTreeSet::new() }
    }

    /// Runs a night both ways and publishes it, over what was published for that night before.
    async fn run(&mut self, tonight: NaiveDate, seen: &BTreeMap<String, Seen>) {
        let cell = |value: Option<String>| value.map_or_else(|| "NULL".to_owned(), |value| format!("'{value}'"));
        let row = |(account, (plan, events)): (&String, &Seen)| {
            let events = events.map(|events| events.to_string());
            format!("('{account}', {}, {})", cell(plan.map(str::to_owned)), cell(events))
        };
        let rows: Vec<_> = seen.iter().map(row).collect();
        let night = Night::new(&self.checked, &tonight.to_string(), COLUMNS, &rows.join(", ")).await;
        let before = self.published.range(..tonight).next_back();
        if let Some((_, (before, _))) = before {
            before.publish_tables_to(&["flag_states", "flagged_accounts"], &night).await;
        }
        let mut flags = Flags::new();
        let (mut states, mut flagged) = (Vec::new(), Vec::new());
        let nobody = Flags::new();
        let known = before.map_or(&nobody, |(_, (_, flags))| flags);
        let accounts: BTreeSet<_> = seen.keys().chain(known.keys().map(|(account, _)| account)).cloned().collect();
        for account in accounts {
            for rule in &self.rules {
                let key = (account.clone(), rule.id.clone());
                let earlier = known.get(&key).zip(before.map(|(night, _)| *night));
                let (flag, is_gone) = rule.next(earlier, seen.get(&account).copied(), tonight);
                if let Some((earlier, _)) = earlier {
                    let said = rule.says(seen.get(&account).copied());
                    self.steps.insert((earlier.phase, said, flag.as_ref().map(|flag| flag.phase)));
                }
                if let Some(flag) = &flag {
                    states.push(rule.line(&account, flag));
                    if flag.phase != Phase::Pending {
                        let phase = format!("{:?}", flag.phase).to_lowercase();
                        flagged.push(format!("{account} | {} | {phase} | {}", rule.id, flag.first_night.unwrap()));
                    }
                }
                if is_gone {
                    let first = earlier.unwrap().0.first_night.unwrap();
                    let line = format!("{account} | {} | resolved", rule.id);
                    states.push(format!("{line} | {tonight} | 1 | - | {first} | -"));
                    flagged.push(format!("{line} | {first}"));
                }
                flags.extend(flag.map(|flag| (key, flag)));
            }
        }
        let found =
            night.rows("flag_states", "account_id rule_id state since nights history first_night last_seen").await;
        self.compare(&found, &states, tonight);
        let found = night.rows("flagged_accounts", "account_id rule_id state first_night").await;
        self.compare(&found, &flagged, tonight);
        self.published.insert(tonight, (night, flags));
    }

    #[track_caller]
    fn compare(&self, found: &str, wanted: &[String], tonight: NaiveDate) {
        let found: Vec<_> = found.lines().collect();
        let differs = found.iter().zip(wanted).find(|(found, wanted)| **found != wanted.as_str());
        let rules = self.rules.iter().map(Rule::yaml).collect::<String>();
        let nights: Vec<_> = self.published.keys().collect();
        assert!(
            found == wanted,
            "{tonight} after {nights:?}: the first that differs is {differs:?}, of {} and {}\n{rules}",
            found.len(),
            wanted.len()
        );
    }
}

fn seen(accounts: i64, dice: &mut Dice) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    for account in 0..accounts {
        let plan = [Some("team"), Some("team"), Some("team"), Some("team"), Some("solo"), None];
        let plan = plan[usize::try_from(dice.below(6)).unwrap()];
        let events = [Some(9), Some(6), Some(6), Some(5), Some(3), Some(2), Some(0), None];
        let events = events[usize::try_from(dice.below(8)).unwrap()];
        if !dice.once_in(6) {
            seen.insert(format!("A{account:02}"), (plan, events));
        }
    }
    seen
}

/// All steps there are: eleven of a pending flag, nine of a firing one, ten of a recovering one.
const STEPS: usize = 30;

#[tokio::test]
async fn states_are_those_of_a_slow_reading() {
    let mut steps = BTreeSet::new();
    for seed in 0..2 {
        let mut dice = Dice(seed * 7_919 + 20_260_531);
        let mut company = Company::random(&mut dice);
        let mut tonight: NaiveDate = "2026-05-01".parse().unwrap();
        let mut skipped = Vec::new();
        for _ in 0..9 {
            company.run(tonight, &seen(40, &mut dice)).await;
            let step = 1 + dice.below(3) * dice.below(3);
            skipped.extend((1..step).map(|days| tonight + Days::new(u64::try_from(days).unwrap())));
            tonight = tonight + Days::new(u64::try_from(step).unwrap());
        }
        // A night run again, and one that had been missed: each reads the last night before it, and no later one.
        let nights: Vec<_> = company.published.keys().copied().collect();
        for again in [nights[4], nights[7]].into_iter().chain(skipped.first().copied()) {
            company.run(again, &seen(40, &mut dice)).await;
        }
        steps.append(&mut company.steps);
    }
    // Whatever each of the six answers can make of a pending, a firing and a recovering flag was tried.
    assert_eq!(steps.len(), STEPS, "{steps:#?}");
}

/// The states of one account, a night each, under rules that may change from night to night.
async fn follow(nights: &[(&str, String, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut before: Option<Night> = None;
    for (day, rules, rows) in nights {
        let night = Night::new(&checked(rules), day, COLUMNS, rows).await;
        if let Some(before) = &before {
            before.publish_to(&night).await;
        }
        let states = night.rows("flag_states", "account_id state nights").await;
        let flags = night.rows("flagged_accounts", "account_id state held_back_by").await;
        let flags = if flags.is_empty() { "nobody".to_owned() } else { flags.replace('\n', ", ") };
        found.push(format!("{} / {flags}", states.replace('\n', ", ")));
        before = Some(night);
    }
    found
}

fn rule(keys: &str) -> String {
    format!("version: 1\ntriggers:\n  - {{id: t, description: d, owner: o, {keys}}}\n")
}

const BUSY: &str = "('A', 'team', 9)";

#[tokio::test]
async fn another_threshold_keeps_the_state_and_another_question_does_not() {
    let at = |day: &'static str, keys: &str| (day, rule(keys), BUSY);
    let found = follow(&[
        at("2026-05-01", "when: \"events >= 6\", for: {runs: 3}"),
        at("2026-05-02", "when: \"events >= 7\", for: {runs: 2}"),
        at("2026-05-03", "when: \"events > 7\", for: {runs: 2}"),
        at("2026-05-04", "when: \"events > 7\", for: {days: 2}"),
        at("2026-05-05", "when: \"events > 8 AND plan IN ('team')\", for: {days: 2}"),
        at("2026-05-06", "when: \"events > 8 AND plan IN ('solo', 'team')\", for: {days: 2}"),
    ])
    .await;
    same(
        &found.join("\n"),
        "A | pending | 1 / nobody
         A | firing | 1 / A | firing | -
         A | pending | 1 / A | resolved | -
         A | pending | 1 / nobody
         A | pending | 1 / nobody
         A | firing | 1 / A | firing | -",
    );
}

#[tokio::test]
async fn a_rule_beyond_its_limit_says_so_and_keeps_the_state_of_the_last_night() {
    let rules = rule("when: \"events >= 6\", limit: {max_accounts: 2, max_pct: 60}, on_missing: hold");
    let few = "('A', NULL, 9), ('B', NULL, 9), ('C', NULL, 1), ('D', NULL, 1)";
    let many = "('A', NULL, 9), ('B', NULL, 0), ('C', NULL, 9), ('D', NULL, 9)";
    let night = Night::new(&checked(&rules), "2026-05-01", COLUMNS, few).await;
    let next = Night::new(&checked(&rules), "2026-05-02", COLUMNS, many).await;
    night.publish_to(&next).await;
    let columns = "account_id state since nights last_seen error";
    same(
        &night.rows("flag_states", columns).await,
        "A | firing | 2026-05-01 | 1 | 2026-05-01 | -
         B | firing | 2026-05-01 | 1 | 2026-05-01 | -",
    );
    let error = "3 of 4 accounts are more than its limit";
    same(
        &next.rows("flag_states", columns).await,
        &format!(
            "A | firing | 2026-05-01 | 1 | 2026-05-01 | {error}\nB | firing | 2026-05-01 | 1 | 2026-05-01 | {error}"
        ),
    );
    same(&next.rows("flagged_accounts", "account_id state").await, "A | firing\nB | firing");
    let audit = |night: &Night| night.compiled.audits().first().unwrap().clone();
    assert_eq!((audit(&next).id.as_str(), audit(&next).severity.word()), ("limit_t", "warn"));
    let columns = "failed observed expected";
    let demand = "flags on at most 2 accounts and 60 % of all; the rule keeps the state of the last night";
    let found = night.query(&audit(&night).query.sql, columns).await;
    assert_eq!(found, format!("false | 2 of 4 accounts would be flagged | {demand}"));
    let found = next.query(&audit(&next).query.sql, columns).await;
    assert_eq!(found, format!("true | 3 of 4 accounts would be flagged | {demand}"));
}

#[tokio::test]
async fn a_flag_without_its_milestone_is_held_back_whatever_its_state() {
    let rules = "version: 1
milestone_ladders:
  - {id: l, description: d, milestones: [{id: m, reached_when: \"plan = 'team'\"}]}
triggers:
  - {id: t, description: d, owner: o, when: \"events >= 6\", exit_when: \"events < 3\", keep_firing_for: {runs: 2},
     after: l.m, on_missing: hold}
";
    let night = |day: &'static str, rows: &'static str| (day, rules.to_owned(), rows);
    let found = follow(&[
        night("2026-05-01", "('A', 'solo', 9), ('B', 'team', 9)"),
        night("2026-05-02", "('A', 'solo', 4), ('B', 'team', 4)"),
        night("2026-05-03", "('C', 'team', 0)"),
        night("2026-05-04", "('A', 'solo', 1), ('B', 'team', 1)"),
        night("2026-05-05", "('A', 'team', 1), ('B', 'team', 7)"),
    ])
    .await;
    same(
        &found.join("\n"),
        "A | firing | 1, B | firing | 1 / A | held_back | l.m, B | firing | -
         A | firing | 2, B | firing | 2 / A | held_back | l.m, B | firing | -
         A | firing | 2, B | firing | 2 / A | held_back | l.m, B | firing | -
         A | recovering | 1, B | recovering | 1 / A | held_back | l.m, B | recovering | -
         A | recovering | 2, B | firing | 1 / A | recovering | -, B | firing | -",
    );
}

#[tokio::test]
async fn what_ends_a_flag_stands_beside_what_began_it() {
    let rules = rule("when: \"events >= 6\", exit_when: {any: [\"events < 3\", {id: gone, expr: \"plan = 'none'\"}]}");
    let night = Night::new(&checked(&rules), "2026-05-01", COLUMNS, BUSY).await;
    let next = Night::new(&checked(&rules), "2026-05-02", COLUMNS, "('A', 'team', 4)").await;
    night.publish_to(&next).await;
    same(
        &next.rows("flag_evidence", "account_id condition_id expression value_text met").await,
        "A | c1 | events >= 6 | 4 | false
         A | exit_c1 | events < 3 | 4 | false
         A | exit_gone | plan = 'none' | team | false",
    );
}
