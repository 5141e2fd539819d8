"""Decodes a trace by the definitions that OpenTelemetry publishes, and prints it.

Usage: trace.py FILE, which holds the body of one request.
"""

import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def value(of):
    return getattr(of, of.WhichOneof("value"))


request = ExportTraceServiceRequest()
with open(sys.argv[1], "rb") as body:
    request.ParseFromString(body.read())
[resource_spans] = request.resource_spans
[scope_spans] = resource_spans.scope_spans
for pair in resource_spans.resource.attributes:
    print("resource", pair.key, value(pair.value))
print("scope", scope_spans.scope.name)
spans = scope_spans.spans
names = {span.span_id: span.name for span in spans}
assert len(names) == len(spans), "span ids stand twice"
for span in spans:
    assert len(span.trace_id) == 16 and len(span.span_id) == 8, span
    assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span
    above = names.get(span.parent_span_id, span.parent_span_id.hex())
    status = {0: "unset", 1: "ok", 2: "error"}[span.status.code]
    print("span", span.trace_id.hex(), above, span.name, status, span.trace_state or "-", span.status.message or "-")
    attributes = {pair.key: value(pair.value) for pair in span.attributes}
    for key in ("headwater.as_of", "headwater.run_id", "headwater.project"):
        assert attributes[key], key
    if span.name == "run":
        for key in sorted(attributes):
            print("run", key, attributes[key])
for span in spans:
    above = next((other for other in spans if other.span_id == span.parent_span_id), None)
    if above is not None:
        assert above.start_time_unix_nano <= span.start_time_unix_nano, span.name
        assert span.end_time_unix_nano <= above.end_time_unix_nano, span.name
