"""Opening a catalog: migrations, several openers at once, and every way in which a database can be unusable."""

import logging
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.catalog.database import create_engine, named_database_errors
from etsy_assets.catalog.migrating import MIGRATIONS, newest_revision
from etsy_assets.catalog.schema import metadata
from etsy_assets.errors import ConfigurationError, CorruptArtifact, PassingFault
from etsy_assets_tests.catalog.samples import discovered, listing


def open_and_count(url: str) -> int:
    with Catalog.open(url, ["demo_clip"]) as catalog:
        return catalog.counts()["listings"]


def view_columns(url: str) -> list[str]:
    engine = sa.create_engine(url)
    columns = [column["name"] for column in sa.inspect(engine).get_columns("image_status")]
    engine.dispose()
    return columns


def test_the_migrations_make_exactly_the_tables_of_the_schema(catalog: Catalog, catalog_url: str):
    engine = create_engine(catalog_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_newest_revision_read_from_file_names_is_alembics_head():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == newest_revision()


def test_opening_a_catalog_that_is_up_to_date_does_not_even_import_alembic(catalog: Catalog, catalog_url: str):
    code = (
        "import sys; from etsy_assets.catalog.catalog import Catalog;"
        f"Catalog.open({catalog_url!r}, ['demo_clip', 'demo_dino']).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_several_processes_may_open_a_new_catalog_at_once(catalog_url: str, processes: ProcessPoolExecutor):
    assert list(processes.map(open_and_count, [catalog_url] * 6)) == [0] * 6


def test_several_threads_may_open_a_new_catalog_at_once(catalog_url: str):
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(open_and_count, [catalog_url] * 8)) == [0] * 8


def test_a_first_opening_that_fails_leaves_nothing_behind(catalog_url: str):
    with pytest.raises(ConfigurationError, match="encoder name 'No Column'"):
        Catalog.open(catalog_url, ["No Column"])
    engine = sa.create_engine(catalog_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    assert open_and_count(catalog_url) == 0


def test_what_is_stored_survives_closing_and_opening(catalog_url: str):
    with Catalog.open(catalog_url) as catalog:
        catalog.upsert_listings([listing(5)])
    with Catalog.open(catalog_url) as catalog:
        assert catalog.listing(5).title == "Oak chair"


def test_the_view_has_a_column_for_each_encoder_of_the_profile_that_opened_last(catalog_url: str):
    Catalog.open(catalog_url, ["demo_clip", "demo_dino"]).close()
    fixed = [
        "listing_id", "image_id", "shop_id", "hex", "suffix", "is_primary", "when_made", "price",
        "to_download", "download_done", "bg_removed",
    ]  # fmt: skip
    assert view_columns(catalog_url) == [*fixed, "embed_demo_clip", "embed_demo_dino"]
    Catalog.open(catalog_url, ["clip_vitb32"]).close()
    assert view_columns(catalog_url) == [*fixed, "embed_clip_vitb32"]
    Catalog.open(catalog_url).close()
    assert view_columns(catalog_url) == [*fixed, "embed_clip_vitb32"]


def test_opening_leaves_the_logging_of_the_program_alone(catalog_url: str):
    mine = logging.getLogger("a.program.of.mine")
    before = (logging.root.level, list(logging.root.handlers), mine.disabled)
    Catalog.open(catalog_url).close()
    assert (logging.root.level, list(logging.root.handlers), mine.disabled) == before


def test_a_catalog_of_a_newer_version_is_refused_and_not_touched(catalog: Catalog, catalog_url: str):
    engine = sa.create_engine(catalog_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(ConfigurationError, match="has schema 9999, and this version of etsy-assets knows only"):
        Catalog.open(catalog_url)


@pytest.mark.parametrize("url", ["mysql://root:hunter2@db/etsy", "no url, hunter2", "", "sqlserver://sa:hunter2@x"])
def test_a_url_of_another_kind_of_database_is_refused_without_its_password(url: str):
    with pytest.raises(ConfigurationError, match=r"sqlite:///<path> or postgresql\+psycopg2://") as refusal:
        Catalog.open(url)
    assert "hunter2" not in str(refusal.value)


def test_a_postgres_server_that_does_not_answer_is_a_passing_fault_without_its_password():
    pytest.importorskip("psycopg2", reason="the postgres extra is not installed")
    with pytest.raises(PassingFault, match="does not answer") as fault:
        Catalog.open("postgresql+psycopg2://etsy:hunter2@127.0.0.1:1/etsy")
    assert "hunter2" not in str(fault.value)


def test_a_damaged_catalog_file_is_named(tmp_path: Path):
    path = tmp_path / "catalog.db"
    path.write_bytes(b"this is no database, though it has as many bytes as a header of one needs" * 20)
    with pytest.raises(CorruptArtifact, match=r"catalog\.db is damaged"):
        Catalog.open(f"sqlite:///{path}")


def test_a_catalog_folder_below_a_file_is_a_configuration_error(tmp_path: Path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigurationError, match="ETSY_ASSETS_HOME"):
        Catalog.open(f"sqlite:///{tmp_path / 'home' / 'deeper' / 'catalog.db'}")


def test_a_full_disk_is_a_configuration_error_that_names_the_catalog(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path / 'catalog.db'}")
    with (
        pytest.raises(ConfigurationError, match=r"No disk space is left for the catalog .*catalog\.db"),
        named_database_errors(engine.url),
        engine.connect() as connection,
    ):
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("CREATE TABLE wide AS SELECT zeroblob(100000) AS filling")
    engine.dispose()


def test_sqlite_is_opened_for_many_readers_beside_a_writer(tmp_path: Path):
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        other = sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        other.execute("BEGIN IMMEDIATE")
        assert catalog.counts()["listings"] == 0
        other.execute("ROLLBACK")
        other.close()
        assert catalog.record_discovered(discovered(1), now=listing(1).fetched_at) == 1


def test_a_catalogs_repr_hides_the_password():
    pytest.importorskip("psycopg2", reason="the postgres extra is not installed")
    assert "hunter2" not in repr(Catalog(create_engine("postgresql+psycopg2://etsy:hunter2@db/etsy")))
