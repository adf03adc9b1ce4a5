"""Parquet files: read and written in batches. The only place where pyarrow is imported; it comes with the extra `bulk`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from upheld.collection.model import Row
from upheld.collection.rows import chunks
from upheld.web.refusals import Refusal

BATCH = 1000
MAX_COLUMNS = 200
_CLAUSE = "collection.situations"


def read_parquet(stream: BinaryIO) -> Iterator[Row]:
    """Read rows of a Parquet file; raises Refusal `media_type` without pyarrow, `malformed` for bytes that are none."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Refusal("media_type", _CLAUSE, next_step="Install the extra `bulk`, or send CSV.") from None
    try:
        file = pq.ParquetFile(stream)
        names = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError):
        raise Refusal("malformed", _CLAUSE) from None
    if not names or len(set(names)) < len(names) or len(names) > MAX_COLUMNS:
        raise Refusal("malformed", _CLAUSE)
    number = 0
    batches = file.iter_batches(batch_size=BATCH)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError):
            yield Row(number + 1, None)  # nothing behind a broken part can be found
            return
        if batch is None:
            return
        for cells in batch.to_pylist():
            number += 1
            yield Row(number, {name: _plain(value) for name, value in cells.items()})


def _plain(value: Any) -> Any:
    """Give a value as JSON would carry it; numbers and days become their text, for fields hold texts."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | bytes | float):
        return False  # no field holds such a thing, and the gate says so
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return False


def write_parquet(columns: Sequence[str], rows: Iterable[Sequence[str | None]], sink: BinaryIO) -> None:
    """Write rows of texts as a Parquet file; raises Refusal `media_type` without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Refusal("media_type", _CLAUSE, next_step="Install the extra `bulk`, or ask for CSV.") from None
    schema = pa.schema([(name, pa.string()) for name in columns])
    with pq.ParquetWriter(sink, schema) as writer:
        for part in chunks(rows, BATCH):
            columns_of = [pa.array([row[at] for row in part], pa.string()) for at in range(len(columns))]
            writer.write_table(pa.Table.from_arrays(columns_of, schema=schema))
