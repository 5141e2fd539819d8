"""A night of Headwater as a Dagster asset, partitioned by day, its audits and guardrails as checks of the asset.

The night itself runs in `night.py`, which speaks to Dagster through Pipes. Here it is a process on the same machine; where it belongs
elsewhere, put another Pipes client in the place of `PipesSubprocessClient`, and `night.py` beside the program.

    HEADWATER_TIME_ZONE      the project's time_zone, if not UTC
    HEADWATER_RETRIES        how often a night that another try can mend is tried again; 12
    HEADWATER_RETRY_SECONDS  how long between two tries; 600

What `night.py` needs stands there.
"""

import os
import sys
from pathlib import Path

import dagster as dg

TIME_ZONE = os.environ.get("HEADWATER_TIME_ZONE", "UTC")
RETRIES = int(os.environ.get("HEADWATER_RETRIES", "12"))
RETRY_SECONDS = int(os.environ.get("HEADWATER_RETRY_SECONDS", "600"))

# What another try can mend. A program that was killed, as when memory ran out, has a code below nothing.
TRY_AGAIN = {
    1: "a store or the engine failed",
    7: "another run is at work",
    8: "an input is not as fresh as it must be",
}
# What only people can mend.
STOP = {
    2: "the arguments make no sense",
    3: "the project or its rules are invalid: tell the analyst",
    4: "an audit held the night; the last one stays published: tell the owner of the audit",
    5: "an input breaks its contract: tell whoever exports it",
    6: "a test of a rule failed: tell the analyst",
    9: "what was asked for does not exist",
}

# The partition of a day is the night that ends it: `--as-of` is the partition's key.
NIGHTS = dg.DailyPartitionsDefinition(start_date="2026-05-01", timezone=TIME_ZONE)
# Each night carries on the state of the one before, so a backfill takes them in their order.
NIGHT_BEFORE = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)


@dg.asset(
    name="headwater",
    partitions_def=NIGHTS,
    deps=[dg.AssetDep("headwater", partition_mapping=NIGHT_BEFORE)],
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
    check_specs=[
        dg.AssetCheckSpec("audits", asset="headwater", description="What the audits of the night found"),
        dg.AssetCheckSpec("guardrails", asset="headwater", description="No guardrail is in breach"),
    ],
    # With a limit of one on this pool no two nights are started at once; the lease sees to it in any case.
    pool="headwater",
    kinds={"parquet"},
)
def headwater(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient):
    """The tables of one night, published."""
    command = [sys.executable, str(Path(__file__).with_name("night.py"))]
    night = pipes.run(context=context, command=command)
    code = next(message["exit_code"] for message in night.get_custom_messages())
    yield from night.get_results(implicit_materializations=False)
    if code in STOP:
        raise dg.Failure(STOP[code], metadata={"exit_code": code}, allow_retries=False)
    if code != 0:
        context.log.warning(f"{TRY_AGAIN.get(code, 'it was killed')} (exit code {code})")
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_SECONDS)


NIGHTLY = dg.define_asset_job("headwater_nightly", selection=["headwater"], partitions_def=NIGHTS)

defs = dg.Definitions(
    assets=[headwater],
    jobs=[NIGHTLY],
    # At two in the project's time zone, the day that has just ended.
    schedules=[dg.build_schedule_from_partitioned_job(NIGHTLY, hour_of_day=2)],
    resources={"pipes": dg.PipesSubprocessClient()},
)
