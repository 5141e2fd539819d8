"""Reads metrics by the parsers of prometheus_client, that of OpenMetrics and that of Prometheus' own text format.

Usage: metrics.py FILE. Prints every sample; fails where the two parsers see different ones.
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as of_openmetrics
from prometheus_client.parser import text_string_to_metric_families as of_prometheus

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    text = file.read()


def samples(families):
    for family in families:
        assert family.type == "gauge" and family.documentation, family
        for sample in family.samples:
            yield sample.name, tuple(sorted(sample.labels.items())), sample.value


found = list(samples(of_openmetrics(text)))
assert found == list(samples(of_prometheus(text)))
assert len({sample[:2] for sample in found}) == len(found), "a sample stands twice"
for name, labels, value in found:
    print(name, *(f"{label}={text}" for label, text in labels if label != "project"), f"{value:.17g}")
