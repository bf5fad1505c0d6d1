"""What a deployment chooses by its environment, and how a bad choice is refused."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.call_budget import DEFAULT_SHARES, CallPurpose
from etsy_assets.search.index_policy import IndexKind, IndexPolicy
from etsy_assets.settings import Settings


def test_nothing_set_is_the_offline_demo() -> None:
    settings = Settings.from_environment({})
    assert settings.profile == "demo"
    assert settings.etsy_url.startswith("http://127.0.0.1:")
    assert settings.catalog_url == f"sqlite:///{settings.home / 'catalog.db'}"
    assert settings.segmentation == "demo"
    assert (settings.weights_root, settings.webhook_url) == (None, None)


def test_the_full_profile_is_etsy_with_batches_of_one_call() -> None:
    settings = Settings.from_environment({"ETSY_ASSETS_PROFILE": "full"})
    assert settings.etsy_url == "https://openapi.etsy.com"
    assert (settings.batch_size, settings.image_size, settings.segmentation) == (100, "794xN", "u2net")


def test_what_is_set_wins_over_the_profile(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "ETSY_ASSETS_HOME": str(tmp_path / "a" / ".." / "b"),
            "ETSY_ASSETS_CATALOG_URL": "postgresql+psycopg2://db/etsy",
            "ETSY_ASSETS_BATCH_SIZE": "7",
            "ETSY_ASSETS_BATCH_WAIT": "90",
            "ETSY_ASSETS_WEIGHTS": str(tmp_path),
            "ETSY_ASSETS_WEBHOOK_URL": "",
        }
    )
    assert settings.home == tmp_path / "b"
    assert settings.catalog_url == "postgresql+psycopg2://db/etsy"
    assert (settings.batch_size, settings.batch_wait) == (7, timedelta(seconds=90))
    assert (settings.weights_root, settings.webhook_url) == (tmp_path, None)


@pytest.mark.parametrize("profile", ["staging", "", "Demo"])
def test_an_unknown_profile_is_refused_with_the_choices(profile: str) -> None:
    with pytest.raises(ConfigurationError, match=f'ETSY_ASSETS_PROFILE is "{profile}"; set it to "demo" or "full"'):
        Settings.from_environment({"ETSY_ASSETS_PROFILE": profile})


def test_indexes_are_chosen_by_size_unless_a_kind_is_set() -> None:
    assert Settings.from_environment({}).index_policy == IndexPolicy(kind=None, memory_mb=8, target_recall=0.99)
    chosen = {
        "ETSY_ASSETS_INDEX_KIND": "ivf_pq",
        "ETSY_ASSETS_INDEX_MEMORY_MB": "64",
        "ETSY_ASSETS_TARGET_RECALL": "0.9",
    }
    assert Settings.from_environment(chosen).index_policy == IndexPolicy(IndexKind.IVF_PQ, 64, 0.9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ETSY_ASSETS_INDEX_KIND", "annoy"), ("ETSY_ASSETS_TARGET_RECALL", "99"), ("ETSY_ASSETS_TARGET_RECALL", "high")],
)
def test_an_index_that_can_not_be_built_is_refused_with_what_can(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f'{name} is "{value}"; set it to'):
        Settings.from_environment({name: value})


@given(st.text().filter(lambda text: not (text.isdecimal() and int(text) >= 1)))
def test_a_size_that_is_no_positive_whole_number_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Settings.from_environment({"ETSY_ASSETS_BATCH_SIZE": text})
    assert f'ETSY_ASSETS_BATCH_SIZE is "{text}"' in str(refusal.value)


def test_a_share_is_a_number_from_0_to_1() -> None:
    assert Settings.from_environment({}).compact_share == 0.2
    for text, share in {"0": 0.0, "1": 1.0, "0.05": 0.05, ".5": 0.5, "1.0": 1.0}.items():
        assert Settings.from_environment({"ETSY_ASSETS_COMPACT_SHARE": text}).compact_share == share


@pytest.mark.parametrize("text", ["1.01", "20%", "-0.1", "nan", "", "1e-3", "0,2", "2"])
def test_a_share_of_another_form_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f'ETSY_ASSETS_COMPACT_SHARE is "{text}"; set it to a number from 0'):
        Settings.from_environment({"ETSY_ASSETS_COMPACT_SHARE": text})


def test_call_shares_change_what_they_name_and_leave_the_rest() -> None:
    shares = Settings.from_environment({"ETSY_ASSETS_CALL_SHARES": "refresh=0.15, reviews=0"}).call_shares
    assert shares == {**DEFAULT_SHARES, CallPurpose.REFRESH: 0.15, CallPurpose.REVIEWS: 0.0}
    assert Settings.from_environment({}).call_shares == DEFAULT_SHARES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("search=0.1", 'has no purpose "search"; there are newest_listings, batches'),
        ("refresh=2", 'ETSY_ASSETS_CALL_SHARES is "2"'),
        ("refresh", 'ETSY_ASSETS_CALL_SHARES is ""'),
        ("refresh=0.5", "gives away 1.40 of a day's calls"),
    ],
)
def test_call_shares_that_can_not_be_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Settings.from_environment({"ETSY_ASSETS_CALL_SHARES": text})


def test_what_is_still_refreshed_is_never_purged_for_its_age() -> None:
    with pytest.raises(ConfigurationError, match="purged before they are read again"):
        Settings.from_environment({"ETSY_ASSETS_STORAGE_HOURS": "300"})
    settings = Settings.from_environment({"ETSY_ASSETS_STORAGE_HOURS": "300", "ETSY_ASSETS_REFRESH_HOURS": "24"})
    assert settings.storage_age == timedelta(hours=300)


def test_a_switch_is_on_or_off() -> None:
    assert Settings.from_environment({"ETSY_ASSETS_SAFE_ONLY": "on"}).safe_only
    with pytest.raises(ConfigurationError, match='ETSY_ASSETS_REVIEWS is "yes"; set it to on or off'):
        Settings.from_environment({"ETSY_ASSETS_REVIEWS": "yes"})
