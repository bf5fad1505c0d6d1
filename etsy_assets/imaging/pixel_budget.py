"""A bound on the pixels that the threads of a process have in hand, so that a few huge pictures can't fill memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PixelBudget:
    """Lets threads in as long as their pictures together have at most `most` pixels; a larger one comes in alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._room = threading.Condition()
        self._queue = threading.Lock()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Waits for room in the order of coming: small pictures that pass a large one would keep it out for ever.

        A thread that takes twice may wait for itself.
        """
        with self._queue, self._room:
            self._room.wait_for(lambda: self._taken == 0 or self._taken + pixels <= self._most)
            self._taken += pixels
        try:
            yield
        finally:
            with self._room:
                self._taken -= pixels
                self._room.notify_all()


# A pixel takes up to 12 bytes while it is decoded, converted and cut out: 360 MB. Fifteen photos of 1500 x 1200 fit in.
DECODING = PixelBudget(30_000_000)
