//! Revenue at its edges: companies of nobody, of one, of all that left, of nothing but trials. Each night is published,
//! with named outcomes; the standing audits see to it that no table holds NaN or infinity.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::night::Company;

const PROJECT: &str = "version: 1\nname: edge\ncurrency: EUR\ninputs:\n  accounts: {path: accounts.parquet}\n  subscriptions: {path: subscriptions.parquet}\n  spend: {path: spend.parquet}\ngroups: [plan]\n";
const NIGHT: &str = "2024-06-30";
/// Days since 1970 of the night.
const TODAY: i32 = 19_904;

/// A subscription: account, days before the night that it began and ended, amount, whether it is a trial.
type Subscription = (&'static str, i32, Option<i32>, f64, bool);

struct Edge {
    name: &'static str,
    accounts: &'static [&'static str],
    subscriptions: &'static [Subscription],
    /// Group metrics of everyone that must be there: name and value, or the reason why it is unknown.
    expected: &'static [(&'static str, &'static str)],
    /// Reasons of quarantine with their rows.
    left_out: &'static [(&'static str, u64)],
}

const NO_OPENING: &str = "no account paid at the start of the window";

const EDGES: &[Edge] = &[
    Edge { name: "nobody", accounts: &[], subscriptions: &[], expected: &[], left_out: &[] },
    Edge {
        name: "one account that never paid",
        accounts: &["a"],
        subscriptions: &[],
        expected: &[
            ("total_mrr", "0.0"),
            ("arpa", "no paying account"),
            ("nrr_12m", NO_OPENING),
            ("logo_churn_1m", NO_OPENING),
            ("quick_ratio_3m", "nothing was lost in the window"),
        ],
        left_out: &[],
    },
    Edge {
        name: "one row",
        accounts: &["a"],
        subscriptions: &[("a", 400, None, 10.0, false)],
        expected: &[
            ("nrr_12m", "1.0"),
            ("grr_12m", "1.0"),
            ("logo_churn_1m", "0.0"),
            ("revenue_churn_1m", "0.0"),
            ("clv_simple", "nobody churned in the window, so the lifetime is not known, or nobody paid"),
        ],
        left_out: &[],
    },
    Edge {
        name: "all churned",
        accounts: &["a", "b"],
        subscriptions: &[("a", 400, Some(10), 10.0, false), ("b", 400, Some(300), 10.0, false)],
        expected: &[("total_mrr", "0.0"), ("nrr_12m", "0.0"), ("logo_churn_1m", "1.0"), ("arpa", "no paying account")],
        left_out: &[],
    },
    Edge {
        name: "nothing but trials",
        accounts: &["a", "b"],
        subscriptions: &[("a", 40, Some(10), 10.0, true), ("b", 4, None, 0.0, true)],
        expected: &[("total_mrr", "0.0"), ("paying_accounts", "0.0"), ("nrr_1m", NO_OPENING)],
        left_out: &[],
    },
    Edge {
        name: "rows that contradict themselves",
        accounts: &["a"],
        subscriptions: &[
            ("a", 400, None, -10.0, false),
            ("a", 40, Some(50), 10.0, false),
            ("a", -5, None, 10.0, false),
            ("a", 40, None, f64::NAN, false),
            ("x", 40, None, 10.0, false),
            ("a", 100, None, 7.0, false),
        ],
        expected: &[("total_mrr", "7.0"), ("paying_accounts", "1.0")],
        left_out: &[("invalid_mrr", 1), ("negative_mrr", 1), ("orphan", 1), ("reversed_period", 1)],
    },
    Edge {
        name: "periods that overlap",
        accounts: &["a"],
        subscriptions: &[
            ("a", 400, Some(10), 10.0, false),
            ("a", 200, None, 15.0, false),
            ("a", 200, None, 0.0, false),
        ],
        expected: &[("total_mrr", "15.0"), ("nrr_12m", "1.5"), ("total_contraction_mrr_1m", "10.0")],
        left_out: &[],
    },
];

pub(crate) fn write(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))
            .unwrap();
    let mut writer = ArrowWriter::try_new(File::create(folder.join(name)).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn company(folder: &Path, accounts: &[&str], subscriptions: &[Subscription]) -> Company {
    let rows = subscriptions.iter();
    write(folder, "accounts.parquet", vec![("account_id", Arc::new(StringArray::from(accounts.to_vec())))]);
    write(
        folder,
        "subscriptions.parquet",
        vec![
            ("account_id", Arc::new(StringArray::from_iter_values(rows.clone().map(|row| row.0)))),
            ("started_on", Arc::new(Date32Array::from_iter_values(rows.clone().map(|row| TODAY - row.1)))),
            ("ended_on", Arc::new(Date32Array::from_iter(rows.clone().map(|row| row.2.map(|days| TODAY - days))))),
            ("mrr", Arc::new(Float64Array::from_iter_values(rows.clone().map(|row| row.3)))),
            ("is_trial", Arc::new(BooleanArray::from_iter(rows.map(|row| Some(row.4))))),
        ],
    );
    let spend: Vec<(&str, ArrayRef)> = vec![
        ("spent_on", Arc::new(Date32Array::from(vec![TODAY - 20]))),
        ("amount", Arc::new(Float64Array::from(vec![0.0]))),
    ];
    write(folder, "spend.parquet", spend);
    std::fs::write(folder.join("headwater.yaml"), PROJECT).unwrap();
    Company::in_folder(folder, NIGHT)
}

#[tokio::test]
async fn every_edge_has_a_named_outcome() {
    for edge in EDGES {
        let folder = tempfile::tempdir().unwrap();
        let company = company(folder.path(), edge.accounts, edge.subscriptions);
        let report = company.publish().await.report;
        assert!(report.audits.iter().all(|audit| audit.passed), "{}: {:?}", edge.name, report.audits);
        let found = "SELECT metric, coalesce(CAST(value AS VARCHAR), reason) FROM group_metrics WHERE scope = 'total'";
        let found = company.rows(found).await;
        for (metric, expected) in edge.expected {
            let row = found.iter().find(|row| row[0] == *metric).unwrap_or_else(|| panic!("{}: {metric}", edge.name));
            assert_eq!(row[1], *expected, "{}: {metric}", edge.name);
        }
        let subscriptions = report.inputs.iter().find(|input| input.table == "subscriptions").unwrap();
        let left_out: Vec<(&str, u64)> =
            subscriptions.quarantined.iter().map(|(reason, rows)| (reason.as_str(), *rows)).collect();
        assert_eq!(left_out, edge.left_out, "{}", edge.name);
    }
}

/// The same rows in another order and cut into other files give the same bytes.
#[tokio::test]
async fn amounts_that_no_table_holds_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let huge = vec![("a", 40, None, 9.9e12, false); 1_100];
    let company = company(folder.path(), &["a"], &huge);
    let problems = format!("{:?}", company.run().await.unwrap_err().diagnostics);
    assert!(problems.contains("AmountTooLarge"), "{problems}");
}

