"""What the platform consists of, as an operator sees it: a change of this is a change that must be meant."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from etsy_assets.assets.crawl_plan import CrawlPlanConfig
from etsy_assets.assets.newest_listings import NewestCrawlConfig
from etsy_assets.assets.purged_listings import PurgeConfig
from etsy_assets.assets.reviews import ReviewsConfig
from etsy_assets.assets.search_snapshot import SnapshotConfig
from etsy_assets.definitions import build_definitions
from etsy_assets.jobs.ensemble_search import SearchConfig
from etsy_assets.search.fusion import FusionMethod
from etsy_assets.settings import Settings

DEMO = ("demo_clip_a", "demo_clip_b", "demo_dinov2_a", "demo_dinov2_b", "demo_dinov3")
FULL = ("clip_vitb32", "clip_vitl14", "dinov2_base", "dinov2_large", "dinov3_base")
HEAVY = {
    "torch",
    "torchvision",
    "open_clip",
    "transformers",
    "faiss",
    "rembg",
    "onnxruntime",
    "onnx",
    "numba",
    "matplotlib",
}
CONFIGS = [SearchConfig, SnapshotConfig, NewestCrawlConfig, CrawlPlanConfig, ReviewsConfig, PurgeConfig]
ROOT = Path(__file__).parents[1]


class Shape(NamedTuple):
    """An asset's place in the graph. pool: what its steps share, None = nothing."""

    group: str
    partitions: str | None
    pool: str | None
    upstream: frozenset[str]


def expected_assets(encoders: Sequence[str], text_encoders: Sequence[str]) -> dict[str, Shape]:
    def shape(group: str, partitions: str | None, pool: str | None, *upstream: str) -> Shape:
        return Shape(group, partitions, pool, frozenset(upstream))

    embeddings = [f"embeddings/{name}" for name in encoders]
    text_embeddings = [f"text_embeddings/{name}" for name in text_encoders]
    indexes = [f"index/{name}" for name in encoders] + [f"text_index/{name}" for name in text_encoders]
    return {
        "taxonomy": shape("listings", None, "etsy_api"),
        "newest_listings": shape("listings", None, "etsy_api", "taxonomy"),
        "crawl_plan": shape("listings", None, "etsy_api", "taxonomy"),
        "discovered_listings": shape("listings", "crawl_slice", "etsy_api", "crawl_plan"),
        "listings": shape("listings", "listing_batch", "etsy_api", "newest_listings"),
        "reviews": shape("listings", None, "etsy_api", "newest_listings"),
        "api_quota": shape("upkeep", None, None),
        "purged_listings": shape("upkeep", None, None),
        "images": shape("images", "listing_batch", "cdn", "listings"),
        "cutouts": shape("images", "listing_batch", "inference", "images"),
        **{key: shape("embeddings", "listing_batch", "inference", "cutouts") for key in embeddings},
        **{key: shape("text_embeddings", "listing_batch", "inference", "listings") for key in text_embeddings},
        "segment_rows": shape("index", "index_segment", None, *embeddings, *text_embeddings),
        **{
            f"index/{name}": shape("index", "index_segment", None, "segment_rows", f"embeddings/{name}")
            for name in encoders
        },
        **{
            f"text_index/{name}": shape("text_index", "index_segment", None, "segment_rows", f"text_embeddings/{name}")
            for name in text_encoders
        },
        "search_snapshot": shape("search", None, "inference", *indexes),
    }


def expected_checks(encoders: Sequence[str]) -> set[tuple[str, str]]:
    return {
        ("discovered_listings", "the_whole_slice_was_reached"),
        ("newest_listings", "nothing_lies_between_two_crawls"),
        ("listings", "every_listing_is_accounted_for"),
        ("api_quota", "the_daily_limit_has_not_dropped"),
        ("purged_listings", "nothing_purged_is_left"),
        ("images", "few_images_failed"),
        ("cutouts", "few_cutouts_fell_back"),
        *((f"embeddings/{name}", "every_cutout_is_embedded") for name in encoders),
        ("segment_rows", "no_batch_is_skipped"),
        *((f"index/{name}", "recall_is_reached") for name in encoders),
        *((f"text_index/{name}", "recall_is_reached") for name in encoders[:2]),
        ("search_snapshot", "every_file_is_sound"),
        ("search_snapshot", "every_segment_is_published"),
        ("search_snapshot", "rows_are_their_images"),
    }


def definitions_of(profile: str) -> dg.Definitions:
    return build_definitions(Settings.from_environment({"ETSY_ASSETS_PROFILE": profile}))


