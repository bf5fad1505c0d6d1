"""Captions of furniture, for training text encoders and for a listing's title."""

import numpy as np

from etsy_assets.demo.furniture.building import furniture_traits
from etsy_assets.demo.furniture.sampling import Furniture
from etsy_assets.demo.furniture.workpiece import Traits

_NAMES = {
    ("sofa", "arm"): "armchair",
    ("cabinet", "sideboard"): "sideboard",
    ("cabinet", "drawer"): "chest of drawers",
    ("cabinet", "wardrobe"): "wardrobe",
}
_FABRIC_PARTS = {"lamp": " shade", "bed": " bedding"}
_OPENINGS = ("a photo of a ", "used ", "for sale: ", "vintage listing, ")


def caption(furniture: Furniture, rng: np.random.Generator | None = None) -> str:
    """What a seller would call the piece: "mid century walnut bar stool with green velvet".

    Without a generator all that is known is said; with one, parts are left out and an opening is added at random.
    """
    name = furniture_name(furniture)
    body = furniture.body + (" painted" if furniture.body_type == "painted" else "")
    features = _features(furniture, furniture_traits(furniture))
    if rng is None:
        return _joined([furniture.style, body, name], features)
    words = [furniture.style] if rng.random() < 0.7 else []
    if rng.random() < 0.8:
        words.append(body)
    text = _joined([*words, name], [feature for feature in features if rng.random() < 0.75])
    return text if rng.random() < 0.6 else str(rng.choice(_OPENINGS)) + text


def furniture_name(furniture: Furniture) -> str:
    """The piece's own name: "round dining table", "armchair", "chest of drawers"."""
    shape = furniture_traits(furniture).shape
    return _NAMES.get((furniture.kind, shape)) or f"{shape} {furniture.kind}".strip()


def _features(furniture: Furniture, traits: Traits) -> list[str]:
    features = []
    if traits.uses_fabric:
        is_plain = furniture.pattern == "plain"
        cloth = furniture.fabric if is_plain else f"{furniture.pattern} fabric"
        features.append(f"{furniture.fabric_colour} {cloth}{_FABRIC_PARTS.get(furniture.kind, '')}")
    if furniture.kind == "lamp" or furniture.style == "industrial":
        features.append(furniture.metal + ("" if furniture.kind in ("lamp", "shelf") else " legs"))
    if traits.extra:
        features.append(traits.extra)
    return features


def _joined(words: list[str], features: list[str]) -> str:
    return " ".join(words) + (" with " + " and ".join(features) if features else "")
