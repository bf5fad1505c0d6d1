"""A short byte-pair vocabulary for the demo's text towers: open_clip's own merges, less those that captions never need.

Unknown words still become tokens, through shorter merges and single bytes.
"""

import gzip
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np

from etsy_assets.demo.furniture import caption, sample_furniture

COMMON_MERGES = 1500
CAPTION_SEEDS = range(20_000, 24_000)
# open_clip's tokenizer reads this many merges of its file: 49,152 less 256 bytes, less two special tokens.
FULL_MERGES = 49_152 - 256 - 2


def caption_words(seeds: Iterable[int]) -> set[str]:
    """Every word that the renderer's captions use."""
    rng = np.random.default_rng(0)
    words: set[str] = set()
    for seed in seeds:
        furniture = sample_furniture(seed)
        for text in (caption(furniture), caption(furniture, rng)):
            words.update(text.replace(":", "").replace(",", "").split())
    return words


def write_short_vocabulary(path: Path) -> int:
    """Writes the merges as open_clip reads them (gzip, one a line after a header) and returns the vocabulary's size."""
    from open_clip.tokenizer import SimpleTokenizer, default_bpe

    with gzip.open(default_bpe(), "rt", encoding="utf-8") as file:
        merges = file.read().split("\n")[1 : FULL_MERGES + 1]
    ranks = SimpleTokenizer().bpe_ranks
    needed = {" ".join(pair) for word in caption_words(CAPTION_SEEDS) for pair in merges_of(word, ranks)}
    kept = [merge for rank, merge in enumerate(merges) if rank < COMMON_MERGES or merge in needed]
    # mtime 0: the same vocabulary is the same file.
    path.write_bytes(gzip.compress("\n".join(["#version: 0.2", *kept]).encode(), mtime=0))
    return int(SimpleTokenizer(bpe_path=str(path)).vocab_size)


def merges_of(word: str, ranks: dict[tuple[str, str], int]) -> Iterable[tuple[str, str]]:
    """The merges that byte-pair encoding applies to a word, in order (Sennrich et al. 2016, arXiv 1508.07909)."""
    parts = [*word[:-1], f"{word[-1]}</w>"]
    while len(parts) > 1:
        pairs = list(pairwise(parts))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            return
        yield best
        position = pairs.index(best)
        parts[position : position + 2] = ["".join(best)]
