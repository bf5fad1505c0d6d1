"""What a deployment chooses, read once from the environment: profile, folders, addresses, sizes."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

from etsy_assets.errors import ConfigurationError
from etsy_assets.etsy.call_budget import DEFAULT_SHARES, CallPurpose
from etsy_assets.imaging.providers import MaskProvider, mask_provider
from etsy_assets.search.index_policy import DEFAULT_POLICY, IndexKind, IndexPolicy

Profile = Literal["demo", "full"]

DEMO_SHOP_PORT = 8471
# The simulated shop's own key: it opens nothing else.
DEMO_KEY = "demokeystring"
DEMO_SECRET = "demosecret"
FURNITURE_TAXONOMY_NODE = 967


@dataclass(frozen=True, slots=True)
class Settings:
    """A deployment's choices. `batch_wait` is how long a listing may wait for its batch to fill up.

    publish_quiet: seconds without a new embedding before it is published; publish_longest: seconds it may wait at most.
    compact_share: a segment is built again once a larger share of it (0 to 1) is no longer to be had.
    taxonomy_node: what is crawled, with all below it. call_shares: of a day's API calls, by purpose.
    refresh_age: listings that were read longer ago are read again. display_age: search results that are older are
    marked. storage_age: what was not read for longer is purged.
    cdn_per_second: requests to one image host, of one run. safe_only: searches leave mature listings out.
    reviews: whether they are read; reviews_rescan: after how long all of a shop's are, for those that were edited.
    """

    profile: Profile
    home: Path
    catalog_url: str
    etsy_url: str
    batch_size: int
    batch_wait: timedelta
    batches_per_segment: int
    publish_quiet: int
    publish_longest: int
    index_policy: IndexPolicy
    compact_share: float
    crawl_cron: str
    taxonomy_node: int
    call_shares: Mapping[CallPurpose, float]
    refresh_age: timedelta
    display_age: timedelta
    storage_age: timedelta
    reviews: bool
    reviews_rescan: timedelta
    image_size: str
    cdn_per_second: int
    safe_only: bool
    segmentation: str
    mask_provider: MaskProvider
    device: str
    precision: str
    weights_root: Path | None
    webhook_url: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Reads ETSY_ASSETS_*; what is not set follows the profile. Raises ConfigurationError on a bad value."""
        profile = environment.get("ETSY_ASSETS_PROFILE", "demo")
        if profile not in get_args(Profile):
            raise ConfigurationError(f'ETSY_ASSETS_PROFILE is "{profile}"; set it to "demo" or "full".')
        demo = profile == "demo"
        home = Path(environment.get("ETSY_ASSETS_HOME", "data")).expanduser().resolve()
        weights_root = environment.get("ETSY_ASSETS_WEIGHTS")
        refresh_age = hours(environment, "ETSY_ASSETS_REFRESH_HOURS", 14 * 24)
        storage_age = hours(environment, "ETSY_ASSETS_STORAGE_HOURS", 180 * 24)
        if storage_age <= refresh_age:
            raise ConfigurationError(
                "ETSY_ASSETS_STORAGE_HOURS is not above ETSY_ASSETS_REFRESH_HOURS: listings would be "
                "purged before they are read again."
            )
        return cls(
            profile="demo" if demo else "full",
            home=home,
            catalog_url=environment.get("ETSY_ASSETS_CATALOG_URL", f"sqlite:///{home / 'catalog.db'}"),
            etsy_url=environment.get(
                "ETSY_ASSETS_ETSY_URL", f"http://127.0.0.1:{DEMO_SHOP_PORT}" if demo else "https://openapi.etsy.com"
            ),
            batch_size=whole_number(environment, "ETSY_ASSETS_BATCH_SIZE", 20 if demo else 100),
            batch_wait=timedelta(seconds=whole_number(environment, "ETSY_ASSETS_BATCH_WAIT", 30 if demo else 21_600)),
            batches_per_segment=whole_number(environment, "ETSY_ASSETS_BATCHES_PER_SEGMENT", 2 if demo else 50),
            publish_quiet=whole_number(environment, "ETSY_ASSETS_PUBLISH_QUIET", 15 if demo else 120),
            publish_longest=whole_number(environment, "ETSY_ASSETS_PUBLISH_LONGEST", 120 if demo else 3600),
            index_policy=index_policy(environment),
            compact_share=share(environment, "ETSY_ASSETS_COMPACT_SHARE", 0.2),
            crawl_cron=environment.get("ETSY_ASSETS_CRAWL_CRON", "* * * * *" if demo else "17 * * * *"),
            taxonomy_node=whole_number(environment, "ETSY_ASSETS_TAXONOMY_NODE", FURNITURE_TAXONOMY_NODE),
            call_shares=call_shares(environment),
            refresh_age=refresh_age,
            display_age=hours(environment, "ETSY_ASSETS_DISPLAY_HOURS", 6),
            storage_age=storage_age,
            reviews=switch(environment, "ETSY_ASSETS_REVIEWS", demo),
            reviews_rescan=hours(environment, "ETSY_ASSETS_REVIEWS_RESCAN_HOURS", 90 * 24),
            image_size=environment.get("ETSY_ASSETS_IMAGE_SIZE", "fullxfull" if demo else "794xN"),
            # The simulated shop is on this machine and stands anything.
            cdn_per_second=whole_number(environment, "ETSY_ASSETS_CDN_PER_SECOND", 1000 if demo else 10),
            safe_only=switch(environment, "ETSY_ASSETS_SAFE_ONLY", False),
            segmentation=environment.get("ETSY_ASSETS_SEGMENTATION", "demo" if demo else "u2net"),
            mask_provider=mask_provider(environment.get("ETSY_ASSETS_MASK_PROVIDER", "auto")),
            device=environment.get("ETSY_ASSETS_DEVICE", "auto"),
            precision=environment.get("ETSY_ASSETS_PRECISION", "auto"),
            weights_root=Path(weights_root) if weights_root else None,
            webhook_url=environment.get("ETSY_ASSETS_WEBHOOK_URL") or None,
        )


