"""Runs a script in DuckDB, keeps tables of it as Parquet and prints what each cost: `script.py SQL_FILE FOLDER [TABLE …]`.

The cost is that of the statements alone: files are written after it was taken.
"""

import json
import re
import sys

import duckdb

from cost import measured


def run(connection, statement):
    _, cost = measured(lambda: connection.execute(statement))
    created = re.search(r"CREATE TEMP TABLE (\w+)", statement.query)
    rows = connection.execute(f"SELECT count(*) FROM {created.group(1)}").fetchone()[0] if created else 0
    return {"name": created.group(1) if created else "", "rows": rows, **cost}


def main(sql_file, folder, *tables):
    with open(sql_file, encoding="utf-8") as file:
        sql = file.read()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    steps = [run(connection, statement) for statement in duckdb.extract_statements(sql)]
    for table in tables:
        connection.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")
    json.dump({"version": duckdb.__version__, "steps": steps}, sys.stdout)


main(*sys.argv[1:])
