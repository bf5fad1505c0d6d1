"""The one place that knows which database lies below: engine, transactions, upserts, and what its errors mean."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from etsy_assets.errors import ConfigurationError, CorruptArtifact, PassingFault
from etsy_assets.storage import named_disk_errors

BUSY_TIMEOUT_SECONDS = 30
# Far below SQLite's and Postgres's limits on bound values; larger chunks were not faster.
CHUNK = 500
# "etsy": keeps our advisory lock apart from any other program's in the same Postgres database.
ADVISORY_LOCK = 0x65747379

Item = TypeVar("Item")
Columns = Mapping[str, Any]


def create_engine(url: str) -> Engine:
    """An engine whose connections are ready for several processes at once; makes the folder of a SQLite file.

    Raises ConfigurationError for a URL of another kind of database, or a folder that can't be made.
    """
    try:
        parsed = sa.make_url(url)
        supported = parsed.get_backend_name() in ("sqlite", "postgresql")
    except (ArgumentError, NoSuchModuleError):
        supported = False
    if not supported:
        # The URL itself stays out of the message: one that can't be parsed may hold a password anywhere.
        raise ConfigurationError(
            "The catalog URL is not one of a supported database: give sqlite:///<path> or postgresql+psycopg2://..."
        )
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            folder = Path(parsed.database).parent
            try:
                with named_disk_errors(folder):
                    folder.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise ConfigurationError(
                    f"The catalog's folder {folder} can't be made: {error.filename} is a file. Set ETSY_ASSETS_HOME."
                ) from error
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
        sa.event.listen(engine, "connect", _prepare_sqlite_connection)
        sa.event.listen(engine, "begin", _begin_sqlite_transaction)
        return engine
    try:
        return sa.create_engine(parsed, pool_pre_ping=True, executemany_mode="values_plus_batch")
    except ImportError as error:
        raise ConfigurationError(
            "A Postgres catalog needs its driver: pip install 'etsy-assets[postgres]', and begin the URL with "
            "postgresql+psycopg2://"
        ) from error


def _prepare_sqlite_connection(connection: sqlite3.Connection, _: object) -> None:
    # Without this the driver begins transactions by itself, and too late to take the write lock in time.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # A new file is switched over once, by whoever comes first; SQLite does not make the others wait, it fails them.
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        patiently = Retrying(
            retry=retry_if_exception(lambda error: getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY"),
            wait=wait_random(0.01, 0.1),
            stop=stop_after_delay(BUSY_TIMEOUT_SECONDS),
            reraise=True,
        )
        patiently(connection.execute, "PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite_transaction(connection: Connection) -> None:
    # A writer that began as a reader can't wait for another writer: SQLite fails it at once instead.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def writing(engine: Engine) -> Engine:
    """The same engine and pool, for transactions that write."""
    return engine.execution_options(writes=True)


def lock_out_other_writers(connection: Connection) -> None:
    """Makes this transaction the only one that plans from what it reads. SQLite's write lock already does."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))


@contextmanager
def named_database_errors(url: URL) -> Iterator[None]:
    """Turns the database's own errors into the platform's kinds of failure (errors.py), naming the database."""
    name = url.render_as_string(hide_password=True)
    try:
        yield
    except DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorname", "")
        if code == "SQLITE_FULL":
            raise ConfigurationError(
                f"No disk space is left for the catalog {name}: free some, or set ETSY_ASSETS_HOME to a folder on a "
                "larger disk."
            ) from error
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise ConfigurationError(
                f"The catalog {name} can't be opened for writing ({error.orig}): check its folder's permissions."
            ) from error
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            raise CorruptArtifact(
                f"The catalog {name} is damaged ({error.orig}): restore a backup, or move it away and crawl again."
            ) from error
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise PassingFault(
                f"The catalog {name} stayed locked by another process for {BUSY_TIMEOUT_SECONDS} s."
            ) from error
        if isinstance(error, OperationalError) and url.get_backend_name() == "postgresql":
            reason = str(error.orig).strip()
            if "authentication failed" in reason or "does not exist" in reason:
                raise ConfigurationError(
                    f"The catalog {name} refuses the connection ({reason}): check user, password and database."
                ) from error
            raise PassingFault(f"The catalog {name} does not answer: {reason}") from error
        raise


class Database:
    """Transactions on one engine; the groups of queries that make up the Catalog share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """One consistent view of the database."""
        with named_database_errors(self._engine.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _write(self, alone: bool = False) -> Iterator[Connection]:
        """One transaction, committed whole or not at all. alone: what it reads must not change before it commits."""
        with named_database_errors(self._engine.url), self._writer.begin() as connection:
            if alone:
                lock_out_other_writers(connection)
            yield connection


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Iterable[Columns],
    only_when_new: Sequence[str] = (),
    changes: Callable[[Any], Columns] = lambda excluded: {},
) -> None:
    """Inserts the rows; a row whose primary key is stored already is overwritten instead.

    rows: all with the same columns; of several with one key the last counts.
    only_when_new: columns that an existing row keeps. changes: given the new row, expressions for an existing one.
    """
    key = [column.name for column in table.primary_key]
    unique = {tuple(row[name] for name in key): row for row in rows}
    if not unique:
        return
    # In the order of the key, so that two transactions that overlap can't wait for each other in a circle.
    ordered = [dict(unique[each]) for each in sorted(unique)]
    insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    overwritten = {name: insert.excluded[name] for name in ordered[0] if name not in key and name not in only_when_new}
    overwritten.update(changes(insert.excluded))
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=overwritten), ordered)


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most `size`: for IN (...), whose number of values every database limits."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
