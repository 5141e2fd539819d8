"""What became of the one run in an Airflow database: its state, its task's, how often it was tried, and what it told others."""

import json
import sqlite3
import sys

database = sqlite3.connect(sys.argv[1])
run, task, tries = database.execute(
    "SELECT run.state, task.state, task.try_number FROM dag_run AS run JOIN task_instance AS task USING (dag_id, run_id)"
).fetchone()
print(f"run {run}, task {task}, tries {tries}", end="")
for (told,) in database.execute("SELECT extra FROM asset_event"):
    told = json.loads(told)
    tables = sum(rows > 0 for rows in told["rows"].values())
    print(f", night of {told['as_of']}: {told['accounts']} accounts, {'flags' if told['flags'] else 'no flag'}", end="")
    print(f", {'rows in many tables' if tables > 10 else 'too few rows'}", end="")
print()
