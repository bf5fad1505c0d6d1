"""The shops of the simulated marketplace: who sells, from where and in which currency."""

from dataclasses import dataclass

import numpy as np

from etsy_assets.demo.payloads import Shop


@dataclass(frozen=True, slots=True)
class Currency:
    """divisor: minor units in one unit. per_usd: units that a US dollar buys, fixed so that prices never drift."""

    code: str
    divisor: int
    per_usd: float


USD = Currency("USD", 100, 1.0)
EUR = Currency("EUR", 100, 0.9)
GBP = Currency("GBP", 100, 0.78)
CAD = Currency("CAD", 100, 1.37)
JPY = Currency("JPY", 1, 148.0)
CURRENCIES = {currency.code: currency for currency in (USD, EUR, GBP, CAD, JPY)}

_NAMES = (
    ("OldMillWoodworks", "US", USD, "en-US"),
    ("AtelierDuChene", "FR", EUR, "fr"),
    ("ThePaintedAttic", "GB", GBP, "en-GB"),
    ("MapleAndRye", "CA", CAD, "en-US"),
    ("NordlysStudio", "DE", EUR, "de"),
    ("KomoreiInteriors", "JP", JPY, "en-US"),
    ("SecondSitting", "US", USD, "en-US"),
    ("HarbourAndHearth", "GB", GBP, "en-GB"),
)


@dataclass(frozen=True, slots=True)
class Seller:
    """A shop as it was opened; what depends on its listings is filled in when it is asked for."""

    shop: Shop
    currency: Currency
    language: str


def open_shops(seed: int, opened_before: int) -> tuple[Seller, ...]:
    """All shops of a marketplace, the same for the same seed; opened_before: epoch seconds of the first listing."""
    sellers = []
    for number, (name, country, currency, language) in enumerate(_NAMES):
        rng = np.random.default_rng([seed, 31, number])
        created = opened_before - int(rng.integers(30, 2_500)) * 86_400
        shop = Shop(
            shop_id=12_000_000 + 5_000_000 * number + int(rng.integers(5_000_000)),
            user_id=310_000_000 + 9_000_000 * number + int(rng.integers(9_000_000)),
            shop_name=name,
            created_timestamp=created,
            title="Furniture with a past & a future" if number % 2 else "It's made by hand, one piece at a time",
            announcement=None if number % 3 == 0 else "Welcome! We ship on Mondays & Thursdays.",
            currency_code=currency.code,
            sale_message=None,
            updated_timestamp=created + int(rng.integers(86_400)),
            listing_active_count=0,
            login_name=name.lower(),
            accepts_custom_requests=bool(rng.random() < 0.5),
            policy_update_date=created,
            url=f"https://www.etsy.com/shop/{name}",
            num_favorers=int(rng.integers(5_000)),
            languages=(language,),
            is_shop_us_based=country == "US",
            transaction_sold_count=int(rng.integers(12_000)),
            shipping_from_country_iso=country,
            shop_location_country_iso=country,
            review_count=None,
            review_average=None,
        )
        sellers.append(Seller(shop, currency, language))
    return tuple(sellers)