@pytest.fixture(scope="module", params=["demo", "full"])
def profile(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def encoders(profile: str) -> tuple[str, ...]:
    return DEMO if profile == "demo" else FULL


@pytest.fixture(scope="module")
def definitions(profile: str) -> dg.Definitions:
    return definitions_of(profile)


def test_the_definitions_can_be_loaded(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_asset_graph_is_the_one_that_the_design_draws(
    definitions: dg.Definitions, encoders: tuple[str, ...]
) -> None:
    graph = definitions.resolve_asset_graph()
    found = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        found[key.to_user_string()] = Shape(
            group=node.group_name,
            partitions=node.partitions_def.name if node.partitions_def else None,
            pool=graph.assets_def_for_key(key).op.pool,
            upstream=frozenset(parent.to_user_string() for parent in node.parent_keys),
        )
    assert found == expected_assets(encoders, encoders[:2])


def test_the_checks_are_these(definitions: dg.Definitions, encoders: tuple[str, ...]) -> None:
    keys = definitions.resolve_asset_graph().asset_check_keys
    assert {(key.asset_key.to_user_string(), key.name) for key in keys} == expected_checks(encoders)


def test_all_assets_of_a_batch_or_a_slice_and_no_others_are_backfilled_by_ranges(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        of_many = node.partitions_def is not None and node.partitions_def.name in ("listing_batch", "crawl_slice")
        assert node.backfill_policy == (dg.BackfillPolicy.multi_run(10) if of_many else None), key
    # All of such a run is done in one process, whatever assets it is of.
    assert definitions.resolve_implicit_global_asset_job_def().executor_def.name == "in_process"


def test_every_asset_says_what_it_is_whose_it_is_and_of_which_version(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.description.endswith("."), key
        assert node.owners == ["team:furniture-search"], key
        assert node.kinds, key
        assert node.code_version, key


def test_the_code_version_of_an_embedding_changes_with_its_encoder(
    definitions: dg.Definitions, encoders: tuple[str, ...]
) -> None:
    graph = definitions.resolve_asset_graph()
    versions = {graph.get(dg.AssetKey(["embeddings", name])).code_version for name in encoders}
    assert len(versions) == len(encoders)


def test_each_job_runs_in_one_process_over_its_own_partitions(definitions: dg.Definitions) -> None:
    jobs = [job for job in definitions.get_repository_def().get_all_jobs() if not job.name.startswith("__")]
    assert {job.name: job.partitions_def.name if job.partitions_def else None for job in jobs} == {
        "crawl_newest": None,
        "plan_crawl": None,
        "crawl_slice": "crawl_slice",
        "crawl_reviews": None,
        "ingest": "listing_batch",
        "refresh_listings": "listing_batch",
        "update_batch": "listing_batch",
        "index_segment": "index_segment",
        "publish_snapshot": None,
        "report_quota": None,
        "purge": None,
        "ensemble_search": None,
    }
    assert {job.executor_def.name for job in jobs} == {"in_process"}
    assert all(job.tags["etsy_assets/job"] == job.name for job in jobs)


@pytest.mark.parametrize(("profile_name", "is_running"), [("demo", True), ("full", False)])
def test_only_the_demo_starts_by_itself(profile_name: str, is_running: bool) -> None:
    repository = definitions_of(profile_name).get_repository_def()
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    assert {name: [target.job_name for target in sensor.targets] for name, sensor in sensors.items()} == {
        "crawl_sensor": ["crawl_slice"],
        "listing_batches_sensor": ["ingest"],
        "repair_sensor": ["ingest"],
        "refresh_sensor": ["refresh_listings"],
        "update_sensor": ["update_batch"],
        "publish_sensor": ["index_segment", "publish_snapshot"],
        "run_failure_alert": [],
    }
    # A failure is told in any case: it starts nothing.
    assert sensors.pop("run_failure_alert").default_status == dg.DefaultSensorStatus.RUNNING
    expected = dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED
    assert {sensor.default_status for sensor in sensors.values()} == {expected}
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert {name: schedule.job_name for name, schedule in schedules.items()} == {
        "newest_listings_schedule": "crawl_newest",
        "crawl_reviews_schedule": "crawl_reviews",
        "report_quota_schedule": "report_quota",
        "purge_schedule": "purge",
    }
    # It asks nobody and deletes nothing.
    assert schedules.pop("report_quota_schedule").default_status == dg.DefaultScheduleStatus.RUNNING
    statuses = {schedule.default_status == dg.DefaultScheduleStatus.RUNNING for schedule in schedules.values()}
    assert statuses == {is_running}


@pytest.mark.parametrize("config", CONFIGS)
def test_every_field_that_a_person_can_set_has_a_default_and_a_description(config: type[dg.Config]) -> None:
    assert config.model_fields
    for name, field in config.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name
        assert field.description.endswith("."), name


def test_a_search_asks_for_these() -> None:
    assert set(SearchConfig.model_fields) == {
        *("image_path", "image_url", "listing_id", "text"),
        *("k", "per_encoder", "method", "encoders", "weights", "score_all"),
    }
    assert SearchConfig().method is FusionMethod.zscore


def test_no_secret_is_part_of_what_the_code_location_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETSY_KEYSTRING", "ETSY_SHARED_SECRET"):
        monkeypatch.setenv(name, f"s3cret-{name}")
    environment = {"ETSY_ASSETS_PROFILE": "full", "ETSY_ASSETS_WEBHOOK_URL": "https://hooks.example/s3cret-hook"}
    repository = build_definitions(Settings.from_environment(environment)).get_repository_def()
    told = serialize_value(RepositorySnap.from_def(repository))
    assert "s3cret" not in told


def fresh_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_loading_the_code_location_imports_no_model_library(profile: str) -> None:
    program = "import sys, etsy_assets.definitions; print(*{name.partition('.')[0] for name in sys.modules})"
    done = fresh_python("-c", program, ETSY_ASSETS_PROFILE=profile)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "etsy_assets" in imported
    assert imported & HEAVY == set()


def test_a_bad_environment_is_one_clear_error_when_the_code_location_is_loaded() -> None:
    done = fresh_python("-c", "import etsy_assets.definitions", ETSY_ASSETS_PROFILE="staging")
    assert done.returncode == 1
    assert (
        done.stderr.strip().splitlines()[-1].endswith('ETSY_ASSETS_PROFILE is "staging"; set it to "demo" or "full".')
    )


def test_dagster_itself_finds_the_definitions_valid(blank_instance: Path) -> None:
    done = fresh_python("-m", "dagster", "definitions", "validate", DAGSTER_HOME=str(blank_instance))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful" in done.stdout + done.stderr
