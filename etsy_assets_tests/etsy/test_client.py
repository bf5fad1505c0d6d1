"""The client against a real HTTP server: what it asks, and what it makes of good answers."""

import pytest

from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.answers import Anomaly
from etsy_assets.etsy.client import EtsyClient
from etsy_assets.etsy.faults import PageAnomaly, PayloadError, RequestRefused
from etsy_assets_tests.etsy import api_payloads as api
from etsy_assets_tests.etsy.answering_server import Answer, answering

NODE = {"id": 967, "level": 1, "name": "Furniture", "children": []}


@pytest.fixture
def anomalies() -> list[Anomaly]:
    return []


@pytest.fixture
def client_of(anomalies: list[Anomaly]):
    opened: list[EtsyClient] = []

    def make(server) -> EtsyClient:
        opened.append(EtsyClient(server.url + "/", "k3y", "s3cret\n", on_anomaly=anomalies.append))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


def test_every_request_carries_the_key_and_the_secret(client_of):
    with answering(Answer({"application_id": 1})) as server:
        client_of(server).ping()
    path, _, headers = server.requests[0]
    assert (path, headers["x-api-key"]) == ("/v3/application/openapi-ping", "k3y:s3cret")


def test_a_search_page_gives_the_total_and_the_listings(client_of):
    with answering(Answer(api.page(api.listing(1), api.listing(2), count=310_579))) as server:
        page = client_of(server).active_listings(2, 100, taxonomy_id=967, sort_on="created", max_price=12.5)
    assert (page.count, [each.listing_id for each in page.listings]) == (310_579, [1, 2])
    assert (page.listings[0].taxonomy_id, page.listings[0].updated_timestamp) == (968, 1_700_000_001)
    path, query, _ = server.requests[0]
    assert path == "/v3/application/listings/active"
    assert query == {
        "limit": ["2"], "offset": ["100"], "taxonomy_id": ["967"], "sort_on": ["created"], "max_price": ["12.5"],
    }  # fmt: skip


def test_an_empty_page_ends_a_search_only_at_its_count(client_of):
    with answering(Answer(api.page(count=200))) as server:
        assert client_of(server).active_listings(100, 200).listings == []
    with (
        answering(Answer(api.page(count=51_234))) as server,
        pytest.raises(PageAnomaly, match=r"offset 12500 .* 51234"),
    ):
        client_of(server).active_listings(100, 12_500)
    assert len(server.requests) == 1


def test_a_batch_is_asked_in_chunks_of_a_hundred_with_each_id_once(client_of):
    def answer(ids):
        return Answer(api.page(*[api.listing(each) for each in ids]))

    with answering(answer(range(1, 101)), answer(range(101, 131))) as server:
        records = client_of(server).listings([*range(1, 131), *range(1, 131)])
    assert [record.listing_id for record in records] == list(range(1, 131))
    asked = [query["listing_ids"][0].split(",") for _, query, _ in server.requests]
    assert [len(ids) for ids in asked] == [100, 30]
    assert {query["includes"][0] for _, query, _ in server.requests} == {"Images,Shop"}


def test_no_ids_ask_nothing(client_of):
    with answering(Answer(api.page())) as server:
        assert client_of(server).listings([]) == []
    assert server.requests == []


def test_a_batch_answer_is_matched_by_id_whatever_it_leaves_out_or_adds(client_of, anomalies):
    answer = api.page(api.listing(3, title="Three"), api.listing(1), api.listing(99), api.listing(1, title="Again"), {})
    with answering(Answer(answer)) as server:
        records = client_of(server).listings([1, 2, 3])
    assert [(record.listing_id, record.title) for record in records] == [(1, "Oak chair"), (3, "Three")]
    assert sorted(anomaly.code for anomaly in anomalies) == ["item_unusable", "listing_not_asked_for"]


def test_a_batch_of_which_nothing_is_left_has_no_listings(client_of):
    with answering(Answer({"error": "Resource not found"}, 404)) as server:
        assert client_of(server).listings([1, 2]) == []


def test_a_listing_that_is_gone_is_none(client_of):
    gone = Answer({"error": "Resource not found"}, 404)
    with answering(gone) as server:
        client = client_of(server)
        assert client.listing(5) is client.listing_images(5) is client.shop(6) is client.listing_reviews(5) is None
    assert server.asked == [f"/v3/application/{rest}" for rest in (
        "listings/5", "listings/5/images", "shops/6", "listings/5/reviews",
    )]  # fmt: skip