def index_policy(environment: Mapping[str, str]) -> IndexPolicy:
    """Which indexes are built. Raises ConfigurationError on a bad value."""
    kinds = {"auto": None, **{kind.value: kind for kind in IndexKind}}
    name = environment.get("ETSY_ASSETS_INDEX_KIND", "auto")
    if name not in kinds:
        raise ConfigurationError(f'ETSY_ASSETS_INDEX_KIND is "{name}"; set it to one of {", ".join(kinds)}.')
    recall = environment.get("ETSY_ASSETS_TARGET_RECALL", str(DEFAULT_POLICY.target_recall))
    try:
        target = float(recall)
    except ValueError:
        target = 0.0
    if not 0 < target <= 1:
        raise ConfigurationError(f'ETSY_ASSETS_TARGET_RECALL is "{recall}"; set it to a share above 0 and up to 1.')
    memory = whole_number(environment, "ETSY_ASSETS_INDEX_MEMORY_MB", int(DEFAULT_POLICY.memory_mb))
    return IndexPolicy(kinds[name], memory, target)


def whole_number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A positive whole number from the environment."""
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f'{name} is "{text}"; set it to a whole number of 1 or more.')
    return int(text)


def hours(environment: Mapping[str, str], name: str, default: int) -> timedelta:
    """A whole number of hours from the environment."""
    return timedelta(hours=whole_number(environment, name, default))


def switch(environment: Mapping[str, str], name: str, default: bool) -> bool:
    """on or off from the environment."""
    text = environment.get(name, "on" if default else "off")
    if text not in ("on", "off"):
        raise ConfigurationError(f'{name} is "{text}"; set it to on or off.')
    return text == "on"


def call_shares(environment: Mapping[str, str]) -> Mapping[CallPurpose, float]:
    """The shares of a day's calls, such as "refresh=0.2,reviews=0"; a purpose that is not named keeps its own."""
    name = "ETSY_ASSETS_CALL_SHARES"
    shares = dict(DEFAULT_SHARES)
    for part in filter(None, environment.get(name, "").split(",")):
        purpose, _, given = part.strip().partition("=")
        if purpose not in list(CallPurpose):
            raise ConfigurationError(f'{name} has no purpose "{purpose}"; there are {", ".join(CallPurpose)}.')
        shares[CallPurpose(purpose)] = share({name: given}, name, 0)
    if sum(shares.values()) > 1.0001:
        raise ConfigurationError(f"{name} gives away {sum(shares.values()):.2f} of a day's calls; give away 1 at most.")
    return shares


def share(environment: Mapping[str, str], name: str, default: float) -> float:
    """A number from 0 to 1 from the environment."""
    text = environment.get(name, str(default))
    if not re.fullmatch(r"[01]|[01]?\.[0-9]+", text, re.ASCII) or float(text) > 1:
        raise ConfigurationError(f'{name} is "{text}"; set it to a number from 0 to 1, such as {default}.')
    return float(text)
