"""Brings a database to the newest schema when it is opened; a glance at one row when it is there already.

A migration is a file in migrations/versions, `<number>_<what>.py`, whose revision id is its four-digit number. It runs
in one transaction that no other process can enter: a killed one leaves the database as it was.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from etsy_assets.catalog.database import lock_out_other_writers, writing
from etsy_assets.catalog.image_status import VIEW, create_view, view_encoders
from etsy_assets.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"

# alembic keeps the migration in hand in module-level state, so two threads can't migrate at once.
_one_migration_in_this_process = threading.Lock()


def newest_revision() -> str:
    """The schema that this code knows, read from the file names: importing alembic takes longer than opening."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def stored_revision(connection: Connection) -> str | None:
    """The schema that the database has; None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def bring_up_to_date(engine: Engine, encoders: Sequence[str]) -> None:
    """Migrates the database and gives the view image_status the encoders' columns, each only where it is needed.

    encoders: empty keeps the view's columns as they are. Raises ConfigurationError for a database of a newer version.
    """
    with engine.begin() as connection:
        if _is_up_to_date(connection, encoders):
            return
    with _one_migration_in_this_process, writing(engine).begin() as connection:
        lock_out_other_writers(connection)
        if _is_up_to_date(connection, encoders):
            return
        wanted = tuple(encoders)
        if stored_revision(connection) == newest_revision():
            create_view(connection, wanted)
            return
        _migrate(connection)
        create_view(connection, wanted or view_encoders(connection) or ())


def _is_up_to_date(connection: Connection, encoders: Sequence[str]) -> bool:
    stored, newest = stored_revision(connection), newest_revision()
    if stored is not None and stored > newest:
        raise ConfigurationError(
            f"The catalog {connection.engine.url.render_as_string(hide_password=True)} has schema {stored}, and this "
            f"version of etsy-assets knows only {newest}: update etsy-assets, or use another ETSY_ASSETS_HOME."
        )
    if stored != newest:
        return False
    return view_encoders(connection) == tuple(encoders) if encoders else view_encoders(connection) is not None


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    # A table that a view reads can't be altered in Postgres; the caller builds the view again.
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {VIEW}")
    command.upgrade(config, "head")
