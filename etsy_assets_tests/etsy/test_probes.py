"""The first day's questions, put to the simulated shop."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etsy_assets.catalog.catalog import Catalog
from etsy_assets.cli.probe import table_of
from etsy_assets.demo.running import RunningShop, serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.call_budget import CallPurpose
from etsy_assets.etsy.call_gate import CatalogGate
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.probes import Probes
from etsy_assets_tests.bad_inputs.conftest import QUICK
from etsy_assets_tests.etsy.answering_server import Answer, answering


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def shop(photo_folder: Path) -> Iterator[RunningShop]:
    with serve(SimulatedShop(listings=12, photo_folder=photo_folder)) as running:
        yield running


def test_every_question_is_answered_in_few_calls(shop: RunningShop, catalog: Catalog) -> None:
    gate = CatalogGate(catalog, CallPurpose.NEWEST_LISTINGS)
    with EtsyClient(shop.url, shop.keystring, shop.shared_secret, gate=gate) as client:
        results = list(Probes(client, 967, catalog.latest_quota, "fullxfull").run())
    assert len(results) == 13
    assert sum(shop.requests().operations.values()) <= 20
    # It is a small shop, and pages to its end long before the ceiling.
    surprises = {result.question for result in results if result.as_expected is False}
    assert surprises == {"How many listings are to be crawled?", "Is the last offset answered?"}
    answers = {result.question: result.answer for result in results}
    assert answers["Does a call cost one call?"] == "1"
    assert answers["What becomes of an unknown id in a batch?"] == "it is left out"
    assert table_of(results, shop.url).row_count == 13


def test_a_question_that_is_refused_is_an_answer_too_and_the_others_are_put_all_the_same(catalog: Catalog) -> None:
    refusal = Answer({"error": "Invalid value"}, 400)
    with (
        answering(Answer({"application_id": 1}), refusal) as server,
        EtsyClient(server.url, "keystring", "secret", retries=QUICK) as client,
    ):
        results = list(Probes(client, 967, catalog.latest_quota).run())
    assert len(results) == 13
    assert [r.answer for r in results if r.question == "How many listings are to be crawled?"] == [
        "not answered: GET /v3/application/listings/active was answered 400 (Invalid value; request -)."
    ]


def test_a_key_that_is_not_accepted_ends_it_at_once(catalog: Catalog) -> None:
    refusal = Answer({"error": "Shared secret is required in x-api-key header."}, 403)
    with (
        answering(refusal) as server,
        EtsyClient(server.url, "keystring", "secret", retries=QUICK) as client,
        pytest.raises(ConfigurationError, match="Set the keystring"),
    ):
        list(Probes(client, 967, catalog.latest_quota).run())
    assert len(server.requests) == 1
