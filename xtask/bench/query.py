"""Runs one query in DuckDB, keeps its rows as Parquet and prints what it cost: `query.py SQL_FILE PARQUET_FILE`.

The cost is that of the query alone: the file is written after it was taken.
"""

import json
import resource
import sys
import time

import duckdb


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(sql_file, parquet_file):
    with open(sql_file, encoding="utf-8") as file:
        sql = file.read()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    wall, cpu = time.monotonic(), cpu_seconds()
    connection.execute(f"CREATE TEMP TABLE result AS {sql}")
    cost = {
        "version": duckdb.__version__,
        "wall_seconds": time.monotonic() - wall,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "rows": connection.execute("SELECT count(*) FROM result").fetchone()[0],
    }
    connection.execute(f"COPY result TO '{parquet_file}' (FORMAT parquet)")
    json.dump(cost, sys.stdout)


main(*sys.argv[1:])
