//! What is written for a table of two columns, in each dialect.

use chrono::NaiveDate;
use headwater_ingest::Location;
use headwater_metrics::Unit;

use super::{DdlRequest, Dialect, fill};
use crate::contract::{ColumnContract, TableContract};

fn tables() -> Vec<TableContract> {
    let columns = vec![
        ColumnContract::required("account_id", Unit::Text, "the account's \\ name"),
        ColumnContract::optional("order", Unit::Money, "spent in {table}"),
    ];
    vec![TableContract::new("orders", "What accounts spent.", &["account_id"], columns)]
}

fn place(text: &str) -> Location {
    Location::parse(text, &Location::local("/base".as_ref()).unwrap()).unwrap()
}

fn request<'a>(dialect: &str, tables: &'a [TableContract], outputs: &'a Location) -> DdlRequest<'a> {
    DdlRequest { dialect: Dialect::named(dialect).unwrap(), tables, currency: "EUR", outputs, found_at: None }
}

fn night() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, 31).unwrap()
}

#[test]
fn names_and_comments_are_written_as_the_dialect_reads_them() {
    let (tables, outputs) = (tables(), place("/published"));
    for (dialect, expected) in [
        (
            "snowflake",
            [
                "\"ACCOUNT_ID\" VARCHAR NOT NULL COMMENT 'the account''s \\\\ name'",
                "\"ORDER\" DECIMAL(18, 2) COMMENT 'spent in {table} [money, EUR]'",
            ],
        ),
        (
            "databricks",
            [
                "`account_id` STRING NOT NULL COMMENT 'the account\\'s \\\\ name'",
                "`order` DECIMAL(18, 2) COMMENT 'spent in {table} [money, EUR]'",
            ],
        ),
        (
            "clickhouse",
            ["`account_id` String COMMENT 'the account\\'s \\\\ name'", "`order` Nullable(Decimal(18, 2)) COMMENT "],
        ),
        (
            "postgres",
            [
                "\"account_id\" TEXT NOT NULL,\n",
                "COMMENT ON COLUMN \"orders\".\"account_id\" IS 'the account''s \\ name';",
            ],
        ),
    ] {
        let text = request(dialect, &tables, &outputs).create().text();
        for part in expected {
            assert!(text.contains(part), "{dialect}: {part}\n{text}");
        }
    }
}

#[test]
fn a_place_that_a_warehouse_cannot_read_is_to_be_replaced() {
    let tables = tables();
    for (dialect, outputs, expected, is_replaced) in [
        ("duckdb", "/it's/here", "'/it''s/here/orders/as_of_date=2026-05-31/*.parquet'", false),
        ("bigquery", "gs://shop/out/", "['gs://shop/out/orders/as_of_date=2026-05-31/*.parquet']", false),
        ("bigquery", "s3://shop/out", "['gs://YOUR_BUCKET/YOUR_PREFIX/orders/as_of_date=2026-05-31/*.parquet']", true),
        ("redshift", "s3://shop", "'s3://shop/orders/as_of_date=2026-05-31/0'", false),
        ("snowflake", "s3://shop", "'@YOUR_STAGE/orders/as_of_date=2026-05-31/'", true),
    ] {
        let outputs = place(outputs);
        let text = request(dialect, &tables, &outputs).load(night()).text();
        assert!(text.contains(expected), "{expected}\n{text}");
        assert_eq!(text.contains("-- Replace"), is_replaced, "{text}");
    }
    let outputs = place("s3://shop");
    let named = DdlRequest { found_at: Some("@lake/shop/"), ..request("snowflake", &tables, &outputs) };
    assert!(named.load(night()).text().contains("FROM '@lake/shop/orders/"));
}

#[test]
fn comments_are_cut_where_the_catalog_takes_no_more() {
    let long = "é".repeat(200);
    let columns = vec![ColumnContract::optional("a", Unit::Flag, &long)];
    let tables = [TableContract::new("t", "", &["a"], columns)];
    let outputs = place("s3://shop");
    let text = request("athena", &tables, &outputs).create().text();
    assert!(text.contains(&format!("'{}...'", "é".repeat(126))), "{text}");
    assert!(request("databricks", &tables, &outputs).create().text().contains(&long));
}

#[test]
fn every_name_in_braces_is_filled() {
    let (tables, outputs) = (tables(), place("/published"));
    let braces = |text: &str| text.replace("spent in {table}", "").contains(['{', '}']);
    for dialect in Dialect::ALL {
        let request = request(dialect.name, &tables, &outputs);
        let (create, load) = (request.create(), request.load(night()));
        let statements: Vec<&String> = create.statements.iter().chain(&load.statements).collect();
        assert!(statements.iter().all(|statement| !braces(statement) && !statement.contains("()")), "{statements:?}");
    }
    assert_eq!(fill("a {b} {c", &[("b", "{c}")]), "a {c} ");
}
