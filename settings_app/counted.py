"""What is counted of the request log, kept by the database's own triggers: whoever writes or deletes a row counts it.

So nothing has to be counted when a page asks, nor at a start: a million rows would take seconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from settings_app.models import RequestLog

LOG = RequestLog._meta.db_table
COLUMNS = [field.attname for field in RequestLog._meta.concrete_fields]


@dataclass(frozen=True)
class Counted:
    """`select` makes SQL of a source that has the log's columns: of each of its rows the `key` in `table` at which it
    counts, and how much, the `sums`. `when` says which rows count at all, by the name that a row goes by. A sum that
    came to 0 stays as that.
    """

    name: str
    table: str
    key: Sequence[str]
    sums: Sequence[str]
    select: Callable[[str], str]
    when: Callable[[str], str] = lambda row: "TRUE"


def triggers(counted: Counted) -> Iterator[tuple[str, str]]:
    """By name, the SQL that follows it."""
    adds, takes = (_insert(counted, _row("NEW"), "{}"), "NEW"), (_insert(counted, _row("OLD"), "-{}"), "OLD")
    for event, name, (sql, row) in (
        ("INSERT", "insert", adds),
        ("DELETE", "delete", takes),
        ("UPDATE", "update_from", takes),
        ("UPDATE", "update_to", adds),
    ):
        yield f"{counted.name}_{name}", f"AFTER {event} ON {LOG} WHEN {counted.when(row)} BEGIN {sql}; END"


def count_anew(counted: Counted) -> str:
    """SQL that adds all that the log holds to a table that counts none of it."""
    return _insert(counted, f"(SELECT * FROM {LOG} AS log WHERE {counted.when('log')})", "SUM({})")


def _insert(counted: Counted, source: str, added: str) -> str:
    """`added`: how each sum is, where `{}` is its name."""
    key = ", ".join(counted.key)
    sums = ", ".join(added.format(name) for name in counted.sums)
    again = ", ".join(f"{name} = {name} + excluded.{name}" for name in counted.sums)
    return (
        f"INSERT INTO {counted.table} ({key}, {', '.join(counted.sums)}) "
        f"SELECT {key}, {sums} FROM ({counted.select(source)}) WHERE TRUE "
        f"{f'GROUP BY {key} ' if added.startswith('SUM') else ''}ON CONFLICT ({key}) DO UPDATE SET {again}"
    )


def _row(name: str) -> str:
    return f"(SELECT {', '.join(f'{name}.{column} AS {column}' for column in COLUMNS)})"
