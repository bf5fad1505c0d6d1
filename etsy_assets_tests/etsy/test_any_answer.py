"""Any answer that Etsy's own document allows: the client crashes on none, and loses no listing of any in silence."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from etsy_assets.etsy.answers import Anomaly
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.faults import PageAnomaly, PayloadError
from etsy_assets.etsy.transport import RetryPolicy
from etsy_assets_tests.demo.openapi_document import document, schema_of
from etsy_assets_tests.etsy.answering_server import Answer, AnsweringServer, answering

ONCE = RetryPolicy(attempts=1)
EXAMPLES = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# The answers for which there are other questions than the one that is put.
CALLS: dict[str, Callable[[EtsyClient], Any]] = {
    "getListing": lambda client: client.listing(7),
    "getListingImages": lambda client: client.listing_images(7),
    "getShop": lambda client: client.shop(11),
    "getReviewsByListing": lambda client: client.listing_reviews(7),
    "getReviewsByShop": lambda client: client.shop_reviews(11),
    "getSellerTaxonomyNodes": lambda client: client.taxonomy(),
    "ping": lambda client: client.ping(),
}


# Without these an answer is refused as a whole, so most answers shall have them.
NEEDED = {"count", "results", "listing_id", "listing_image_id", "shop_id", "id", "name", "rating"}


def answers_of(operation_id: str) -> st.SearchStrategy[Any]:
    """Answers of the operation's schema, in which any field may be missing, and null where the document says so."""
    schema = schema_of(operation_id, 200) or {}
    usable, sparse = (from_schema(_generated(schema, needed, depth=4)) for needed in (NEEDED, set()))
    return st.one_of(usable, usable, usable, sparse)


def _generated(schema: dict[str, Any], needed: set[str], depth: int) -> dict[str, Any]:
    """The schema with what it refers to in its place, of this depth at most, as JSON schema."""
    nullable = schema.get("nullable", False)
    (schema,) = schema.get("allOf", (schema,))
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    plain = {name: value for name, value in schema.items() if name in ("type", "enum", "minimum", "maximum")}
    if plain.get("type") == "integer":
        plain = {"minimum": -(2**63), "maximum": 2**63 - 1} | plain
    if "items" in schema:
        plain |= (
            {"items": _generated(schema["items"], needed, depth - 1), "maxItems": 4} if depth > 1 else {"maxItems": 0}
        )
    if "properties" in schema:
        plain["properties"] = {name: _generated(each, needed, depth - 1) for name, each in schema["properties"].items()}
        plain["required"] = sorted(needed & set(plain["properties"]))
    return {"anyOf": [plain, {"type": "null"}]} if nullable or schema.get("nullable") else plain


@pytest.fixture(scope="module")
def server() -> Iterator[AnsweringServer]:
    document()
    with answering(Answer({})) as running:
        yield running


@pytest.fixture(scope="module")
def anomalies() -> list[Anomaly]:
    return []


@pytest.fixture(scope="module")
def client(server: AnsweringServer, anomalies: list[Anomaly]) -> Iterator[EtsyClient]:
    with EtsyClient(server.url, "keystring", "secret", retries=ONCE, on_anomaly=anomalies.append) as client:
        yield client


def listing_ids(answer: Any) -> list[int | None]:
    """The ids of an answer's listings, None for one that has none."""
    found = []
    for item in answer.get("results") or []:
        listing_id = item.get("listing_id") if isinstance(item, dict) else None
        found.append(listing_id if listing_id and 0 < listing_id < 2**63 else None)
    return found


@EXAMPLES
@given(data=st.data())
def test_of_a_search_every_listing_with_an_id_is_found_and_every_other_is_reported(
    data: st.DataObject, server: AnsweringServer, client: EtsyClient, anomalies: list[Anomaly]
) -> None:
    answer = data.draw(answers_of("findAllListingsActive"))
    server.answers[:], anomalies[:] = [Answer(answer)], []
    ids = listing_ids(answer)
    try:
        page = client.active_listings()
    except PayloadError:
        assert answer.get("count") is None or answer.get("results") is None or not any(ids)
        return
    except PageAnomaly:
        assert not ids
        assert answer["count"] > 0
        return
    assert [listing.listing_id for listing in page.listings] == [each for each in ids if each]
    assert [each.code for each in anomalies] == ["item_unusable"] * ids.count(None)


@EXAMPLES
@given(data=st.data())
def test_of_a_batch_every_listing_that_was_asked_for_is_found(
    data: st.DataObject, server: AnsweringServer, client: EtsyClient, anomalies: list[Anomaly]
) -> None:
    answer = data.draw(answers_of("getListingsByListingIds"))
    ids = listing_ids(answer)
    asked = list(dict.fromkeys(each for each in ids if each))
    # Whatever else the client asks for (images that were left out), it is refused.
    server.answers[:], anomalies[:] = [Answer(answer), Answer({"error": "no"}, 400)], []
    server.requests.clear()
    try:
        records = client.listings(asked or [1])
    except PayloadError:
        assert answer.get("count") is None or answer.get("results") is None or not any(ids)
        return
    except PageAnomaly:
        assert not ids
        return
    assert [record.listing_id for record in records] == asked
    assert sum(each.code == "item_unusable" for each in anomalies) == ids.count(None)
    json.dumps([record.title for record in records])


@EXAMPLES
@given(data=st.data())
@pytest.mark.parametrize("operation_id", CALLS)
def test_no_answer_crashes_the_client(
    operation_id: str, data: st.DataObject, server: AnsweringServer, client: EtsyClient
) -> None:
    server.answers[:] = [Answer(data.draw(answers_of(operation_id))), Answer({"error": "no"}, 400)]
    server.requests.clear()
    try:
        CALLS[operation_id](client)
    except (PayloadError, PageAnomaly) as named:
        assert "Etsy's answer" in str(named) or "though it counts" in str(named) or "no nodes" in str(named)
