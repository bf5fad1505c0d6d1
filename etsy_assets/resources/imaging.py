"""Downloading images and removing their backgrounds."""

from functools import lru_cache
from pathlib import Path

import dagster as dg

from etsy_assets.imaging.cutouts import BackgroundRemover
from etsy_assets.imaging.http_fetch import DownloadOptions
from etsy_assets.imaging.providers import MaskProvider, mask_provider

DEMO_MASK_NETWORK = Path(__file__).parents[1] / "demo" / "weights" / "demo_mask" / "furniture_mask.onnx"


class ImageDownloads(dg.ConfigurableResource):
    """How images are fetched from the CDN. `size` is one of its variants, such as 794xN or fullxfull.

    per_second: requests to one host, of one run; 0 sets no pace.
    """

    size: str = "fullxfull"
    concurrency: int = 32
    per_second: float = 0.0

    @property
    def options(self) -> DownloadOptions:
        return DownloadOptions(size=self.size, concurrency=self.concurrency, per_second=self.per_second or None)


class BackgroundRemoval(dg.ConfigurableResource):
    """The segmentation network: "demo" for the packaged one, or the name of a rembg session such as u2net.

    provider: what runs it: auto, cpu, cuda, coreml or openvino.
    """

    network: str = "demo"
    provider: str = "auto"

    def remover(self) -> BackgroundRemover:
        """The same remover for the whole process: its network is loaded once.

        One thread an inference, as a batch has one picture in hand on each core: the decoding of one then goes on
        beside the inference of another.
        """
        return shared_remover(self.network, mask_provider(self.provider))


@lru_cache(maxsize=2)
def shared_remover(network: str, provider: MaskProvider = "auto") -> BackgroundRemover:
    path = DEMO_MASK_NETWORK if network == "demo" else None
    return BackgroundRemover("u2net_custom" if path else network, path, provider=provider, threads=1)
