//! Trials by month, commissions to claim back, renewals and their confidence: known cases by hand.

use headwater_metrics::{InputTable, clawbacks, renewal_calibration, renewal_outlook, renewals, trial_cohorts};

use crate::bench::Bench;

const TRIALS: &str = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), is_trial BOOLEAN";
const SUBSCRIPTIONS: &str = "account_id VARCHAR, started_on DATE, ended_on DATE, mrr DECIMAL(18,2), plan VARCHAR";
const DEALS: &str = "opportunity_id VARCHAR, account_id VARCHAR, created_on DATE, closed_on DATE, due_on DATE, \
    stage VARCHAR, kind VARCHAR, amount DECIMAL(18,2)";

async fn bench(as_of: &str, accounts: &str) -> Bench {
    let accounts: Vec<String> = accounts.split_whitespace().map(|id| format!("('{id}', 'free')")).collect();
    Bench::new(as_of).input(InputTable::Accounts, "account_id VARCHAR, plan VARCHAR", &accounts.join(", ")).await
}

async fn cohorts_of_trials(as_of: &str, rows: &str) -> Vec<String> {
    let bench = bench(as_of, "A B C D E").await.input(InputTable::Subscriptions, TRIALS, rows).await;
    bench.accounts(&["mrr"]).await;
    let query = "SELECT cohort, window_days, trials, due, won, won_so_far, lost, undecided, rate, provisional
        FROM trial_cohorts ORDER BY cohort, window_days";
    bench.table(trial_cohorts, query).await
}

/// A is won on day 8; B went to the free plan; C is won on day 35; D had paid before it tried.
const TRIED: &str = "('A', '2024-03-01', '2024-03-09', 0, true), ('A', '2024-03-09', NULL, 10, false),
    ('B', '2024-03-01', '2024-03-15', 0, true), ('B', '2024-03-15', NULL, 0, false),
    ('C', '2024-03-01', '2024-03-15', 0, true), ('C', '2024-04-05', NULL, 10, false),
    ('D', '2024-01-01', NULL, 10, false), ('D', '2024-03-01', '2024-03-15', 0, true)";

#[tokio::test]
async fn a_cohort_of_trials_is_provisional_and_then_final() {
    // The thirty days on day 10: nothing is due, one is won already.
    assert_eq!(
        cohorts_of_trials("2024-03-11", TRIED).await,
        ["2024-03-11 14 3 0 0 1 0 2 - true", "2024-03-11 30 3 0 0 1 0 2 - true", "2024-03-11 90 3 0 0 1 0 2 - true",]
    );
    // On day 19 the fourteen days are over for all who tried, but the month may bring others.
    assert_eq!(cohorts_of_trials("2024-03-20", TRIED).await[0], "2024-03-20 14 3 3 1 1 2 0 0.3333333333333333 true");
    // On day 40 the thirty days are final, whatever came later.
    assert_eq!(
        cohorts_of_trials("2024-04-10", TRIED).await,
        [
            "2024-03-31 14 3 3 1 1 2 0 0.3333333333333333 false",
            "2024-03-31 30 3 3 1 1 2 0 0.3333333333333333 false",
            "2024-03-31 90 3 0 0 2 0 1 - true",
        ]
    );
    assert_eq!(
        cohorts_of_trials("2024-08-01", TRIED).await,
        [
            "2024-03-31 14 3 3 1 1 2 0 0.3333333333333333 false",
            "2024-03-31 30 3 3 1 1 2 0 0.3333333333333333 false",
            "2024-03-31 90 3 3 2 2 1 0 0.6666666666666666 false",
        ]
    );
}

