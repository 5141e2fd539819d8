"""Counts the accounts whose numbers differ: `compare.py OUR_PARQUET_GLOB THEIR_PARQUET` prints JSON.

Accounts without events have no row on their side: counts are zero there and days unknown, as the catalogue says.
"""

import json
import sys

import duckdb


def main(ours, theirs):
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    columns = connection.execute("SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))", [theirs]).fetchall()
    differences = []
    for name, kind in columns:
        if name != "account_id":
            expected = f"coalesce(theirs.{name}, 0)" if kind == "BIGINT" else f"theirs.{name}"
            differences.append(f"ours.{name} IS DISTINCT FROM {expected}")
    joined = "read_parquet(?, hive_partitioning = false) AS ours FULL JOIN read_parquet(?) AS theirs USING (account_id)"
    condition = f"ours.account_id IS NULL OR {' OR '.join(differences)}"
    rows = connection.execute(f"SELECT account_id FROM {joined} WHERE {condition} ORDER BY 1", [ours, theirs]).fetchall()
    accounts = connection.execute("SELECT count(*) FROM read_parquet(?)", [ours]).fetchone()[0]
    result = {"accounts": accounts, "columns": len(differences), "differing": len(rows)}
    result["examples"] = [row[0] for row in rows[:3]]
    json.dump(result, sys.stdout)


main(*sys.argv[1:])