#[tokio::test]
async fn the_order_of_rows_and_the_cut_into_files_do_not_show() {
    let mut rows: Vec<Subscription> = Vec::new();
    for (at, account) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let at = i32::try_from(at).unwrap();
        rows.push((account, 500 - 30 * at, Some(200 - 20 * at), 10.1 + f64::from(at), false));
        rows.push((account, 200 - 20 * at, None, 33.33 / f64::from(at + 1), at == 4));
    }
    let accounts = ["a", "b", "c", "d", "e"];
    let digests = async |folder: &Path, threads: usize| {
        let mut company = Company::in_folder(folder, NIGHT);
        company.request.threads = threads;
        let mut digests = company.digests().await;
        // The record of inputs names the files, which differ here.
        digests.retain(|path, _| !path.starts_with("run_manifest/"));
        digests
    };
    let whole = tempfile::tempdir().unwrap();
    company(whole.path(), &accounts, &rows);
    let expected = digests(whole.path(), 1).await;
    assert!(expected.len() > 5);
    for (turn, threads) in [(3_usize, 2), (7, 5)] {
        let folder = tempfile::tempdir().unwrap();
        let mut turned = rows.clone();
        turned.rotate_left(turn);
        turned.swap(0, turn);
        company(folder.path(), &["c", "a", "e", "b", "d"], &turned);
        let parts = folder.path().join("subscriptions.parquet");
        std::fs::remove_file(&parts).unwrap();
        std::fs::create_dir(&parts).unwrap();
        for (number, part) in turned.chunks(turn).enumerate() {
            let one = tempfile::tempdir().unwrap();
            company(one.path(), &accounts, part);
            std::fs::copy(one.path().join("subscriptions.parquet"), parts.join(format!("{number}.parquet"))).unwrap();
        }
        assert_eq!(digests(folder.path(), threads).await, expected, "turned by {turn}, {threads} threads");
    }
}

/// The same history told as periods, as events and as snapshots gives the same movements.
#[tokio::test]
async fn three_forms_of_one_history_give_the_same_movements() {
    let months: &[(&str, &[(&str, f64)])] = &[
        ("2024-02-01", &[("a", 10.0), ("b", 7.0)]),
        ("2024-03-01", &[("a", 10.0), ("b", 7.0)]),
        ("2024-04-01", &[("a", 25.0)]),
        ("2024-05-01", &[("a", 25.0)]),
        ("2024-06-01", &[("a", 20.0), ("b", 5.0)]),
    ];
    let snapshots: Vec<(&str, &str, f64)> =
        months.iter().flat_map(|(day, rows)| rows.iter().map(|(account, mrr)| (*account, *day, *mrr))).collect();
    let events = vec![
        ("a", "2024-02-01", 10.0),
        ("a", "2024-04-01", 25.0),
        ("a", "2024-06-01", 20.0),
        ("b", "2024-02-01", 7.0),
        ("b", "2024-04-01", 0.0),
        ("b", "2024-06-01", 5.0),
    ];
    let expected = [
        ["a", "2024-02-29", "new", "10.00"],
        ["a", "2024-04-30", "expansion", "25.00"],
        ["a", "2024-06-30", "contraction", "20.00"],
        ["b", "2024-02-29", "new", "7.00"],
        ["b", "2024-04-30", "churn", "0.00"],
        ["b", "2024-06-30", "reactivation", "5.00"],
    ];
    for (form, rows) in [("snapshots", snapshots), ("events", events)] {
        let folder = tempfile::tempdir().unwrap();
        company(folder.path(), &["a", "b"], &[]);
        let column = |pick: fn(&(&'static str, &'static str, f64)) -> &'static str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(pick)))
        };
        let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2)));
        let columns = vec![("account_id", column(|row| row.0)), ("started_on", column(|row| row.1)), ("mrr", amounts)];
        write(folder.path(), "subscriptions.parquet", columns);
        let told = format!("subscriptions: {{form: {form}, path: subscriptions.parquet}}");
        std::fs::write(
            folder.path().join("headwater.yaml"),
            PROJECT.replace("subscriptions: {path: subscriptions.parquet}", &told),
        )
        .unwrap();
        let company = Company::in_folder(folder.path(), NIGHT);
        company.publish().await;
        let moves = "SELECT account_id, period_end, movement, closing_mrr FROM mrr_movements ORDER BY 1, 2";
        assert_eq!(company.rows(moves).await, expected, "{form}");
    }
}