#[tokio::test]
async fn a_rate_of_trials_is_of_those_whose_window_is_over() {
    let rows = format!("{TRIED}, ('E', '2024-03-20', '2024-04-03', 0, true), ('E', '2024-04-03', NULL, 10, false)");
    // E is won within its thirty days, which are not over: it is in no rate yet.
    assert_eq!(cohorts_of_trials("2024-04-10", &rows).await[1], "2024-03-31 30 4 3 1 2 2 0 0.3333333333333333 true");
    // The metric is of the same trials.
    let bench = bench("2024-04-10", "A B C D E").await.input(InputTable::Subscriptions, TRIALS, &rows).await;
    let metric = bench.groups(&[("total", "trial_to_paid_30d")]).await;
    assert_eq!(metric, ["total all trial_to_paid_30d 0.3333333333333333 3 -"]);
    // A window is over on its last day, and a payment on that day is inside.
    assert_eq!(cohorts_of_trials("2024-04-18", &rows).await[1], "2024-03-31 30 4 3 1 2 2 0 0.3333333333333333 true");
    assert_eq!(cohorts_of_trials("2024-04-19", &rows).await[1], "2024-03-31 30 4 4 2 2 2 0 0.5 false");
}

const LEFT: &str = "('A', '2024-03-01', '2024-04-20', 10, 'team'), ('B', '2024-03-01', '2024-05-20', 10, 'team'),
    ('C', '2024-01-01', '2024-06-29', 10, 'team'), ('D', '2024-01-01', '2024-06-30', 10, 'team'),
    ('E', '2024-03-01', '2024-03-20', 10, 'team'), ('E', '2024-06-01', NULL, 10, 'team'),
    ('F', '2024-03-01', '2024-03-20', 10, 'team'), ('F', '2024-04-01', '2024-05-01', 10, 'team'),
    ('G', '2023-11-01', '2023-12-31', 10, 'team'), ('H', '2023-11-01', '2024-01-01', 10, 'team'),
    ('I', '2024-12-01', '2025-01-10', 10, 'team')";

#[tokio::test]
async fn who_leaves_within_two_quarters_costs_the_seller() {
    let columns = "opportunity_id VARCHAR, account_id VARCHAR, created_on DATE, closed_on DATE, stage VARCHAR, kind VARCHAR, \
        amount DECIMAL(18,2), seller VARCHAR, commission DECIMAL(18,2)";
    // Of the deals of A the second counts: the third was closed too late, the others are not how it was won.
    let deals = "('1', 'A', '2024-01-01', '2024-02-20', 'won', 'new', 1000, 'Ana', 100), ('2', 'A', '2024-01-01', '2024-03-10', 'won', 'new', 1200, 'Ben', 120),
        ('3', 'A', '2024-01-01', '2024-07-01', 'won', 'new', 1, 'Cem', 1), ('4', 'A', '2024-01-01', '2024-04-01', 'won', 'expansion', 2, 'Dag', 2),
        ('5', 'A', '2024-01-01', '2024-04-02', 'lost', 'new', 3, 'Eve', 3), ('6', 'B', '2024-01-01', '2024-05-30', 'won', 'new', 9, 'Fay', NULL)";
    let bench = bench("2024-12-31", "A B C D E F G H I")
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, LEFT)
        .await
        .input(InputTable::Opportunities, columns, deals)
        .await;
    bench.accounts(&["mrr"]).await;
    let query =
        "SELECT account_id, first_paid_on, churned_on, days_as_payer, opportunity_id, seller, won_on, deal_amount,
        commission_amount, early_churn_60, early_churn_90 FROM clawbacks ORDER BY account_id";
    // D left a day too late, E pays again, G left too long ago, I has not left yet.
    assert_eq!(
        bench.table(clawbacks, query).await,
        [
            "A 2024-03-01 2024-04-20 50 2 Ben 2024-03-10 1200.00 120.00 true true",
            "B 2024-03-01 2024-05-20 80 6 Fay 2024-05-30 9.00 - false true",
            "C 2024-01-01 2024-06-29 180 - - - - - false false",
            "F 2024-03-01 2024-05-01 61 - - - - - false true",
            "H 2023-11-01 2024-01-01 61 - - - - - false true",
        ]
    );
}

