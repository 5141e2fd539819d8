"""Runs one night of Headwater and tells Dagster, through Pipes, what came of it.

It belongs where the program is. What differs between deployments comes from the environment:

    HEADWATER          the program, where it is not `headwater` on the PATH
    HEADWATER_PROJECT  the folder of headwater.yaml
    HEADWATER_PROFILE  a profile of it, if any
    AWS_, GOOGLE_, AZURE_…  the rights to the store, as its own tools know them
"""

import json
import os
import signal
import subprocess

from dagster_pipes import PipesContext, open_dagster_pipes

PROGRAM = os.environ.get("HEADWATER", "headwater")
PROJECT = os.environ.get("HEADWATER_PROJECT", ".")
PROFILE = os.environ.get("HEADWATER_PROFILE")
HELD = 4


def main() -> None:
    with open_dagster_pipes() as pipes:
        night = pipes.partition_key
        code, report = headwater("run", "--as-of", night)
        # The exit code travels as a message, because Pipes takes every process that does not end with 0 for one that broke.
        pipes.report_custom_message({"exit_code": code})
        if code == 0:
            published(pipes, json.loads(report))
        elif code == HELD:
            held(pipes, night)


def headwater(*arguments: str) -> tuple[int, str]:
    """Runs the program to its end: its problems go to the logs, its results come back."""
    command = [PROGRAM, "-C", PROJECT, *arguments, "--format", "json"]
    command += ["--profile", PROFILE] if PROFILE else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    # A run that is cancelled is told so: it clears up, and gives its lease back.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: process.terminate())
    results, _ = process.communicate()
    return process.returncode, results


def published(pipes: PipesContext, report: dict) -> None:
    """The night with its numbers, and what was judged."""
    warnings = [audit for audit in report["audits"] if not audit["passed"]]
    tell_audits(pipes, not warnings, "WARN", warnings)
    breaches = [verdict for verdict in report["verdicts"] if verdict["verdict"] == "breach"]
    columns = ["guardrail_id", "scope", "group", "value"]
    pipes.report_asset_check(
        check_name="guardrails",
        passed=not breaches,
        severity="WARN",
        metadata={"judged": len(report["verdicts"]), "breaches": table(breaches, columns)},
    )
    firing = [flag for flag in report["flags"] if flag["state"] == "firing"]
    pipes.report_asset_materialization(
        metadata={
            "accounts": report["accounts"],
            "manifest": report["manifest"],
            "run": report["run_id"],
            "location": report["location"],
            "flagged": sum(flag["accounts"] for flag in firing),
            "flags": table(firing, ["rule_id", "severity", "accounts", "value_at_stake"]),
            "dagster/row_count": sum(table["rows"] for table in report["tables"]),
            "rows": table(report["tables"], ["name", "rows"]),
            "seconds": round(sum(step["seconds"] for step in report["steps"]), 1),
        }
    )


def held(pipes: PipesContext, night: str) -> None:
    """The audits that held the night, as `headwater status` has them."""
    _, status = headwater("status")
    failed = [audit for held in json.loads(status)["held"] if held["as_of"] == night for audit in held["audits"]]
    tell_audits(pipes, False, "ERROR", failed)


def tell_audits(pipes: PipesContext, passed: bool, severity: str, failed: list[dict]) -> None:
    pipes.report_asset_check(
        check_name="audits",
        passed=passed,
        severity=severity,
        metadata={"failed": table(failed, ["id", "table", "observed", "expected"])},
    )


def table(rows: list[dict], columns: list[str]) -> dict:
    """Rows as a table in Markdown; what is not known stays empty."""
    cell = lambda value: "" if value is None else str(value).replace("|", "\\|")
    lines = [columns, ["---"] * len(columns), *([row.get(column) for column in columns] for row in rows)]
    return {"raw_value": "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines), "type": "md"}


if __name__ == "__main__":
    main()
