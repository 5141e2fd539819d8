"""What became of the one run of a Dagster instance: its state, how often it was tried, its checks and its asset."""

import dagster as dg
from dagster import DagsterEventType

with dg.DagsterInstance.get() as instance:
    (run,) = instance.get_runs()
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    of = lambda kind: [event for event in events if event.event_type == kind]
    # A step that is tried again starts again.
    tries = len(of(DagsterEventType.STEP_START)) + len(of(DagsterEventType.STEP_RESTARTED))
    print(f"run {run.status.value.lower()}, tries {tries}", end="")
    for event in of(DagsterEventType.ASSET_CHECK_EVALUATION):
        check = event.event_specific_data
        print(f", {check.check_name} {'passed' if check.passed else check.severity.value.lower()}", end="")
    for event in of(DagsterEventType.ASSET_MATERIALIZATION):
        night = event.step_materialization_data.materialization
        told = {name: value.value for name, value in night.metadata.items()}
        print(f", night of {night.partition}: {told['accounts']} accounts", end="")
        print(f", {'rows in many tables' if told['rows'].count('|') > 30 else 'too few rows'}", end="")
    print()
