"""Downloading images and removing their backgrounds."""

from functools import lru_cache
from pathlib import Path

import dagster as dg

from etsy_assets.imaging.cutouts import BackgroundRemover
from etsy_assets.imaging.http_fetch import DownloadOptions

DEMO_MASK_NETWORK = Path(__file__).parents[1] / "demo" / "weights" / "demo_mask" / "furniture_mask.onnx"


class ImageDownloads(dg.ConfigurableResource):
    """How images are fetched from the CDN. `size` is one of its variants, such as 794xN or fullxfull."""

    size: str = "fullxfull"
    concurrency: int = 8

    @property
    def options(self) -> DownloadOptions:
        return DownloadOptions(size=self.size, concurrency=self.concurrency)


class BackgroundRemoval(dg.ConfigurableResource):
    """The segmentation network: "demo" for the packaged one, or the name of a rembg session such as u2net."""

    network: str = "demo"

    def remover(self) -> BackgroundRemover:
        """The same remover for the whole process: its network is loaded once."""
        return shared_remover(self.network)


@lru_cache(maxsize=2)
def shared_remover(network: str) -> BackgroundRemover:
    if network == "demo":
        return BackgroundRemover("u2net_custom", model_path=DEMO_MASK_NETWORK)
    return BackgroundRemover(network)
