"""Publishers take turns: two at once would each leave out what the other has published."""

from contextlib import AbstractContextManager

from etsy_assets.file_lock import file_lock
from etsy_assets.storage import Home

PUBLISH_WAIT_SECONDS = 600


def publishing(home: Home) -> AbstractContextManager[None]:
    """One publisher at a time: what it reads in order to decide what to publish stays true until it has published.

    Raises PassingFault when another one takes longer than PUBLISH_WAIT_SECONDS.
    """
    busy = f"Another process is publishing to {home.snapshots}: wait for its run to end, or stop it, and try again."
    return file_lock(home.snapshots / ".publish.lock", PUBLISH_WAIT_SECONDS, busy)