#[tokio::test]
async fn without_deals_who_leaves_early_is_known_and_the_seller_is_not() {
    let bench = bench("2024-12-31", "A B C D E F G H I").await;
    let bench = bench.input(InputTable::Subscriptions, SUBSCRIPTIONS, LEFT).await.clawback_days(61);
    bench.accounts(&["mrr"]).await;
    let query = "SELECT account_id, days_as_payer, seller, commission_amount FROM clawbacks ORDER BY account_id";
    assert_eq!(bench.table(clawbacks, query).await, ["A 50 - -", "F 61 - -", "H 61 - -"]);
    // Kinds that are not told apart are all taken for the deal that won the account.
    let columns = "account_id VARCHAR, created_on DATE, closed_on DATE, stage VARCHAR";
    let deals = "('A', '2024-01-01', '2024-03-10', 'won'), ('F', '2024-01-01', '2024-03-10', 'lost')";
    let bench = bench.input(InputTable::Opportunities, columns, deals).await;
    let query = "SELECT account_id, won_on, opportunity_id FROM clawbacks ORDER BY account_id";
    assert_eq!(bench.table(clawbacks, query).await, ["A 2024-03-10 -", "F - -", "H - -"]);
}

/// Twenty-four renewals of June 2024: on `team` six of twelve renewed, on `solo` all twelve. Later, H on `team` renewed
/// on the first of December; T, S and N are open, N without a subscription.
fn june() -> (Vec<String>, Vec<String>) {
    let mut deals = vec![
        "('h', 'H', '2024-08-01', '2024-12-01', '2024-12-01', 'won', 'renewal', 5)".to_owned(),
        "('t', 'T', '2024-05-01', NULL, '2025-02-01', 'open', 'renewal', 5)".to_owned(),
        "('s', 'S', '2024-05-01', NULL, '2025-02-01', 'open', 'renewal', 5)".to_owned(),
        "('n', 'N', '2024-05-01', NULL, '2025-02-01', 'open', 'renewal', 5)".to_owned(),
        "('x', 'N', '2024-05-01', '2024-05-02', NULL, 'lost', 'expansion', 5)".to_owned(),
    ];
    let mut held = vec![
        "('H', '2023-01-01', NULL, 10, 'team')".to_owned(),
        "('T', '2023-01-01', NULL, 10, 'team')".to_owned(),
        "('T', '2023-02-01', NULL, 3, 'solo')".to_owned(),
        "('S', '2023-01-01', NULL, 10, 'solo')".to_owned(),
    ];
    for number in 0..24 {
        let (day, plan) = (number + 1, if number % 2 == 0 { "team" } else { "solo" });
        let stage = if number % 4 == 0 { "lost" } else { "won" };
        let day = format!("2024-06-{day:02}");
        deals.push(format!("('{number}', 'R{number}', '2024-04-01', '{day}', '{day}', '{stage}', 'renewal', 5)"));
        let end = if stage == "lost" { format!("'{day}'") } else { "NULL".to_owned() };
        held.push(format!("('R{number}', '2023-06-01', {end}, 10, '{plan}')"));
    }
    (deals, held)
}

async fn company(as_of: &str, deals: &[String], held: &[String]) -> Bench {
    let bench = bench(as_of, "H T S N")
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, &held.join(", "))
        .await
        .input(InputTable::Opportunities, DEALS, &deals.join(", "))
        .await;
    bench.accounts(&["mrr"]).await;
    bench
}

async fn confidences(as_of: &str, deals: &[String], held: &[String]) -> Vec<String> {
    let bench = company(as_of, deals, held).await;
    let query = "SELECT account_id, opportunity_id, stage, checkpoint, plan, usage_direction, peers_due, peers_renewed,
        confidence, reason FROM renewals WHERE account_id NOT LIKE 'R%' ORDER BY account_id";
    bench.table(renewals, query).await
}

#[tokio::test]
async fn confidence_is_the_share_of_peers_drawn_to_the_share_of_all() {
    let (deals, held) = june();
    // Of all, 18 of 24 renewed before September, and 19 of 25 by the end of the year. H on `team`: (6 + 10 × 18/24) / 22.
    // On the last day, T: (7 + 7.6) / 23, S: (12 + 7.6) / 22, N without peers: 19/25.
    assert_eq!(
        confidences("2024-12-31", &deals, &held).await,
        [
            "H h won 2024-09-02 team unknown 12 6 0.6136363636363636 -",
            "N n open 2024-12-31 (unknown) unknown 0 0 0.76 -",
            "S s open 2024-12-31 solo unknown 12 12 0.890909090909091 -",
            "T t open 2024-12-31 team unknown 13 7 0.6347826086956522 -",
        ]
    );
}

