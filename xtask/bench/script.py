"""Runs a script in DuckDB, keeps tables of it as Parquet and prints what each cost: `script.py SQL_FILE FOLDER [TABLE …]`.

The cost is that of the statements alone: files are written after it was taken.
"""

import json
import re
import resource
import sys
import time

import duckdb


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_bytes():
    with open("/proc/self/status", encoding="utf-8") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) * 1024


def forget_peak():
    # Writing 5 sets the peak back to what is in use now.
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def run(connection, statement):
    forget_peak()
    wall, cpu = time.monotonic(), cpu_seconds()
    connection.execute(statement)
    cost = {"wall_seconds": time.monotonic() - wall, "cpu_seconds": cpu_seconds() - cpu, "peak_bytes": peak_bytes()}
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
