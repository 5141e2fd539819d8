"""Counts the rows of a table that differ: `compare.py OUR_GLOB THEIR_FILE OUR_QUERY KEY ABSENT` prints JSON.

Numbers with a floating point may differ in the tenth digit, because sums are taken in another order; all else is exact.
Where ABSENT is `zero`, a row that they have not is one whose counts are zero and whose days are unknown.
"""

import json
import sys

import duckdb


def differs(name, kind, absent):
    if kind == "DOUBLE":
        same = f"ours.{name} IS NOT DISTINCT FROM theirs.{name}"
        near = f"abs(ours.{name} - theirs.{name}) <= 1e-9 * abs(theirs.{name})"
        return f"NOT coalesce({same} OR {near}, false)"
    expected = f"coalesce(theirs.{name}, 0)" if absent == "zero" and kind == "BIGINT" else f"theirs.{name}"
    return f"ours.{name} IS DISTINCT FROM {expected}"


def main(our_glob, their_file, our_query, key, absent):
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"CREATE VIEW theirs AS FROM read_parquet('{their_file}')")
    connection.execute(f"CREATE VIEW published AS FROM read_parquet('{our_glob}', hive_partitioning = false)")
    connection.execute(f"CREATE VIEW ours AS {our_query.format(ours='published', theirs='theirs')}")
    keys = key.split(", ")
    columns = connection.execute("SELECT column_name, column_type FROM (DESCRIBE theirs)").fetchall()
    differences = [differs(name, kind, absent) for name, kind in columns if name not in keys]
    missing = f"ours.{keys[0]} IS NULL" + ("" if absent == "zero" else f" OR theirs.{keys[0]} IS NULL")
    joined = f"FROM ours FULL JOIN theirs USING ({key})"
    condition = " OR ".join([missing, *differences])
    rows, differing = connection.execute(f"SELECT count(*), count(*) FILTER ({condition}) {joined}").fetchone()
    examples = connection.execute(f"SELECT {key} {joined} WHERE {condition} ORDER BY ALL LIMIT 3").fetchall()
    result = {"rows": rows, "columns": len(differences), "differing": differing}
    result["examples"] = [" ".join(map(str, row)) for row in examples]
    json.dump(result, sys.stdout)


main(*sys.argv[1:])
