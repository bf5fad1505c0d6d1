"""The thin resources: configuration in, plain objects out, and what is expensive is made once."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.demo.api.access import DEMO_KEYSTRING, DEMO_SHARED_SECRET
from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.resources.deployment import deployment_resources, secret
from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.resources.ensemble_search import default_weights
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.imaging import BackgroundRemoval
from etsy_assets.resources.stores import CatalogDatabase
from etsy_assets.settings import Settings
from etsy_assets_tests.assets.deployment import ENCODERS, Deployment


def test_the_demo_has_the_key_of_the_simulated_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETSY_ASSETS_DEMO_KEY", "ETSY_ASSETS_DEMO_SECRET"):
        monkeypatch.delenv(name, raising=False)
    api = deployment_resources(Settings.from_environment({}))["etsy_api"]
    assert (api.keystring, api.shared_secret) == (DEMO_KEYSTRING, DEMO_SHARED_SECRET)


def test_a_real_key_is_read_from_the_environment_when_a_run_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETSY_KEYSTRING", "s3cret")
    assert secret("ETSY_KEYSTRING") == dg.EnvVar("ETSY_KEYSTRING")
    monkeypatch.delenv("ETSY_KEYSTRING")
    assert secret("ETSY_KEYSTRING") == ""


def test_an_api_without_a_key_is_refused_before_any_call(tmp_path: Path) -> None:
    with (
        Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog,
        pytest.raises(ConfigurationError, match="set ETSY_KEYSTRING and ETSY_SHARED_SECRET"),
    ):
        EtsyApi(base_url="https://openapi.etsy.com", keystring="only-half").client(catalog, CallPurpose.BATCHES)


def test_the_catalog_makes_its_folder_and_has_a_column_for_each_encoder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'folder' / 'catalog.db'}"
    with CatalogDatabase(url=url, encoders=list(ENCODERS)).open() as catalog:
        assert catalog.image_status() == []
    assert (tmp_path / "new" / "folder" / "catalog.db").is_file()


def test_a_model_is_loaded_once_however_many_runs_ask_for_it() -> None:
    one, other = EncoderModels(profile="demo", device="cpu"), EncoderModels(profile="demo", device="cpu")
    assert one.load(ENCODERS[0]) is other.load(ENCODERS[0])
    assert BackgroundRemoval().remover() is BackgroundRemoval().remover()


def test_an_encoder_of_another_profile_is_unknown() -> None:
    with pytest.raises(ConfigurationError, match=f"no encoder 'clip_vitb32': choose from {ENCODERS[0]}"):
        EncoderModels(profile="demo").load("clip_vitb32")


def test_the_fitted_weights_are_those_of_the_demo_encoders_and_the_full_profile_has_none() -> None:
    weights = default_weights("demo")
    assert set(weights) == set(ENCODERS)
    assert all(weight >= 0 for weight in weights.values())
    assert sum(weights.values()) > 0
    assert default_weights("full") == {}


def test_a_gallery_without_its_photos_is_better_than_none(copied: Callable[..., Deployment]) -> None:
    deployed = copied()
    for path in (deployed.home.root / "images").glob("batch-000000.*"):
        path.unlink()
    run = deployed.run("ensemble_search")
    assert run.success
    assert (deployed.home.query(run.run_id) / "gallery.html").is_file()
