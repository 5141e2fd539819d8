//! The dialects: types, quotes and statements of each, from the manuals of their systems.
//!
//! Names in braces: `table`, `columns` (their definitions), `names` (of the columns), `as_of`, `key`, `first_key`, `about`,
//! `location`, `folder` and `night`; in the line of a column `table`, `name`, `type` and `comment`.

use super::Dialect;

/// No system is known to refuse a comment of this length.
const LONG: usize = 1_000;
/// A quote is written twice.
const DOUBLED: &[(char, &str)] = &[('\'', "''")];
/// A quote is written twice, and a backslash too, which would change what follows.
const DOUBLED_BOTH: &[(char, &str)] = &[('\'', "''"), ('\\', "\\\\")];
/// Quotes and backslashes stand behind a backslash.
const BACKSLASH: &[(char, &str)] = &[('\'', "\\'"), ('\\', "\\\\")];

const PLAIN_COLUMNS: [&str; 2] = ["{name} {type} NOT NULL", "{name} {type}"];
const COMMENTED_COLUMNS: [&str; 2] = ["{name} {type} NOT NULL COMMENT {comment}", "{name} {type} COMMENT {comment}"];
const COLUMN_COMMENT: Option<&str> = Some("COMMENT ON COLUMN {table}.{name} IS {comment}");
const DELETE: &str = "DELETE FROM {table} WHERE {as_of} = DATE '{night}'";

const DUCKDB_LOAD: &str = "INSERT INTO {table} BY NAME\nSELECT * FROM read_parquet('{location}/{folder}/as_of_date={night}/*.parquet', hive_partitioning = false)";

