"""Reads every published table with every reader at hand, and compares types, values and the partition column.

Prints the tables with their columns as DuckDB sees them, then a line for each reader; whatever differs ends it."""

import datetime
import functools
import shutil
import sys
import tempfile
from pathlib import Path

import chdb
import datafusion
import deltalake
import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from deltalake.schema import PrimitiveType
from pyiceberg.catalog import load_catalog

published = Path(sys.argv[1])
night = datetime.date.fromisoformat(sys.argv[2])
folders = [
    path
    for path in sorted(published.iterdir())
    if path.is_dir() and path.name[0] != "_" and path.name not in ("manifests", "spill")
]


def files(folder):
    return [str(path) for path in sorted(folder.glob("*/*.parquet"))]


def with_pyarrow(folder):
    return pyarrow.dataset.dataset(folder, partitioning="hive").to_table()


def with_duckdb(folder):
    return duckdb.sql(f"FROM read_parquet('{folder}/*/*.parquet', hive_partitioning = true)").to_arrow_table()


def with_polars(folder):
    return polars.scan_parquet(f"{folder}/*/*.parquet", hive_partitioning=True).collect().to_arrow()


def with_datafusion(folder):
    context = datafusion.SessionContext()
    context.register_parquet("published", folder, table_partition_cols=[("as_of_date", pyarrow.date32())])
    return context.table("published").to_arrow_table()


def with_clickhouse(folder):
    query = f"SELECT * FROM file('{folder}/*/*.parquet', 'Parquet') SETTINGS use_hive_partitioning = 1"
    return chdb.query(query, "ArrowTable")


def with_delta(folder):
    """The files as they are, taken over by a Delta table."""
    with tempfile.TemporaryDirectory() as place:
        copy = shutil.copytree(folder, Path(place) / folder.name, ignore=shutil.ignore_patterns("_*"))
        partitions = deltalake.Schema([deltalake.Field("as_of_date", PrimitiveType("date"))])
        deltalake.convert_to_deltalake(copy, partition_by=partitions, partition_strategy="hive")
        return deltalake.DeltaTable(copy).to_pyarrow_table()


def with_iceberg(folder):
    """The files as they are, taken over by an Iceberg table; what they are partitioned by is not in them."""
    with tempfile.TemporaryDirectory() as place:
        catalog = load_catalog("here", type="in-memory", warehouse=place)
        catalog.create_namespace("published")
        table = catalog.create_table(("published", folder.name), schema=pyarrow.parquet.read_schema(files(folder)[0]))
        table.add_files(files(folder))
        found = table.scan().to_arrow()
        return found.append_column("as_of_date", found["as_of"])


def with_spark(folder):
    return spark().read.parquet(str(folder)).toArrow()


@functools.cache
def spark():
    """A session of its own, whose clock is UTC as are the instants in the files."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.execution.arrow.useLargeVarTypes": "false",
    }
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


READERS = {
    "pyarrow": with_pyarrow,
    "duckdb": with_duckdb,
    "polars": with_polars,
    "datafusion": with_datafusion,
    "clickhouse": with_clickhouse,
    "delta": with_delta,
    "iceberg": with_iceberg,
}
if shutil.which("java"):
    READERS["spark"] = with_spark


def type_name(kind):
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind).replace("large_", "").replace("_view", "")


def rows(table):
    return sorted(map(repr, zip(*table.to_pydict().values())))


for folder in folders:
    columns = duckdb.sql(f"DESCRIBE FROM read_parquet({files(folder)}, hive_partitioning = false)").fetchall()
    count = sum(pyarrow.parquet.read_metadata(file).num_rows for file in files(folder))
    print(folder.name, count, *(f"{name}:{kind}" for name, kind, *_ in columns), sep="\t")

for reader, read in READERS.items():
    empty = 0
    for folder in folders:
        wanted = pyarrow.concat_tables(pyarrow.parquet.ParquetFile(file).read() for file in files(folder))
        found = read(folder)
        partitions = {str(value) for value in found["as_of_date"].to_pylist()}
        assert partitions == ({str(night)} if wanted.num_rows else set()), (reader, folder.name, partitions)
        found = found.drop_columns("as_of_date")
        assert found.schema.names == wanted.schema.names, (reader, folder.name, found.schema.names)
        types = [(name, type_name(kind)) for name, kind in zip(found.schema.names, found.schema.types)]
        assert types == [(field.name, str(field.type)) for field in wanted.schema], (reader, folder.name, types)
        assert rows(found) == rows(wanted), (reader, folder.name)
        empty += wanted.num_rows == 0
    assert empty, "no table is empty"
    print(f"{reader}: {len(folders)} tables")
