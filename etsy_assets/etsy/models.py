"""Etsy's payloads, as far as the platform uses them: our own models of Open API v3's schemas.

Unknown fields are ignored, every field may be missing, and null counts as missing. Each timestamp goes by an old and a
new name; the new one is read first.
"""

from typing import Any

from pydantic import AliasChoices, BaseModel, Field, model_validator

from etsy_assets.etsy.fields import Boolean, Integer, Items, Number, Object, Text, Url, Word, Words


class Payload(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else {}


class Page(Payload):
    """The envelope of every list."""

    count: Integer = None
    results: Items = None


class Money(Payload):
    amount: Integer = None
    divisor: Integer = None
    currency_code: Word = None


class Image(Payload):
    listing_image_id: Integer = None
    rank: Integer = None
    url_fullxfull: Word = None
    url_570xn: Word = Field(None, validation_alias="url_570xN")
    url_170x135: Word = None
    url_75x75: Word = None
    full_width: Integer = None
    full_height: Integer = None

    @property
    def url(self) -> str | None:
        """The largest there is."""
        return self.url_fullxfull or self.url_570xn or self.url_170x135 or self.url_75x75


class Shop(Payload):
    shop_id: Integer = None
    shop_name: Text = None
    title: Text = None
    url: Url = None
    currency_code: Word = None
    shop_location_country_iso: Word = None
    shipping_from_country_iso: Word = None
    is_vacation: Boolean = None
    listing_active_count: Integer = None
    transaction_sold_count: Integer = None
    review_count: Integer = None
    review_average: Number = None
    created_timestamp: Integer = Field(None, validation_alias=AliasChoices("created_timestamp", "create_date"))
    updated_timestamp: Integer = Field(None, validation_alias=AliasChoices("updated_timestamp", "update_date"))


class Listing(Payload):
    listing_id: Integer = None
    shop_id: Integer = None
    title: Text = None
    description: Text = None
    state: Word = None
    url: Url = None
    taxonomy_id: Integer = None
    tags: Words = ()
    materials: Words = ()
    when_made: Word = None
    who_made: Word = None
    listing_type: Word = None
    price: Object = None
    quantity: Integer = None
    num_favorers: Integer = None
    views: Integer = None
    is_private: Boolean = None
    has_variations: Boolean = None
    language: Word = None
    created_timestamp: Integer = Field(None, validation_alias=AliasChoices("created_timestamp", "creation_timestamp"))
    original_creation_timestamp: Integer = None
    updated_timestamp: Integer = Field(
        None, validation_alias=AliasChoices("updated_timestamp", "last_modified_timestamp")
    )
    images: Items = Field(None, validation_alias=AliasChoices("images", "Images"))
    shop: Object = Field(None, validation_alias=AliasChoices("shop", "Shop"))


class Review(Payload):
    listing_id: Integer = None
    shop_id: Integer = None
    transaction_id: Integer = None
    rating: Integer = None
    review: Text = None
    language: Word = None
    image_url_fullxfull: Url = None
    created_timestamp: Integer = Field(None, validation_alias=AliasChoices("created_timestamp", "create_timestamp"))
    updated_timestamp: Integer = Field(None, validation_alias=AliasChoices("updated_timestamp", "update_timestamp"))


class TaxonomyNode(Payload):
    id: Integer = None
    level: Integer = None
    name: Text = None
    parent_id: Integer = None
    children: Items = None
