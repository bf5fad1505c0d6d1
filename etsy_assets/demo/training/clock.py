"""Training by a budget of time, so that a run's length is known before it starts."""

import logging
import math
import time
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

STEPS_A_REPORT = 100


@dataclass(slots=True)
class Budget:
    """How far a training run is through its minutes, and the learning rate that belongs there."""

    minutes: float
    peak_rate: float
    warm_up_steps: int = 50
    steps: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def share(self) -> float:
        """0 at the start, 1 when the minutes are spent."""
        return min(1.0, (time.monotonic() - self.started) / (60 * self.minutes))

    def next_rate(self) -> float:
        """Counts a step; a linear warm-up, then a cosine to 1 % (Loshchilov & Hutter 2017, arXiv 1608.03983)."""
        self.steps += 1
        cosine = 0.5 * (1 + math.cos(math.pi * self.share))
        return self.peak_rate * min(1.0, self.steps / self.warm_up_steps) * (0.99 * cosine + 0.01)

    def report(self, name: str, **figures: float) -> None:
        """Logs the figures at every so many steps."""
        if self.steps % STEPS_A_REPORT == 0:
            shown = " ".join(f"{key} {value:.3f}" for key, value in figures.items())
            log.info("%s: step %d, %.0f %% of the budget, %s", name, self.steps, 100 * self.share, shown)
