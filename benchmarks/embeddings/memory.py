"""The most memory that embedding so many photos takes, in a process of its own.

python -m benchmarks.embeddings.memory COUNT: prints MB. The demo's encoders, as their own weight is small.
"""

import subprocess
import sys
from itertools import cycle, islice

from benchmarks.photos import CDN_SIZE, rendered_jpegs

DISTINCT = 16


def peak_mb(count: int) -> float:
    command = [sys.executable, "-m", "benchmarks.embeddings.memory", str(count)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main(count: int) -> None:
    from benchmarks.embeddings.sides import Photos, embed
    from etsy_assets.encoders.loading import load_encoder
    from etsy_assets.encoders.registry import DEMO_ENCODERS
    from etsy_assets_tests.imaging.three_stages import peak_mb as peak_of_this_process

    photos = Photos.of(list(islice(cycle(rendered_jpegs(DISTINCT, CDN_SIZE)), count)))
    embed(photos, {spec.name: load_encoder(spec) for spec in DEMO_ENCODERS})
    print(peak_of_this_process())


if __name__ == "__main__":
    main(int(sys.argv[1]))
