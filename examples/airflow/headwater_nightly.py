"""A night of Headwater as an Airflow task. For Airflow 3; copy it into the dags folder.

The worker has the program on its PATH and the project, with its rules, in a folder. What differs between deployments comes from
the worker's environment:

    HEADWATER               the program, where it is not `headwater` on the PATH
    HEADWATER_PROJECT       the folder of headwater.yaml
    HEADWATER_PROFILE       a profile of it, if any
    HEADWATER_TIME_ZONE     its time_zone, if not UTC
    HEADWATER_CONNECTION    the id of an Airflow connection of type `aws`, where the worker itself has no right to the store
    HEADWATER_RETRIES       how often a night that another try can mend is tried again; 12
    HEADWATER_RETRY_SECONDS how long between two tries; 600
    HEADWATER_NEVER_READY   `fail`, or `skip`: what a night is whose inputs have not come by the last try

Owners, alerts and the pool belong to the deployment: set them in `default_args`, or as callbacks of the task.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, BaseOperator, Connection
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

PROGRAM = os.environ.get("HEADWATER", "headwater")
PROJECT = os.environ.get("HEADWATER_PROJECT", ".")
PROFILE = os.environ.get("HEADWATER_PROFILE")
TIME_ZONE = os.environ.get("HEADWATER_TIME_ZONE", "UTC")
CONNECTION = os.environ.get("HEADWATER_CONNECTION")
RETRIES = int(os.environ.get("HEADWATER_RETRIES", "12"))
RETRY_SECONDS = int(os.environ.get("HEADWATER_RETRY_SECONDS", "600"))
NEVER_READY = os.environ.get("HEADWATER_NEVER_READY", "fail")

# What another try can mend. A program that was killed, as when memory ran out, has no code of its own and is tried again too.
TRY_AGAIN = {
    1: "a store or the engine failed",
    7: "another run is at work",
    8: "an input is not as fresh as it must be",
}
NOT_READY = 8
# What only people can mend.
STOP = {
    2: "the arguments make no sense",
    3: "the project or its rules are invalid: tell the analyst",
    4: "an audit held the night; the last one stays published: tell the owner of the audit",
    5: "an input breaks its contract: tell whoever exports it",
    6: "a test of a rule failed: tell the analyst",
    9: "what was asked for does not exist",
}

# Downstream DAGs are scheduled on this.
PUBLISHED = Asset("headwater_published")


class HeadwaterNight(BaseOperator):
    """Runs one night, and gives its exit code the meaning it has for Airflow."""

    process: subprocess.Popen | None = None

    def execute(self, context) -> dict:
        night = night_of(context)
        code, report = self.headwater("run", "--as-of", night)
        if code == 0:
            told = summary(json.loads(report))
            context["outlet_events"][PUBLISHED].extra = told
            return told
        if code in STOP:
            _, status = self.headwater("status", "--gaps", as_text=True)
            self.log.error("%s", status)
            raise AirflowFailException(f"night of {night}: {STOP[code]} (exit code {code})")
        is_last_try = context["ti"].try_number > context["ti"].max_tries
        if code == NOT_READY and NEVER_READY == "skip" and is_last_try:
            raise AirflowSkipException(f"night of {night}: {TRY_AGAIN[code]}")
        raise AirflowException(f"night of {night}: {TRY_AGAIN.get(code, 'it was killed')} (exit code {code})")

    def headwater(self, *arguments: str, as_text: bool = False) -> tuple[int, str]:
        """Runs the program to its end; its problems go to the task's log, its results come back."""
        command = [PROGRAM, "-C", PROJECT, *arguments]
        command += ["--profile", PROFILE] if PROFILE else []
        command += [] if as_text else ["--format", "json"]
        with tempfile.TemporaryFile("w+") as results:
            self.process = subprocess.Popen(
                command, env=environment(), stdout=results, stderr=subprocess.PIPE, text=True
            )
            for line in self.process.stderr:
                self.log.warning("%s", line.rstrip())
            code = self.process.wait()
            results.seek(0)
            return code, results.read()

    def on_kill(self) -> None:
        """Asks the night to stop: it clears up, and gives its lease back."""
        if self.process:
            self.process.terminate()


def night_of(context) -> str:
    """The last day that had ended where the project's days end, when this run became due.

    Not `{{ ds }}`: that is the day on which the run became due, in UTC, or the day before, as the DAG's timetable has it. The end of the
    interval is the same moment under both. It stays the same when a run is cleared and tried again days later.
    """
    due = context.get("data_interval_end") or context["dag_run"].run_after
    return pendulum.instance(due).in_timezone(TIME_ZONE).subtract(days=1).to_date_string()


def environment() -> dict[str, str]:
    """What the program sees: the worker's environment, and the store's keys where a connection has them."""
    variables = dict(os.environ)
    if CONNECTION:
        connection = Connection.get(CONNECTION)
        more = connection.extra_dejson
        keys = {
            "AWS_ACCESS_KEY_ID": connection.login,
            "AWS_SECRET_ACCESS_KEY": connection.password,
            "AWS_SESSION_TOKEN": more.get("aws_session_token"),
            "AWS_REGION": more.get("region_name"),
            "AWS_ENDPOINT": more.get("endpoint_url"),
        }
        variables |= {name: value for name, value in keys.items() if value}
    return variables


def summary(report: dict) -> dict:
    """What is worth keeping of a night's report: small, for XCom and for the asset's event."""
    flags = [flag for flag in report["flags"] if flag["state"] == "firing"]
    verdicts = [verdict for verdict in report["verdicts"] if verdict["verdict"] == "breach"]
    return {
        "as_of": report["as_of"],
        "manifest": report["manifest"],
        "run_id": report["run_id"],
        "location": report["location"],
        "accounts": report["accounts"],
        "rows": {table["name"]: table["rows"] for table in report["tables"]},
        "flags": {flag["rule_id"]: flag["accounts"] for flag in flags},
        "breaches": sorted({verdict["guardrail_id"] for verdict in verdicts}),
        "warnings": [audit["id"] for audit in report["audits"] if not audit["passed"]],
    }


with DAG(
    dag_id="headwater_nightly",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 5, 1, tz=TIME_ZONE),
    # Nights that were missed are run, one after the other and in their order: each carries on the state of the one before.
    catchup=True,
    max_active_runs=1,
    default_args={
        "retries": RETRIES,
        "retry_delay": timedelta(seconds=RETRY_SECONDS),
        "execution_timeout": timedelta(hours=6),
    },
    doc_md=__doc__,
    tags=["headwater"],
):
    HeadwaterNight(task_id="night", outlets=[PUBLISHED])