impl Dialect {
    /// Every dialect.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "duckdb",
            title: "DuckDB",
            types: &[],
            quote: '"',
            upper_case: false,
            escapes: DOUBLED,
            longest_comment: LONG,
            columns: PLAIN_COLUMNS,
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns}\n)",
            column_comment: COLUMN_COMMENT,
            before_loads: &[],
            load: &["BEGIN", DELETE, DUCKDB_LOAD, "COMMIT"],
            stores: &["file", "s3", "gs", "az", "abfss"],
            placeholder: "YOUR_LOCATION",
            notes: [&[], &[]],
        },
        Self {
            name: "bigquery",
            title: "Google BigQuery",
            types: &[
                ("DECIMAL(18, 2)", "NUMERIC(18, 2)"),
                ("BIGINT", "INT64"),
                ("DOUBLE", "FLOAT64"),
                ("VARCHAR", "STRING"),
                ("BOOLEAN", "BOOL"),
            ],
            quote: '`',
            upper_case: false,
            escapes: BACKSLASH,
            longest_comment: LONG,
            columns: [
                "{name} {type} NOT NULL OPTIONS (description = {comment})",
                "{name} {type} OPTIONS (description = {comment})",
            ],
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns},\n    PRIMARY KEY ({as_of}, {key}) NOT ENFORCED\n)\nPARTITION BY {as_of}\nCLUSTER BY {first_key}\nOPTIONS (description = {about})",
            column_comment: None,
            before_loads: &[],
            load: &[
                "LOAD DATA INTO {table} OVERWRITE PARTITIONS ({as_of} = DATE '{night}')\nFROM FILES (format = 'PARQUET', uris = ['{location}/{folder}/as_of_date={night}/*.parquet'])",
            ],
            stores: &["gs"],
            placeholder: "gs://YOUR_BUCKET/YOUR_PREFIX",
            notes: [
                &["Run it with a dataset as default: `bq query --use_legacy_sql=false --dataset_id=YOUR_DATASET`."],
                &["Run it with a dataset as default: `bq query --use_legacy_sql=false --dataset_id=YOUR_DATASET`."],
            ],
        },
        Self {
            name: "snowflake",
            title: "Snowflake",
            types: &[],
            quote: '"',
            upper_case: true,
            escapes: DOUBLED_BOTH,
            longest_comment: LONG,
            columns: COMMENTED_COLUMNS,
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns},\n    PRIMARY KEY ({as_of}, {key})\n)\nCOMMENT = {about}",
            column_comment: None,
            before_loads: &[],
            load: &[
                "BEGIN",
                DELETE,
                "COPY INTO {table}\nFROM '{location}/{folder}/as_of_date={night}/'\nPATTERN = '.*[.]parquet'\nFILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)\nMATCH_BY_COLUMN_NAME = CASE_INSENSITIVE\nFORCE = TRUE",
                "COMMIT",
            ],
            stores: &[],
            placeholder: "@YOUR_STAGE",
            notes: [
                &["Names are upper case, so that they need no quotes in queries."],
                &[
                    "The stage points at the outputs' location: CREATE STAGE YOUR_STAGE URL = '...' STORAGE_INTEGRATION = YOUR_INTEGRATION.",
                    "FORCE, because a night that is published again may have files that were loaded before and deleted since.",
                ],
            ],
        },
        Self {
            name: "redshift",
            title: "Amazon Redshift",
            types: &[("DOUBLE", "DOUBLE PRECISION"), ("VARCHAR", "VARCHAR(MAX)")],
            quote: '"',
            upper_case: false,
            escapes: DOUBLED_BOTH,
            longest_comment: LONG,
            columns: PLAIN_COLUMNS,
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns},\n    PRIMARY KEY ({as_of}, {key})\n)\nSORTKEY ({as_of}, {first_key})",
            column_comment: COLUMN_COMMENT,
            before_loads: &[],
            load: &[
                "BEGIN",
                DELETE,
                "COPY {table} ({names})\nFROM '{location}/{folder}/as_of_date={night}/0'\nIAM_ROLE default\nFORMAT AS PARQUET",
                "COMMIT",
            ],
            stores: &["s3"],
            placeholder: "s3://YOUR_BUCKET/YOUR_PREFIX",
            notes: [
                &[],
                &[
                    "COPY takes columns by their place: write this with the program, project and rules that published the night.",
                    "Names of files begin with their number, so that a prefix of 0 leaves out the mark _SUCCESS beside them.",
                    "The cluster's default IAM role must be allowed to read the place. Where zstd is refused, publish with `outputs: {compat: widest}`.",
                ],
            ],
        },
        Self {
            name: "athena",
            title: "Amazon Athena, and what else reads the Glue catalog",
            types: &[("VARCHAR", "STRING")],
            quote: '`',
            upper_case: false,
            escapes: BACKSLASH,
            longest_comment: 255,
            columns: ["{name} {type} COMMENT {comment}"; 2],
            create: "CREATE EXTERNAL TABLE IF NOT EXISTS {table} (\n{columns}\n)\nCOMMENT {about}\nPARTITIONED BY (`as_of_date` DATE COMMENT 'the night, as in as_of; queries that name it read only its files')\nSTORED AS PARQUET\nLOCATION '{location}/{folder}/'",
            column_comment: None,
            before_loads: &[],
            load: &["ALTER TABLE {table} ADD IF NOT EXISTS PARTITION (`as_of_date` = '{night}')"],
            stores: &["s3"],
            placeholder: "s3://YOUR_BUCKET/YOUR_PREFIX",
            notes: [
                &[
                    "Tables read the published files where they are. Comments are cut at 255 bytes, which is all that Glue takes.",
                ],
                &["Needed once a night; one that is published again is seen as it is."],
            ],
        },
        Self {
            name: "databricks",
            title: "Databricks",
            types: &[("VARCHAR", "STRING")],
            quote: '`',
            upper_case: false,
            escapes: BACKSLASH,
            longest_comment: LONG,
            columns: COMMENTED_COLUMNS,
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns}\n)\nUSING DELTA\nCLUSTER BY ({as_of}, {first_key})\nCOMMENT {about}",
            column_comment: None,
            before_loads: &[],
            load: &[
                "INSERT INTO {table} REPLACE WHERE {as_of} = DATE '{night}'\nSELECT {names}\nFROM read_files('{location}/{folder}/as_of_date={night}/*.parquet', format => 'parquet')",
            ],
            stores: &["s3", "gs", "abfss"],
            placeholder: "s3://YOUR_BUCKET/YOUR_PREFIX",
            notes: [&[], &["Columns go by their place in the table: a column that was added to it stands at its end."]],
        },
        Self {
            name: "clickhouse",
            title: "ClickHouse",
            types: &[
                ("DECIMAL(18, 2)", "Decimal(18, 2)"),
                ("BIGINT", "Int64"),
                ("DOUBLE", "Float64"),
                ("DATE", "Date32"),
                ("VARCHAR", "String"),
                ("BOOLEAN", "Bool"),
            ],
            quote: '`',
            upper_case: false,
            escapes: BACKSLASH,
            longest_comment: LONG,
            columns: ["{name} {type} COMMENT {comment}", "{name} Nullable({type}) COMMENT {comment}"],
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns}\n)\nENGINE = MergeTree\nPARTITION BY {as_of}\nORDER BY ({as_of}, {key})\nCOMMENT {about}",
            column_comment: None,
            before_loads: &[],
            load: &[
                "ALTER TABLE {table} DROP PARTITION '{night}'",
                "INSERT INTO {table} ({names})\nSELECT {names}\nFROM s3('{location}/{folder}/as_of_date={night}/*.parquet', 'Parquet')",
            ],
            stores: &["s3", "gs"],
            placeholder: "s3://YOUR_BUCKET/YOUR_PREFIX",
            notes: [
                &[],
                &[
                    "ClickHouse has no transaction over both statements: between them the night is missing, never there twice.",
                ],
            ],
        },
        Self {
            name: "postgres",
            title: "PostgreSQL",
            types: &[("DOUBLE", "DOUBLE PRECISION"), ("VARCHAR", "TEXT")],
            quote: '"',
            upper_case: false,
            escapes: DOUBLED,
            longest_comment: LONG,
            columns: PLAIN_COLUMNS,
            create: "CREATE TABLE IF NOT EXISTS {table} (\n{columns},\n    PRIMARY KEY ({as_of}, {key})\n)",
            column_comment: COLUMN_COMMENT,
            before_loads: &["ATTACH 'YOUR_DATABASE' AS destination (TYPE postgres)", "USE destination"],
            load: &["BEGIN", DELETE, DUCKDB_LOAD, "COMMIT"],
            stores: &["file", "s3", "gs", "az", "abfss"],
            placeholder: "YOUR_LOCATION",
            notes: [
                &[],
                &[
                    "PostgreSQL reads no Parquet: run this in DuckDB, which writes to it.",
                    "Replace YOUR_DATABASE by a connection, such as dbname=YOUR_DATABASE host=YOUR_HOST.",
                ],
            ],
        },
    ];
}
