"""Timing two or more ways of doing the same, side by side."""

import statistics
from collections.abc import Callable, Mapping

Run = Callable[[], float]
"""Does the work once and returns its cost: seconds, or CPU seconds."""


def medians(sides: Mapping[str, Run], rounds: int) -> dict[str, float]:
    """By side, the median of its runs. They take turns, in alternating order, as the machine may be shared."""
    costs: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        for side in list(sides) if number % 2 == 0 else reversed(sides):
            costs[side].append(sides[side]())
    return {side: statistics.median(of_side) for side, of_side in costs.items()}
