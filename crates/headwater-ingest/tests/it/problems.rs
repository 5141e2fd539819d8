//! What is said when the lake does not hold what the project says.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array};
use headwater_diagnostics::Place;
use headwater_ingest::{InputSource, InputSpec, OpenError};
use headwater_metrics::InputTable;

use crate::lake::{Lake, Mapped, input, said, sql, texts};

fn orders(lake: &Lake) -> InputSpec {
    lake.input(InputTable::Orders, "orders.parquet")
}

fn write_orders(lake: &Lake, amount: ArrayRef) {
    let rows = amount.len();
    lake.write(
        "orders.parquet",
        &[
            ("account_id", texts(&vec!["a"; rows])),
            ("ordered_on", texts(&vec!["2024-06-28"; rows])),
            ("amount", amount),
        ],
    );
}

#[tokio::test]
async fn problems_of_all_inputs_are_said_at_once() {
    let lake = Lake::new();
    lake.write("accounts.parquet", &[("acount_id", texts(&["a"]))]);
    lake.put("empty.parquet", b"");
    lake.put("text.parquet", b"account_id,amount\na,1\n");
    write_orders(&lake, Arc::new(BooleanArray::from(vec![true])));
    let inputs = [
        lake.accounts(),
        orders(&lake),
        lake.input(InputTable::Spend, "spendings.parquet"),
        lake.input(InputTable::Plans, "empty.parquet"),
        lake.input(InputTable::Feedback, "text.parquet"),
    ];
    let said = lake.problems(&inputs).await;
    let starts = [
        "E0501 no object matches",
        "E0502 `accounts` needs `account_id`: identifies the account in every table",
        "E0503 `amount` holds Boolean, which cannot be read as an amount",
        "E0504 an empty object is no Parquet",
        "E0504 this object is no readable Parquet",
    ];
    assert_eq!(said.len(), starts.len(), "{said:#?}");
    for (message, start) in said.iter().zip(starts) {
        assert!(message.starts_with(start), "{message} does not start with {start}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_nothing_is_an_object_that_cannot_be_read() {
    let lake = Lake::with_accounts();
    lake.write(
        "orders/a.parquet",
        &[("account_id", texts(&["a"])), ("ordered_on", texts(&["2024-06-28"])), ("amount", texts(&["1"]))],
    );
    let nowhere = lake.location("nowhere.parquet").local_path().unwrap();
    for link in ["orders/b.parquet", "orders/_b.parquet", "orders/b.csv"] {
        std::os::unix::fs::symlink(&nowhere, lake.location(link).local_path().unwrap()).unwrap();
    }
    let said = lake.problems(&[lake.accounts(), lake.input(InputTable::Orders, "orders/*.parquet")]).await;
    assert_eq!(said, ["E0504 a link to what is not there"]);
}

#[tokio::test]
async fn a_missing_column_is_proposed_and_the_columns_are_listed() {
    let lake = Lake::new();
    lake.write("accounts.parquet", &[("acount_id", texts(&["a"])), ("x", texts(&["a"]))]);
    let Err(OpenError::Contract(problems)) = lake.open(&[lake.accounts()]).await else { panic!("must be refused") };
    let problem = problems.sorted()[0];
    assert_eq!(problem.help.as_deref(), Some("say which column it is: `columns: {account_id: acount_id}`"));
    assert_eq!(problem.notes, ["the input's columns: acount_id, x"]);
}

#[tokio::test]
async fn a_misspelt_path_is_proposed() {
    let lake = Lake::with_accounts();
    let spec = lake.input(InputTable::Accounts, "acounts.parquet");
    let Err(OpenError::Contract(problems)) = lake.open(&[spec]).await else { panic!("must be refused") };
    assert_eq!(problems.sorted()[0].help.as_deref(), Some("did you mean `accounts.parquet`?"));
}

#[tokio::test]
async fn expressions_and_queries_that_do_not_plan_are_explained() {
    let mut lake = Lake::with_accounts();
    lake.source("raw", "accounts.parquet");
    let cases = [
        ("acount_id", "E0505 `acount_id` is no column of this input"),
        ("account_id +", "E0505 invalid SQL: Expected: an expression, found: EOF"),
        ("nope(account_id)", "E0505 invalid SQL: Invalid function 'nope'."),
        ("count(account_id)", "E0505 aggregates and windows see many rows; a mapping sees one: use `sql:` for them"),
        ("(SELECT 1)", "E0505 a mapping cannot look into other tables: use `sql:` for that"),
        ("cast(now() AS text)", "E0505 `now` gives another answer each time, so a night could not be repeated"),
    ];
    for (expression, expected) in cases {
        assert_eq!(lake.problems(&[lake.accounts().map("plan", expression)]).await, [expected], "{expression}");
    }
    let queries = [
        ("SELECT * FROM row", "E0505 `row` is no source of the project"),
        ("SELECT acount_id FROM raw", "E0505 `acount_id` is no column here"),
        ("SELEC 1", "E0505 invalid SQL: Expected: an SQL statement, found: SELEC"),
        (
            "SELECT a.*, b.* FROM raw a JOIN raw b ON a.account_id = b.account_id",
            "E0505 the query returns `account_id` twice",
        ),
        ("DROP TABLE raw", "E0505 an input's `sql` is one SELECT"),
        (
            "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n FROM a) SELECT * FROM a",
            "E0505 a query of the project file cannot be recursive",
        ),
        (
            "SELECT account_id FROM raw ORDER BY random()",
            "E0505 `random` gives another answer each time, so a night could not be repeated",
        ),
    ];
    for (query, expected) in queries {
        let accounts = input(InputTable::Accounts, InputSource::Sql(sql(query)));
        assert_eq!(lake.problems(&[accounts]).await, [expected], "{query}");
    }
}

#[tokio::test]
async fn a_filter_must_be_a_condition() {
    let lake = Lake::with_accounts();
    let said = lake.problems(&[lake.accounts().filter("account_id")]).await;
    assert_eq!(said, ["E0505 a filter must be true or false, this is Utf8View"]);
}

#[tokio::test]
async fn files_that_disagree_about_a_used_column_are_named() {
    let lake = Lake::new();
    lake.write("a/1.parquet", &[("account_id", texts(&["a"])), ("seats", texts(&["x"])), ("other", texts(&["x"]))]);
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    lake.write("a/2.parquet", &[("account_id", texts(&["b"])), ("seats", Arc::clone(&numbers)), ("other", numbers)]);
    let accounts = || lake.input(InputTable::Accounts, "a");
    assert_eq!(lake.problems(&[accounts()]).await, ["E0507 the files of this input disagree about `seats`"]);
    assert_eq!(lake.problems(&[accounts().map("seats", "NULL")]).await, Vec::<String>::new());
    let used = accounts().map("seats", "NULL").attribute("size", "other", None);
    assert_eq!(lake.problems(&[used]).await, ["E0507 the files of this input disagree about `other`"]);
}

#[tokio::test]
async fn delta_and_iceberg_folders_are_not_read_as_plain_parquet() {
    let lake = Lake::with_accounts();
    for (folder, marker, name) in [("d", "_delta_log/0.json", "Delta"), ("i", "metadata/v1.metadata.json", "Iceberg")] {
        lake.write(&format!("{folder}/data/1.parquet"), &[("account_id", texts(&["a"]))]);
        lake.put(&format!("{folder}/{marker}"), b"{}");
        let said = lake.problems(&[lake.input(InputTable::Accounts, folder)]).await;
        assert!(said[0].starts_with("E0510") && said[0].contains(name), "{said:?}");
    }
}

#[tokio::test]
async fn a_stale_input_is_not_ready_and_an_empty_one_too() {
    let lake = Lake::with_accounts();
    write_orders(&lake, Arc::new(Int64Array::from(vec![1])));
    let with_age = |days| InputSpec { freshness_max_age_days: Some(days), ..orders(&lake) };
    assert!(lake.open(&[lake.accounts(), with_age(2)]).await.is_ok());
    let Err(error @ OpenError::NotReady(_)) = lake.open(&[lake.accounts(), with_age(1)]).await else {
        panic!("must not be ready")
    };
    assert!(error.is_retryable());
    let said = lake.problems(&[lake.accounts(), with_age(1)]).await;
    assert_eq!(said, ["E0506 `orders` ends on 2024-06-28, 2 days before the night of 2024-06-30; 1 are allowed"]);
}

#[tokio::test]
async fn more_quarantined_rows_than_allowed_stop_the_night() {
    let lake = Lake::with_accounts();
    lake.write(
        "orders.parquet",
        &[
            ("account_id", texts(&["a", "a", "x", "y"])),
            ("ordered_on", texts(&["2024-06-28"; 4])),
            ("amount", Arc::new(Int64Array::from(vec![1; 4]))),
        ],
    );
    let with_limit = |percent| InputSpec { max_quarantine_pct: Some(percent), ..orders(&lake) };
    assert!(lake.open(&[lake.accounts(), with_limit(50.0)]).await.is_ok());
    let said = lake.problems(&[lake.accounts(), with_limit(49.0)]).await;
    assert_eq!(said, ["E0509 50.0 % of the rows of `orders` break its contract; 49 % are allowed"]);
}

#[tokio::test]
async fn an_input_of_which_no_row_is_right_stops_the_night() {
    let lake = Lake::with_accounts();
    for (rows, problems) in [(99, &[][..]), (100, &["E0509 all 100 rows of `orders` break its contract"])] {
        let amounts: ArrayRef = texts(&vec!["Pro"; rows]);
        write_orders(&lake, amounts);
        assert_eq!(
            lake.problems(&[lake.accounts(), orders(&lake).map("amount", "TRY_CAST(amount AS DOUBLE)")]).await,
            problems
        );
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_computed_is_a_problem_of_the_mapping() {
    let lake = Lake::with_accounts();
    write_orders(&lake, Arc::new(Int64Array::from(vec![1, 0])));
    let said = lake.problems(&[lake.accounts(), orders(&lake).map("discount_amount", "1 / amount")]).await;
    assert_eq!(said, ["E0505 a value of `orders` cannot be computed"]);
}

#[tokio::test]
async fn a_column_that_stands_in_the_path_is_proposed_as_a_partition() {
    let lake = Lake::with_accounts();
    lake.write("events/day=2024-06-01/a.parquet", &[("account_id", texts(&["a"]))]);
    let events = || lake.input(InputTable::UsageEvents, "events");
    let Err(OpenError::Contract(problems)) = lake.open(&[lake.accounts(), events().map("occurred_on", "day")]).await
    else {
        panic!("must be refused")
    };
    let expected = "the paths have `day=…`: declare `partitions: {day: date}`, or text or integer";
    assert_eq!(problems.sorted()[0].help.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_damaged_object_is_named() {
    let lake = Lake::with_accounts();
    for part in ["1", "2", "3"] {
        write_orders(&lake, Arc::new(Int64Array::from_iter_values(0..1_000)));
        std::fs::create_dir_all(lake.folder.path().join("orders")).unwrap();
        let to = lake.folder.path().join(format!("orders/{part}.parquet"));
        std::fs::rename(lake.folder.path().join("orders.parquet"), &to).unwrap();
        if part == "2" {
            let mut bytes = std::fs::read(&to).unwrap();
            let end = bytes.len() / 2;
            bytes[4..end].fill(0xff);
            std::fs::write(to, bytes).unwrap();
        }
    }
    let Err(OpenError::Contract(problems)) =
        lake.open(&[lake.accounts(), lake.input(InputTable::Orders, "orders")]).await
    else {
        panic!("must be refused")
    };
    assert_eq!(said(&problems), ["E0504 this object is damaged"]);
    let Place::Named(path) = &problems.sorted()[0].place else { panic!("an object") };
    assert!(path.ends_with("/orders/2.parquet"), "{path}");
}
