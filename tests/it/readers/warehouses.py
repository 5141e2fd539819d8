"""Parses the statements of every dialect, and runs those of DuckDB, ClickHouse and Snowflake on the published night.

Prints a line for each dialect; whatever does not hold ends it."""

import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
import fakesnow
import pyarrow.parquet
import snowflake.connector
import sqlglot
from chdb import session
from sqlglot import exp

published = Path(sys.argv[1])
scripts = json.loads((published / "_scripts.json").read_text())
files = {
    path.name: sorted(path.glob("*/*.parquet"))
    for path in sorted(published.iterdir())
    if path.is_dir() and path.name[0] != "_" and path.name not in ("manifests", "spill")
}
logging.disable(logging.WARNING)
contents = {name: pyarrow.parquet.ParquetFile(parts[0]) for name, parts in files.items()}
for name, parts in files.items():
    assert len(parts) == 1, f"{name}: {parts}"

# The grammar of this parser ends before the clause.
BEYOND_THE_PARSER = {"bigquery": f" OVERWRITE PARTITIONS (`as_of` = DATE '{sys.argv[2]}')"}
# What PostgreSQL loads is run in DuckDB.
LOADED_IN = {"postgres": "duckdb"}


def parsed(statement, dialect):
    [tree] = sqlglot.parse(statement.replace(BEYOND_THE_PARSER.get(dialect, "\0"), ""), read=dialect)
    assert not isinstance(tree, exp.Command), f"{dialect} does not know {statement}"
    return tree


def types(create):
    """What each column of a CREATE TABLE holds."""
    return {column.name.lower(): column.kind for column in create.find_all(exp.ColumnDef)}


def comments(tree):
    """What is said of each column of a CREATE TABLE."""
    return {
        column.name.lower(): any(
            isinstance(constraint.kind, (exp.CommentColumnConstraint, exp.Properties, exp.Property))
            or "description" in constraint.sql("bigquery")
            for constraint in column.constraints
        )
        for column in tree.find_all(exp.ColumnDef)
    }


# As another program translates types, where that is right and no system below is asked.
TYPES = {"athena": {"VARCHAR": "STRING"}, "clickhouse": None, "duckdb": None}
duckdb_types = {
    tree.find(exp.Table).name: types(tree)
    for tree in (parsed(statement, "duckdb") for statement in scripts["duckdb"][0])
    if isinstance(tree, exp.Create)
}


def misspelt_types(statement, dialect):
    """Columns of a CREATE TABLE whose types are not written as the dialect writes those of DuckDB."""
    other = TYPES.get(dialect, {})
    if other is None:
        return []
    tree = parsed(statement, dialect)
    wanted = {name: kind.sql(dialect) for name, kind in duckdb_types[tree.find(exp.Table).name.lower()].items()}
    lines = [line.strip() for line in statement.lower().splitlines()]
    return [
        (name, kind)
        for name, kind in wanted.items()
        if not any(line[1:].startswith(f"{name}{line[:1]} {other.get(kind, kind)}".lower()) for line in lines)
    ]


for dialect, (create, load) in scripts.items():
    trees = [parsed(statement, dialect) for statement in create]
    misspelt = [misspelt_types(statement, dialect) for statement in create if statement.startswith("CREATE")]
    assert not any(misspelt), (dialect, misspelt)
    for statement in load:
        parsed(statement, LOADED_IN.get(dialect, dialect))
    made = {tree.find(exp.Table).name.lower(): tree for tree in trees if isinstance(tree, exp.Create)}
    assert made.keys() == files.keys(), made.keys() ^ files.keys()
    said = {
        (tree.this.table.lower(), tree.this.name.lower())
        for tree in trees
        if isinstance(tree, exp.Comment) and isinstance(tree.this, exp.Column)
    }
    for name, tree in made.items():
        columns = comments(tree)
        columns.pop("as_of_date", None)
        assert list(columns) == contents[name].schema_arrow.names, (dialect, name)
        silent = [column for column, inline in columns.items() if not inline and (name, column) not in said]
        assert not silent, f"{dialect} says nothing of {name}: {silent}"
    print(f"{dialect}: {len(made)} tables parsed")


def rows(columns):
    return sorted(map(repr, zip(*columns)))


def as_published(name, loaded):
    """Stops unless an Arrow table has the types and, in whatever order, the rows of the file."""
    wanted = contents[name].read()
    loaded = loaded.select(wanted.schema.names)
    types = [str(kind).replace("large_", "") for kind in loaded.schema.types]
    assert types == [str(kind) for kind in wanted.schema.types], (name, types)
    assert rows(loaded.to_pydict().values()) == rows(wanted.to_pydict().values()), name


database = duckdb.connect()
create, load = scripts["duckdb"]
for statement in create + load + load:
    database.execute(statement)
for name in files:
    as_published(name, database.table(name).to_arrow_table())
print(f"duckdb: {len(files)} tables loaded twice, as published")

# This ClickHouse has no S3 to read from: the same statements, with its function for local files.
create, load = scripts["clickhouse"]
with session.Session() as clickhouse:
    for statement in create + load + load:
        clickhouse.query(statement.replace("s3('s3://YOUR_BUCKET/YOUR_PREFIX", f"file('{published}"))
    for name in files:
        as_published(name, clickhouse.query(f"SELECT * FROM `{name}`", "ArrowTable"))
print(f"clickhouse: {len(files)} tables loaded twice, as published")

# This Snowflake is an imitation over DuckDB: it knows no pattern of files, and trips over quotes in comments.
create, load = scripts["snowflake"]
with tempfile.TemporaryDirectory() as place, fakesnow.patch():
    copy = shutil.copytree(published, Path(place) / "copy", ignore=shutil.ignore_patterns("_*"))
    cursor = snowflake.connector.connect(database="published", schema="published").cursor()
    cursor.execute(f"CREATE STAGE here URL = 'file://{copy}'")
    for statement in [statement.replace("''", "") for statement in create] + load + load:
        local = statement.replace("@YOUR_STAGE", "@here").replace("PATTERN = '.*[.]parquet'\n", "")
        cursor.execute(local)
    for name in files:
        wanted = contents[name].read()
        columns = ", ".join(f'"{column.upper()}"' for column in wanted.schema.names)
        loaded = cursor.execute(f"SELECT {columns} FROM {name}").fetchall()
        assert sorted(map(repr, loaded)) == rows(wanted.to_pydict().values()), name
print(f"snowflake: {len(files)} tables loaded twice, as published")
