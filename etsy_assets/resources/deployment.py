"""The resources of a deployment, from its settings. Only these differ between the demo and the real thing."""

import os
from typing import Any

import dagster as dg

from etsy_assets.encoders.registry import profile_encoders
from etsy_assets.resources.encoder_models import EncoderModels
from etsy_assets.resources.ensemble_search import EnsembleSearch
from etsy_assets.resources.etsy_api import EtsyApi
from etsy_assets.resources.imaging import BackgroundRemoval, ImageDownloads
from etsy_assets.resources.stores import CatalogDatabase, HomeFolder
from etsy_assets.settings import DEMO_KEY, DEMO_SECRET, Settings


def deployment_resources(settings: Settings) -> dict[str, Any]:
    """By the names that the assets ask for."""
    home_folder = HomeFolder(root=str(settings.home))
    catalog_database = CatalogDatabase(
        url=settings.catalog_url, encoders=[spec.name for spec in profile_encoders(settings.profile)]
    )
    encoder_models = profile_models(settings)
    background_removal = BackgroundRemoval(network=settings.segmentation, provider=settings.mask_provider)
    return {
        # Between the ops of a search, in one process; no asset's data passes through an IO manager.
        "io_manager": dg.mem_io_manager,
        "home_folder": home_folder,
        "catalog_database": catalog_database,
        "etsy_api": etsy_api(settings),
        "image_downloads": ImageDownloads(size=settings.image_size, per_second=settings.cdn_per_second),
        "background_removal": background_removal,
        "encoder_models": encoder_models,
        "ensemble_search": EnsembleSearch(
            home_folder=home_folder,
            catalog_database=catalog_database,
            encoder_models=encoder_models,
            background_removal=background_removal,
            display_hours=settings.display_age.total_seconds() / 3600,
        ),
    }


def profile_models(settings: Settings) -> EncoderModels:
    return EncoderModels(
        profile=settings.profile,
        device=settings.device,
        precision=settings.precision,
        weights_root=str(settings.weights_root) if settings.weights_root else None,
    )


def etsy_api(settings: Settings) -> EtsyApi:
    """The demo has the simulated shop's key. A real one stays in the environment, so that no run config shows it."""
    shares = {purpose.value: share for purpose, share in settings.call_shares.items()}
    if settings.profile == "demo":
        return EtsyApi(
            base_url=settings.etsy_url,
            call_shares=shares,
            taxonomy_node=settings.taxonomy_node,
            safe_only=settings.safe_only,
            keystring=os.environ.get("ETSY_ASSETS_DEMO_KEY", DEMO_KEY),
            shared_secret=os.environ.get("ETSY_ASSETS_DEMO_SECRET", DEMO_SECRET),
        )
    return EtsyApi(
        base_url=settings.etsy_url,
        call_shares=shares,
        taxonomy_node=settings.taxonomy_node,
        safe_only=settings.safe_only,
        keystring=secret("ETSY_KEYSTRING"),
        shared_secret=secret("ETSY_SHARED_SECRET"),
    )


def secret(variable: str) -> Any:
    """Read when a run starts; empty when it is not set, so that the step that needs it can say so."""
    return dg.EnvVar(variable) if os.environ.get(variable) else ""
