"""Reads events as the OpenLineage client defines them, and prints what they say.

Usage: lineage.py FILE, which holds an event a line. Every facet is made again by the client's class of its name, from
nothing but what the event says of it; a key that the class does not know is refused there.
"""

import json
import sys

from openlineage.client import event_v2, facet_v2
from openlineage.client.naming import dataset as naming

FACETS = {
    "nominalTime": facet_v2.nominal_time_run.NominalTimeRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "parent": facet_v2.parent_run.ParentRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "documentation": facet_v2.documentation_job.DocumentationJobFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "inputStatistics": facet_v2.input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
    "dataQualityAssertions": facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
}
PARTS = {
    ("parent", "run"): facet_v2.parent_run.Run,
    ("parent", "job"): facet_v2.parent_run.Job,
    ("schema", "fields"): facet_v2.schema_dataset.SchemaDatasetFacetFields,
    ("dataQualityAssertions", "assertions"): facet_v2.data_quality_assertions_dataset.Assertion,
}


def part(name, key, value):
    made = PARTS.get((name, key))
    if made is None:
        return value
    return [made(**item) for item in value] if isinstance(value, list) else made(**value)


def facets(of):
    made = {}
    for name, said in of.items():
        said = dict(said)
        producer, schema = said.pop("_producer"), said.pop("_schemaURL")
        made[name] = FACETS[name](**{key: part(name, key, value) for key, value in said.items()}, producer=producer)
        assert schema == made[name]._get_schema(), (schema, made[name]._get_schema())
    return made


def datasets(of, kind, key):
    for said in of:
        own = {"facets": facets(said["facets"]), key: facets(said[key])}
        assert set(said) == {"namespace", "name", "facets", key}, said
        if said["namespace"] == "file":
            assert said["name"] == naming.LocalFileSystem(said["name"]).get_name() and said["name"].startswith("/")
        yield kind(said["namespace"], said["name"], **own)


for line in open(sys.argv[1], encoding="utf-8"):
    said = json.loads(line)
    event = event_v2.RunEvent(
        eventType=event_v2.RunState[said["eventType"]],
        eventTime=said["eventTime"],
        producer=said["producer"],
        run=event_v2.Run(said["run"]["runId"], facets=facets(said["run"]["facets"])),
        job=event_v2.Job(said["job"]["namespace"], said["job"]["name"], facets=facets(said["job"]["facets"])),
        inputs=list(datasets(said["inputs"], event_v2.InputDataset, "inputFacets")),
        outputs=list(datasets(said["outputs"], event_v2.OutputDataset, "outputFacets")),
    )
    assert said["schemaURL"] == event._get_schema(), said["schemaURL"]
    run = event.run
    print(said["eventType"], event.job.namespace, event.job.name, run.runId, len(event.inputs), len(event.outputs))
    parent = run.facets.get("parent")
    if parent is not None:
        print("  parent", parent.job.namespace, parent.job.name, parent.run.runId)
    print("  night", run.facets["nominalTime"].nominalStartTime, run.facets["nominalTime"].nominalEndTime)
    if "errorMessage" in run.facets:
        print("  error", run.facets["errorMessage"].message.splitlines()[0])
    for dataset in event.inputs:
        statistics = dataset.inputFacets.get("inputStatistics")
        if statistics is not None and statistics.rowCount is not None:
            print("  read", dataset.name.rsplit("/", 1)[1], statistics.rowCount)
        tests = dataset.inputFacets.get("dataQualityAssertions")
        for test in tests.assertions if tests is not None else []:
            print("  test", dataset.name.rsplit("/", 1)[1], test.assertion, test.name, test.success, test.severity)
    for dataset in event.outputs:
        fields = dataset.facets["schema"].fields
        assert fields[0].name == "as_of" and fields[0].type == "DATE", fields[0]
        print("  wrote", dataset.name.rsplit("/", 1)[1], dataset.outputFacets["outputStatistics"].rowCount)