def test_one_listing_is_read_with_only_what_was_included(client_of, anomalies):
    payload = api.listing()
    del payload["images"], payload["shop"]
    with answering(Answer(payload)) as server:
        record = client_of(server).listing(7, includes=())
    assert (record.listing_id, record.images, record.shop, anomalies) == (7, None, None, [])
    assert server.requests[0][1] == {}


def test_images_that_a_batch_answer_lacks_are_asked_for_on_their_own(client_of, anomalies):
    batch = Answer(api.page(api.listing(1, images=None), api.listing(2), count=2))
    with answering(batch, Answer(api.page(api.image(70), api.image(71, 2)))) as server:
        records = client_of(server).listings([1, 2])
    assert [[image.image_id for image in record.images] for record in records] == [[70, 71], [70]]
    assert server.asked == ["/v3/application/listings/batch", "/v3/application/listings/1/images"]
    assert [anomaly.code for anomaly in anomalies] == ["images_absent"]


def test_an_image_with_another_ones_url_is_asked_for_again(client_of):
    mixed_up = api.image(70, url_fullxfull=api.FULL_SIZE.format(id=99))
    with answering(Answer(api.listing(7, images=[mixed_up])), Answer(api.page(api.image(70)))) as server:
        record = client_of(server).listing(7)
    assert [image.url for image in record.images] == [api.FULL_SIZE.format(id=70)]


def test_images_that_are_refused_too_cost_no_listing(client_of, anomalies):
    answers = (Answer(api.page(api.listing(1, images=None))), Answer({"error": "You do not own this listing"}, 403))
    with answering(*answers) as server:
        (record,) = client_of(server).listings([1])
    assert (record.listing_id, record.images) == (1, None)
    assert [anomaly.code for anomaly in anomalies] == ["images_absent", "images_refused"]


def test_images_and_shop_are_read_on_their_own(client_of):
    with answering(Answer(api.page(api.image(70), api.image(71, 2))), Answer(api.shop())) as server:
        client = client_of(server)
        assert [(image.listing_id, image.image_id) for image in client.listing_images(7)] == [(7, 70), (7, 71)]
        assert client.shop(11).shop_name == "OakAndAsh"


def test_reviews_come_by_listing_and_by_shop(client_of, anomalies):
    pages = [Answer(api.page(api.review(), api.review(rating=0))), Answer(api.page(api.review(transaction_id=9)))]
    with answering(*pages) as server:
        client = client_of(server)
        by_listing = client.listing_reviews(7, min_created=1_600_000_000)
        by_shop = client.shop_reviews(11, offset=0)
    assert (by_listing.count, [review.transaction_id for review in by_listing.reviews]) == (2, [None])
    assert [review.transaction_id for review in by_shop.reviews] == [9]
    assert server.requests[0][1]["min_created"] == ["1600000000"]
    assert [anomaly.code for anomaly in anomalies] == ["review_rating_out_of_range"]


def test_the_taxonomy_is_never_empty(client_of):
    with answering(Answer(api.page(NODE))) as server:
        assert [node.name for node in client_of(server).taxonomy()] == ["Furniture"]
    with answering(Answer(api.page())) as server, pytest.raises(PageAnomaly, match="never empty"):
        client_of(server).taxonomy()


def test_a_missing_route_is_a_wrong_address_or_an_app_that_is_not_approved(client_of):
    with answering(Answer({"error": "Not found"}, 404)) as server:
        with pytest.raises(ConfigurationError, match="check the base URL, and that Etsy has approved the app"):
            client_of(server).ping()
        with pytest.raises(ConfigurationError):
            client_of(server).active_listings()


def test_an_answer_without_its_needed_field_is_never_an_empty_result(client_of):
    with answering(Answer({"listings": []})) as server, pytest.raises(PayloadError, match="'count'"):
        client_of(server).active_listings()


def test_a_node_that_is_not_searched_is_refused_and_is_no_wrong_address(client_of):
    with (
        answering(Answer({"error": "Resource not found"}, 404)) as server,
        pytest.raises(RequestRefused, match="404 for taxonomy node 12405"),
    ):
        client_of(server).active_listings(taxonomy_id=12405)