#[tokio::test]
async fn a_renewal_decided_nobody_knows_when_was_decided_when_it_was_due() {
    let (deals, held) = june();
    let undated: Vec<String> = deals
        .iter()
        .map(|deal| deal.replace("'2024-12-01', '2024-12-01', 'won'", "NULL, '2024-12-01', 'won'"))
        .collect();
    assert_ne!(undated, deals);
    assert_eq!(confidences("2024-12-31", &undated, &held).await, confidences("2024-12-31", &deals, &held).await);
}

#[tokio::test]
async fn a_group_is_expected_to_renew_what_its_renewals_are() {
    let (deals, held) = june();
    let query = "SELECT scope, group_name, renewals, amount, expected_amount, confidence FROM renewal_outlook";
    let company_of = async |as_of: &str| {
        let company = company(as_of, &deals, &held).await;
        company.table(renewals, "SELECT 1").await;
        company.table(renewal_outlook, query).await
    };
    // T, S and N, at 5 each.
    assert_eq!(company_of("2024-12-31").await, ["total all 3 15.00 11.43 0.7618971999999999"]);
    let few = company_of("2024-06-20").await;
    assert!(few[0].ends_with(" - -"), "{few:?}");
}

#[tokio::test]
async fn fewer_than_twenty_outcomes_say_nothing() {
    let (deals, held) = june();
    let few = "- fewer than 20 renewals were decided before";
    // On the twentieth, nineteen were decided before; on the next day, twenty.
    let lines = confidences("2024-06-20", &deals, &held).await;
    assert_eq!(lines[3], format!("T t open 2024-06-20 team unknown 10 5 {few}"));
    let lines = confidences("2024-06-21", &deals, &held).await;
    assert_eq!(lines[3], "T t open 2024-06-21 team unknown 10 5 0.625 -");
}

#[tokio::test]
async fn what_was_said_of_a_renewal_stays_and_is_what_that_night_said() {
    let (mut deals, held) = june();
    let said = "0.6136363636363636 -";
    let of_h = |lines: Vec<String>| lines.into_iter().find(|line| line.starts_with("H ")).unwrap();
    // The night of the checkpoint itself, over the same rows: the outcome is still to come.
    let then = of_h(confidences("2024-09-02", &deals, &held).await);
    assert_eq!(then, format!("H h open 2024-09-02 team unknown 12 6 {said}"));
    for number in 0..30 {
        deals.push(format!(
            "('later{number}', 'R{number}', '2024-09-01', '2024-09-02', '2024-10-01', 'lost', 'renewal', 5)"
        ));
    }
    let later = of_h(confidences("2025-06-30", &deals, &held).await);
    assert_eq!(later, format!("H h won 2024-09-02 team unknown 12 6 {said}"));
    // Two years after it was decided it is no longer listed.
    assert!(!confidences("2026-12-01", &deals, &held).await.iter().any(|line| line.starts_with("H ")));
}

#[tokio::test]
async fn a_decided_renewal_also_says_what_was_expected_half_a_year_before_it_was_due() {
    let (mut deals, held) = june();
    deals[0] = "('h', 'H', '2024-07-01', '2025-03-01', '2025-03-01', 'won', 'renewal', 5)".to_owned();
    let early = async |as_of: &str| {
        let query =
            "SELECT checkpoint, confidence, early_checkpoint, early_confidence FROM renewals WHERE account_id = 'H'";
        company(as_of, &deals, &held).await.table(renewals, query).await
    };
    let then = early("2024-09-02").await;
    assert_eq!(then, ["2024-09-02 0.6136363636363636 - -"]);
    let later = early("2025-06-30").await;
    assert!(later[0].starts_with("2024-12-01 ") && later[0].ends_with(" 2024-09-02 0.6136363636363636"), "{later:?}");
}

