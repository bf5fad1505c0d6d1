"""Every operation's answers against Etsy's own API document."""

import pytest

from etsy_assets.demo.api.operations import OPERATIONS
from etsy_assets.demo.server import RunningShop
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets_tests.demo.conftest import get
from etsy_assets_tests.demo.openapi_document import as_json_schema, document, errors_in, operation, schema_of

OPERATION_IDS = [operation_id for operation_id, _, _ in OPERATIONS]
# Etsy answers so without declaring it (section 1 of the error table that the shop was built from).
UNDECLARED = {("findAllListingsActive", 400), ("ping", 403)}


@pytest.fixture(autouse=True)
def etsys_document() -> dict:
    return document()


def path_of(operation_id: str, shop: SimulatedShop) -> str:
    stocked = max(shop.listings(), key=lambda s: len(s.reviews))
    path, _ = operation(operation_id)
    return path.format(listing_id=stocked.listing_id, shop_id=stocked.listing.shop_id)


def query_of(operation_id: str, shop: SimulatedShop) -> dict:
    listing_ids = ",".join(str(stocked.listing_id) for stocked in shop.listings())
    if operation_id == "getListingsByListingIds":
        return {"listing_ids": listing_ids, "includes": "Images,Shop"}
    has_limit = any(p["name"] == "limit" for p in operation(operation_id)[1]["parameters"])
    return {"limit": 100} if has_limit else {}


@pytest.mark.parametrize("operation_id", OPERATION_IDS)
def test_an_operation_answers_at_the_path_and_in_the_schema_of_the_document(
    running: RunningShop, shop: SimulatedShop, operation_id: str
) -> None:
    response = get(running, path_of(operation_id, shop), **query_of(operation_id, shop))
    schema = schema_of(operation_id, 200)
    assert response.status_code == 200
    assert schema is not None
    assert errors_in(response.json(), schema) == []


@pytest.mark.parametrize(
    ("operation_id", "schema_name", "left_out"),
    [
        ("findAllListingsActive", "ShopListing", set()),
        ("getListingsByListingIds", "ShopListingWithAssociations", set()),
        ("getListing", "ShopListingWithAssociations", {"images"}),
        ("getListingImages", "ListingImage", set()),
        ("getReviewsByListing", "ListingReview", set()),
        ("getReviewsByShop", "TransactionReview", set()),
        ("getShop", "Shop", set()),
        ("getSellerTaxonomyNodes", "SellerTaxonomyNode", set()),
        ("ping", "Pong", set()),
    ],
)
def test_an_answer_has_every_field_of_the_document(
    running: RunningShop, shop: SimulatedShop, operation_id: str, schema_name: str, left_out: set[str]
) -> None:
    body = get(running, path_of(operation_id, shop), **query_of(operation_id, shop)).json()
    one = body["results"][0] if "results" in body else body
    assert set(document()["components"]["schemas"][schema_name]["properties"]) - set(one) == left_out


@pytest.mark.parametrize(
    ("operation_id", "path", "query", "status"),
    [
        ("findAllListingsActive", None, {"limit": 101}, 400),
        ("getListingsByListingIds", None, {"listing_ids": "x"}, 400),
        ("getListing", "/v3/application/listings/5", {}, 404),
        ("getListing", "/v3/application/listings/x", {}, 400),
        ("getListingImages", "/v3/application/listings/5/images", {}, 404),
        ("getReviewsByListing", "/v3/application/listings/5/reviews", {}, 404),
        ("getShop", "/v3/application/shops/5", {}, 404),
        ("getReviewsByShop", "/v3/application/shops/5/reviews", {}, 404),
    ],
)
def test_an_error_has_the_body_of_the_document(
    running: RunningShop, operation_id: str, path: str | None, query: dict, status: int
) -> None:
    response = get(running, path or operation(operation_id)[0], **query)
    assert response.status_code == status
    assert errors_in(response.json(), {"$ref": "#/components/schemas/ErrorSchema"}) == []
    assert (schema_of(operation_id, status) is not None) or (operation_id, status) in UNDECLARED


def test_the_check_itself_sees_a_wrong_type_an_unknown_field_and_a_null() -> None:
    money = {"$ref": "#/components/schemas/Money"}
    assert errors_in({"amount": 1, "divisor": 100, "currency_code": "USD"}, money) == []
    for wrong in ({"amount": 1.0}, {"amount": "1"}, {"amount": None}, {"amount": 1, "value": 2}):
        assert len(errors_in(wrong, money)) == 1
    nullable = as_json_schema({"type": "string", "nullable": True, "enum": ["a"]})
    assert errors_in(None, nullable) == []
    assert errors_in("b", nullable) != []
