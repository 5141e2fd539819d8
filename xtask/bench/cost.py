"""What a step of a script costs: wall time, processor time and most memory at one time."""

import re
import resource
import time


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


def measured(step):
    """What the step gives, and what it cost."""
    forget_peak()
    wall, cpu = time.monotonic(), cpu_seconds()
    given = step()
    cost = {"wall_seconds": time.monotonic() - wall, "cpu_seconds": cpu_seconds() - cpu, "peak_bytes": peak_bytes()}
    return given, cost