#[tokio::test]
async fn a_renewal_decided_early_is_no_peer_of_its_own() {
    let (mut deals, held) = june();
    deals[0] = "('h', 'H', '2024-07-01', '2024-07-10', '2024-12-01', 'won', 'renewal', 5)".to_owned();
    let lines = confidences("2024-12-31", &deals, &held).await;
    assert_eq!(lines[0], "H h won 2024-07-10 team unknown 12 6 0.6136363636363636 -");
}

#[tokio::test]
async fn renewals_without_ids_and_days_are_told_apart() {
    let columns = "account_id VARCHAR, created_on DATE, closed_on DATE, stage VARCHAR, kind VARCHAR";
    let deals =
        "('A', '2023-01-01', '2023-04-01', 'won', 'renewal'), ('A', '2024-01-01', '2024-04-01', 'won', 'renewal'),
        ('A', '2024-12-01', '2025-03-01', 'open', 'renewal'), ('A', '2024-12-01', NULL, 'won', 'renewal'),
        ('A', '2024-12-01', NULL, 'open', 'new')";
    let bench = bench("2024-12-31", "A").await.input(InputTable::Opportunities, columns, deals).await;
    bench.accounts(&["deals_won_total"]).await;
    let query = "SELECT opportunity_id, due_on, stage, amount, checkpoint, plan FROM renewals ORDER BY opportunity_id";
    // The day an open deal is hoped to close is not the day it is due; a deal decided on an unknown day is not listed.
    assert_eq!(
        bench.table(renewals, query).await,
        [
            "A unnamed 1 2023-04-01 won - 2023-01-01 (unknown)",
            "A unnamed 2 2024-04-01 won - 2024-01-02 (unknown)",
            "A unnamed 3 - open - 2024-12-31 (unknown)",
        ]
    );
}

#[tokio::test]
async fn usage_goes_up_or_down_or_is_unknown() {
    let accounts = ["FALLING", "STEADY", "RISING", "NONE", "BEGUN", "OLD"];
    let open = accounts.map(|id| format!("('{id}', '{id}', '2024-10-01', NULL, '2025-02-01', 'open', 'renewal', 5)"));
    let mut deals = open.to_vec();
    deals[5] = "('OLD', 'OLD', '2024-01-01', '2024-12-01', '2024-12-01', 'won', 'renewal', 5)".to_owned();
    // The 28 days are the 4th to the 31st of December, those before begin on the 6th of November.
    let events = "('FALLING', '2024-11-06', 100), ('FALLING', '2024-12-04', 79), ('FALLING', '2024-11-05', 900),
        ('STEADY', '2024-12-03', 100), ('STEADY', '2024-12-31', 80), ('RISING', '2024-11-06', 4), ('RISING', '2024-12-31', 6),
        ('BEGUN', '2024-12-31', NULL), ('NONE', '2024-12-31', -3), ('OLD', '2024-11-20', 3), (NULL, '2024-11-05', 1)";
    let bench = bench("2024-12-31", &accounts.join(" "))
        .await
        .input(InputTable::Opportunities, DEALS, &deals.join(", "))
        .await
        .input(InputTable::UsageEvents, "account_id VARCHAR, occurred_on DATE, quantity BIGINT", events)
        .await;
    bench.accounts(&["deals_won_total"]).await;
    let query = "SELECT account_id, checkpoint, usage_direction FROM renewals ORDER BY account_id";
    assert_eq!(
        bench.table(renewals, query).await,
        [
            "BEGUN 2024-12-31 rising",
            "FALLING 2024-12-31 falling",
            "NONE 2024-12-31 none",
            "OLD 2024-09-02 unknown",
            "RISING 2024-12-31 rising",
            "STEADY 2024-12-31 steady",
        ]
    );
}

