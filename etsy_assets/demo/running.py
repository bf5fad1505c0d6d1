"""Runs the simulated shop's server in a thread of this process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from etsy_assets.demo.api.access import DEMO_KEYSTRING, DEMO_SHARED_SECRET, Quota
from etsy_assets.demo.api.app import Site, build_app
from etsy_assets.demo.api.request_log import RequestCounts
from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets.errors import ConfigurationError

HOST = "127.0.0.1"
CALLS_PER_SECOND = 150
CALLS_PER_DAY = 100_000
_POLL_SECONDS = 0.01
_SHUTDOWN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class RunningShop:
    """A simulated shop that answers at url (no slash at its end): the base of the API and of its image URLs alike."""

    url: str
    shop: SimulatedShop
    faults: FaultPlan
    site: Site
    server: uvicorn.Server
    thread: threading.Thread
    keystring: str = DEMO_KEYSTRING
    shared_secret: str = DEMO_SHARED_SECRET

    def requests(self) -> RequestCounts:
        """What has been asked so far."""
        return self.site.log.counts()

    def add_listings(self, count: int) -> tuple[int, ...]:
        """Puts up more listings while it runs; returns their ids."""
        return self.shop.add_listings(count)

    def set_limits(self, *, per_second: int | None = None, per_day: int | None = None) -> None:
        """Changes the key's limits from the next call on, as Etsy has done overnight. None leaves a limit as it is."""
        self.site.quota.per_second = self.site.quota.per_second if per_second is None else per_second
        self.site.quota.per_day = self.site.quota.per_day if per_day is None else per_day

    def stop(self) -> None:
        """Stops answering and waits for the server's thread to end. Further calls do nothing."""
        self.server.should_exit = True
        self.thread.join()


@contextmanager
def serve(
    shop: SimulatedShop,
    faults: FaultPlan | None = None,
    port: int = 0,
    *,
    calls_per_second: int = CALLS_PER_SECOND,
    calls_per_day: int = CALLS_PER_DAY,
) -> Iterator[RunningShop]:
    """A running server for the time of a `with` block; port 0 takes any free one.

    A small calls_per_day is the way to meet the daily 429. Raises ConfigurationError when the port is taken.
    """
    plan = FaultPlan.off() if faults is None else faults
    site = Site(shop, plan, Quota(calls_per_second, calls_per_day))
    listener = listen(port)
    server = quiet_server(site)
    thread = threading.Thread(target=server.run, args=([listener],), name="simulated-shop", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise ConfigurationError(f"The simulated shop could not be started on port {port} of {HOST}: see the log.")
        time.sleep(_POLL_SECONDS)
    running = RunningShop(f"http://{HOST}:{listener.getsockname()[1]}", shop, plan, site, server, thread)
    try:
        yield running
    finally:
        running.stop()
        listener.close()


def listen(port: int) -> socket.socket:
    """A bound socket on loopback. Raises ConfigurationError when the port is taken or not allowed."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # Bound and listening: with SO_REUSEADDR, bind alone lets two programs take one port.
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise ConfigurationError(
            f"The simulated shop can't use port {port} of {HOST} ({reason}): stop the program that has it, "
            "or choose another port (0 takes any that is free)."
        ) from error
    return listener


def quiet_server(site: Site) -> uvicorn.Server:
    """A server that leaves logging alone: cut connections are part of the plan and no error to report."""
    config = uvicorn.Config(
        build_app(site),
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)
