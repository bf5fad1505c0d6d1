"""Throw-away heads that predict a listing's attributes from its embedding.

A small network learns many times faster with such dense targets beside the contrastive loss.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from etsy_assets.demo.furniture import Furniture, furniture_traits

if TYPE_CHECKING:
    from torch import Tensor, nn


def fabric_of(furniture: Furniture, words: str) -> str:
    """`words` where fabric shows, otherwise "none"."""
    return words if furniture_traits(furniture).uses_fabric else "none"


ATTRIBUTES: tuple[Callable[[Furniture], str], ...] = (
    lambda f: f.kind,
    lambda f: f.style,
    lambda f: f.body,
    lambda f: f"{f.kind} {furniture_traits(f).shape}",
    lambda f: fabric_of(f, f.fabric_colour),
    lambda f: fabric_of(f, f"{f.fabric} {f.pattern}"),
)


def colours_of(furniture: Furniture) -> list[float]:
    """Body and fabric colour, 6 values in about -1..1; 0 for fabric that does not show."""
    body = np.array(furniture.body_rgb) / 128 - 1
    fabric = np.array(furniture.fabric_rgb) / 128 - 1
    return [*body, *(fabric if furniture_traits(furniture).uses_fabric else np.zeros(3))]


def build_attribute_heads(dimension: int, listings: Sequence[Furniture]) -> "nn.Module":
    """A module (embeddings (n, dimension), listing positions int64 (n,)) -> mean loss of all heads."""
    import torch
    from torch import nn
    from torch.nn import functional

    class AttributeHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.targets = []
            heads = []
            for attribute in ATTRIBUTES:
                words = [attribute(furniture) for furniture in listings]
                classes = {word: number for number, word in enumerate(sorted(set(words)))}
                self.targets.append(torch.tensor([classes[word] for word in words]))
                heads.append(nn.Linear(dimension, len(classes)))
            self.colours = torch.tensor([colours_of(furniture) for furniture in listings], dtype=torch.float32)
            self.norm = nn.BatchNorm1d(dimension)
            self.heads = nn.ModuleList(heads)
            self.colour_head = nn.Linear(dimension, 6)

        def forward(self, embeddings: "Tensor", positions: "Tensor") -> "Tensor":
            features = self.norm(embeddings.float())
            losses = [
                functional.cross_entropy(head(features), target[positions])
                for head, target in zip(self.heads, self.targets, strict=True)
            ]
            classes = torch.stack(losses).mean()
            return classes + functional.mse_loss(self.colour_head(features), self.colours[positions])

    return AttributeHeads()
