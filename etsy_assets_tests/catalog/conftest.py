"""A real catalog for each test: a SQLite file, and also Postgres where ETSY_ASSETS_TEST_POSTGRES_URL names a server."""

import multiprocessing
import os
import shutil
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from etsy_assets.catalog.catalog import Catalog

ENCODERS = ["demo_clip", "demo_dino"]
POSTGRES = os.environ.get("ETSY_ASSETS_TEST_POSTGRES_URL")


@pytest.fixture(params=["sqlite", "postgres"] if POSTGRES else ["sqlite"])
def catalog_url(request, tmp_path: Path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'catalog.db'}"
        return
    schema = f"test_{uuid.uuid4().hex}"
    server = sa.create_engine(POSTGRES)
    with server.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    with server.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    server.dispose()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalog, migrated once: copying it is ten times faster than migrating anew for each test."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.db"
    Catalog.open(f"sqlite:///{path}", ENCODERS).close()
    return path


@pytest.fixture
def catalog(catalog_url: str, migrated_file: Path):
    if catalog_url.startswith("sqlite:///"):
        path = Path(catalog_url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        shutil.copy(migrated_file, path)
    with Catalog.open(catalog_url, ENCODERS) as opened:
        yield opened


@pytest.fixture(scope="session")
def processes():
    """Other processes, each of which has imported all that a catalog needs."""
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