/// A thousand renewals over four years, on five plans that renew in 90, 75, 60, 45 and 30 of a hundred cases. Those of
/// the last two years are listed, and have so many peers that ten deals at the rate of all weigh little.
#[tokio::test]
async fn what_is_expected_of_a_thousand_renewals_comes_true() {
    const WON_OF_TWENTY: [i64; 5] = [18, 15, 12, 9, 6];
    let first: chrono::NaiveDate = "2021-01-10".parse().unwrap();
    let (mut deals, mut held) = (Vec::new(), Vec::new());
    for number in 0..1000_i64 {
        let plan = number % 5;
        let won = (number / 5 * 7) % 20 < WON_OF_TWENTY[usize::try_from(plan).unwrap()];
        let day = first + chrono::TimeDelta::days(number * 144 / 100);
        let stage = if won { "won" } else { "lost" };
        deals.push(format!("('{number}', 'R{number}', '2020-01-01', '{day}', '{day}', '{stage}', 'renewal', 5)"));
        held.push(format!("('R{number}', '2020-01-01', NULL, 10, 'plan {plan}')"));
    }
    let bench = bench("2024-12-31", "A")
        .await
        .input(InputTable::Subscriptions, SUBSCRIPTIONS, &held.join(", "))
        .await
        .input(InputTable::Opportunities, DEALS, &deals.join(", "))
        .await;
    bench.accounts(&["mrr"]).await;
    let query = "SELECT count(*), count(confidence), avg((confidence - CASE WHEN stage = 'won' THEN 1 ELSE 0 END)
        * (confidence - CASE WHEN stage = 'won' THEN 1 ELSE 0 END)) FROM renewals";
    let listed = numbers(&bench.table(renewals, query).await[0]);
    assert_eq!(listed[..2], [499.0, 499.0]);
    let query = |days: u32| {
        format!(
            "SELECT renewals, mean_confidence, renewed_share, difference, brier_score
        FROM renewal_calibration WHERE checkpoint_days = {days} ORDER BY band"
        )
    };
    let early: Vec<Vec<f64>> =
        bench.table(renewal_calibration, &query(180)).await.iter().map(|line| numbers(line)).collect();
    assert!(early.len() == 5 && early.iter().all(|band| band[3].abs() < 0.07), "{early:?}");
    let bands: Vec<Vec<f64>> =
        bench.table(renewal_calibration, &query(90)).await.iter().map(|line| numbers(line)).collect();
    assert_eq!(bands.len(), 5);
    for band in &bands {
        assert!(band[3].abs() < 0.05, "{band:?}");
        assert!((band[2] - band[1] - band[3]).abs() < 1e-12, "{band:?}");
    }
    assert!((bands.iter().map(|band| band[0]).sum::<f64>() - 499.0).abs() < 1e-12);
    assert!((bands.iter().map(|band| band[4]).sum::<f64>() - listed[2]).abs() < 1e-12);
}

fn numbers(line: &str) -> Vec<f64> {
    line.split(' ').map(|number| number.parse().unwrap()).collect()
}

#[tokio::test]
async fn renewals_count_in_the_period_in_which_they_are_due() {
    let deals = "('1', 'A', '2024-01-01', '2024-03-20', '2024-04-15', 'won', 'renewal', 300),
        ('2', 'B', '2024-01-01', '2024-04-05', '2024-03-10', 'won', 'renewal', 50),
        ('3', 'C', '2024-01-01', NULL, '2024-04-20', 'open', 'renewal', 100),
        ('4', 'C', '2024-01-01', '2024-04-10', '2024-05-10', 'won', 'renewal', 70),
        ('5', 'D', '2024-01-01', '2024-04-10', NULL, 'lost', 'renewal', 200),
        ('6', 'D', '2024-01-01', '2024-05-02', '2024-04-29', 'won', 'renewal', 400),
        ('7', 'D', '2024-01-01', '2024-04-10', '2024-04-10', 'won', 'new', 9)";
    let bench = bench("2024-04-30", "A B C D").await.input(InputTable::Opportunities, DEALS, deals).await;
    // Early, late and not yet decided; the sixth is won after the night.
    let metrics = ["renewals_due_1m", "renewals_due_amount_1m", "renewals_won_amount_1m"];
    assert_eq!(
        bench.accounts(&metrics).await,
        ["A 1 300.00 300.00", "B 0 0.00 0.00", "C 1 100.00 0.00", "D 2 600.00 0.00"]
    );
    assert_eq!(bench.groups(&[("total", "renewal_rate_1m")]).await, ["total all renewal_rate_1m 0.3 4 -"]);
}
