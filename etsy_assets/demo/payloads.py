"""The answers of Etsy's Open API v3 that the simulated shop gives, as typed models.

Field names, types and nullability follow Etsy's API document of 2025-12 (info.version 3.0.0). A timestamp is in epoch
seconds and appears under its old and its new name, as in real answers; the old one is derived: they can't differ.
"""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, computed_field

Id = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Timestamp = Annotated[int, Field(ge=946_684_800)]  # the document's minimum: 2000-01-01
ListingState = Literal["active", "inactive", "sold_out", "draft", "expired"]

Item = TypeVar("Item", bound=BaseModel)


class Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(Payload, Generic[Item]):
    """The envelope of every list. count is the number of all that match, not the length of this page."""

    count: Count
    results: tuple[Item, ...]


class Money(Payload):
    """amount / divisor units of the currency."""

    amount: int
    divisor: Count
    currency_code: str


class ShopListing(Payload):
    listing_id: Id
    user_id: Id
    shop_id: Id
    title: str
    description: str
    state: ListingState = "active"
    created_timestamp: Timestamp
    ending_timestamp: Timestamp
    original_creation_timestamp: Timestamp
    updated_timestamp: Timestamp
    state_timestamp: Timestamp | None
    quantity: Count
    shop_section_id: Id | None = None
    featured_rank: int = -1
    url: str
    num_favorers: Count
    non_taxable: bool = False
    is_taxable: bool = True
    is_customizable: bool
    is_personalizable: bool = False
    personalization_is_required: bool = False
    personalization_char_count_max: int | None = None
    personalization_instructions: str | None = None
    listing_type: Literal["physical", "download", "both"] = "physical"
    tags: tuple[str, ...]
    materials: tuple[str, ...]
    shipping_profile_id: Id | None = None
    return_policy_id: Id | None = None
    processing_min: Count | None = None
    processing_max: Count | None = None
    who_made: Literal["i_did", "someone_else", "collective"] | None
    when_made: str | None  # open: the first bucket, "2020_2025", is renamed every year
    is_supply: bool | None = False
    item_weight: float | None = None
    item_weight_unit: Literal["oz", "lb", "g", "kg"] | None = None
    item_length: float | None = None
    item_width: float | None = None
    item_height: float | None = None
    item_dimensions_unit: Literal["in", "ft", "mm", "cm", "m", "yd", "inches"] | None = None
    is_private: bool = False
    style: tuple[str, ...]
    file_data: str = ""
    has_variations: bool
    should_auto_renew: bool = True
    language: str | None
    price: Money
    taxonomy_id: int | None
    readiness_state_id: Id | None = None
    suggested_title: str | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def creation_timestamp(self) -> int:
        return self.created_timestamp

    @computed_field  # type: ignore[prop-decorator]
    @property
    def last_modified_timestamp(self) -> int:
        return self.updated_timestamp


class ListingImage(Payload):
    """rank: 1 is the first photo that a buyer sees. Colours are the average of the picture."""

    listing_id: Id
    listing_image_id: Id
    hex_code: str | None
    red: Count | None
    green: Count | None
    blue: Count | None
    hue: Count | None
    saturation: Count | None
    brightness: Count | None
    is_black_and_white: bool | None
    created_timestamp: Count
    rank: Count
    url_75x75: str
    url_170x135: str
    url_570xN: str  # noqa: N815 (Etsy's name)
    url_fullxfull: str
    full_height: Count | None
    full_width: Count | None
    alt_text: str | None = Field(default=None, max_length=500)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def creation_tsz(self) -> int:
        return self.created_timestamp


class Shop(Payload):
    shop_id: Id
    user_id: Id
    shop_name: str
    created_timestamp: Count
    title: str | None
    announcement: str | None
    currency_code: str
    is_vacation: bool = False
    vacation_message: str | None = None
    sale_message: str | None
    digital_sale_message: str | None = None
    updated_timestamp: Count
    listing_active_count: Count
    digital_listing_count: Count = 0
    login_name: str
    accepts_custom_requests: bool
    policy_welcome: str | None = None
    policy_payment: str | None = None
    policy_shipping: str | None = None
    policy_refunds: str | None = None
    policy_additional: str | None = None
    policy_seller_info: str | None = None
    policy_update_date: Count
    policy_has_private_receipt_info: bool = False
    has_unstructured_policies: bool = False
    policy_privacy: str | None = None
    vacation_autoreply: str | None = None
    url: str
    image_url_760x100: str | None = None
    num_favorers: Count
    languages: tuple[str, ...]
    icon_url_fullxfull: str | None = None
    is_using_structured_policies: bool = True
    has_onboarded_structured_policies: bool = True
    include_dispute_form_link: bool = False
    is_direct_checkout_onboarded: bool = True
    is_etsy_payments_onboarded: bool = True
    is_calculated_eligible: bool = False
    is_opted_in_to_buyer_promise: bool = False
    is_shop_us_based: bool
    transaction_sold_count: Count
    shipping_from_country_iso: str | None
    shop_location_country_iso: str | None
    review_count: int | None
    review_average: float | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def create_date(self) -> int:
        return self.created_timestamp

    @computed_field  # type: ignore[prop-decorator]
    @property
    def update_date(self) -> int:
        return self.updated_timestamp


class ShopListingWithAssociations(ShopListing):
    """A listing with what `includes` asked for: None where it was not asked. Images are then left out altogether."""

    shipping_profile: None = None
    user: None = None
    shop: Shop | None = None
    images: tuple[ListingImage, ...] = ()
    videos: tuple[()] = ()
    inventory: None = None
    production_partners: tuple[()] = ()
    skus: tuple[str, ...] = ()
    translations: None = None
    views: Count


class ListingReview(Payload):
    """A review as getReviewsByListing gives it: without the transaction and the buyer."""

    shop_id: Id
    listing_id: Id
    rating: Annotated[int, Field(ge=1, le=5)]
    review: str
    language: str
    image_url_fullxfull: str | None = None
    created_timestamp: Timestamp
    updated_timestamp: Timestamp

    @computed_field  # type: ignore[prop-decorator]
    @property
    def create_timestamp(self) -> int:
        return self.created_timestamp

    @computed_field  # type: ignore[prop-decorator]
    @property
    def update_timestamp(self) -> int:
        return self.updated_timestamp


class TransactionReview(ListingReview):
    transaction_id: Id
    buyer_user_id: Id | None


class SellerTaxonomyNode(Payload):
    id: Id
    level: Count
    name: str
    parent_id: Id | None
    children: tuple["SellerTaxonomyNode", ...]
    full_path_taxonomy_ids: tuple[Id, ...]


class Pong(Payload):
    application_id: Id


class ErrorBody(Payload):
    error: str
