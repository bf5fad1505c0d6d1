"""A real catalog for each test, twice: a SQLite file, and a database of a PostgreSQL server that the tests start."""

import multiprocessing
import shutil
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.schema import metadata
from etsy_assets_tests.postgres_server import postgres_server, programs

ENCODERS = ["demo_clip", "demo_dino"]


@pytest.fixture(scope="session")
def postgres_url():
    if programs() is None:
        pytest.skip("PostgreSQL is not installed here: `make setup` installs Debian's postgresql.")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_database(postgres_url: str) -> str:
    """An empty catalog in Postgres, migrated once: emptying it is ten times faster than making another."""
    url = new_database(postgres_url)
    Catalog.open(url, ENCODERS).close()
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in SQLite, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.db"
    Catalog.open(f"sqlite:///{path}", ENCODERS).close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_url(request, tmp_path: Path):
    """Of a database with nothing in it; migrated already where the test asks for a catalog.

    What a test that opens catalogs does to their schema, no other must see.
    """
    is_migrated = "catalog" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "home" / "catalog.db"
        if is_migrated:
            path.parent.mkdir()
            shutil.copy(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
        return
    if is_migrated and request.path.name != "test_opening.py":
        url = request.getfixturevalue("migrated_database")
        yield url
        run_sql(url, f"TRUNCATE {', '.join(set(metadata.tables) - {'catalog_setting'})} RESTART IDENTITY")
    else:
        yield new_database(request.getfixturevalue("postgres_url"))


@pytest.fixture
def catalog(catalog_url: str):
    with Catalog.open(catalog_url, ENCODERS) as opened:
        yield opened


def new_database(server: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    run_sql(server, f"CREATE DATABASE {name}")
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def run_sql(url: str, statement: str) -> None:
    """Outside of a transaction, as databases are made."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(scope="session")
def processes():
    """Other processes, each of which has imported all that a catalog needs."""
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
