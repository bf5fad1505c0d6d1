"""The contrastive losses that the encoders learn by."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def pair_loss(first: "Tensor", second: "Tensor", scale: "Tensor") -> "Tensor":
    """InfoNCE in both directions (van den Oord et al. 2018, arXiv 1807.03748): row i of each belongs to listing i."""
    import torch
    from torch.nn import functional

    logits = scale * first @ second.T
    wanted = torch.arange(len(first))
    return 0.5 * (functional.cross_entropy(logits, wanted) + functional.cross_entropy(logits.T, wanted))


def soft_pair_loss(first: "Tensor", second: "Tensor", scale: "Tensor", same: "Tensor") -> "Tensor":
    """As pair_loss, with several right answers: `same` (n, n) is 1 where two rows may be matched, symmetric."""
    logits = scale * first @ second.T
    wanted = same / same.sum(1, keepdim=True)
    return 0.5 * (soft_cross_entropy(logits, wanted) + soft_cross_entropy(logits.T, wanted))


def soft_cross_entropy(logits: "Tensor", wanted: "Tensor") -> "Tensor":
    """Cross-entropy against a distribution a row, (n, classes) each."""
    return -(wanted * logits.log_softmax(1)).sum(1).mean()


def equal_texts(texts: list[str]) -> "Tensor":
    """(n, n): 1.0 where two texts are the same."""
    import torch

    numbers = {text: number for number, text in enumerate(texts)}
    keys = torch.tensor([numbers[text] for text in texts])
    return (keys[:, None] == keys[None]).float()
