"""The simulated shop as a program: `python -m etsy_assets.demo.server`. In a test or a script, use `serve`."""

import contextlib
import os
import random
import threading
from pathlib import Path

import click
import uvicorn

from etsy_assets.demo.api.access import DEMO_KEYSTRING, DEMO_SHARED_SECRET, Quota
from etsy_assets.demo.api.app import Site
from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.running import (
    CALLS_PER_DAY,
    CALLS_PER_SECOND,
    HOST,
    RunningShop,
    listen,
    quiet_server,
    serve,
)
from etsy_assets.demo.shop import DEFAULT_LISTINGS, DEFAULT_SEED, SimulatedShop
from etsy_assets.errors import ConfigurationError
from etsy_assets.processes import is_alive
from etsy_assets.storage import write_text

__all__ = ["DEFAULT_PORT", "DEMO_KEYSTRING", "DEMO_SHARED_SECRET", "RunningShop", "main", "serve"]

DEFAULT_PORT = 8471
_MOST_ADDED_AT_ONCE = 3
_PARENT_POLL_SECONDS = 1.0


@click.command(context_settings={"show_default": True})
@click.option("--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, help="Port on 127.0.0.1; 0 takes any.")
@click.option("--seed", type=click.IntRange(0), default=DEFAULT_SEED, help="Another seed is another shop.")
@click.option("--listings", type=click.IntRange(0), default=DEFAULT_LISTINGS, help="Listings to begin with.")
@click.option("--faults", type=click.Choice(["off", "mild", "hostile"]), default="off", help="How much goes wrong.")
@click.option("--fault-seed", type=int, default=0, help="Another seed hits other listings, images and requests.")
@click.option(
    "--add-every", type=click.FloatRange(0, min_open=True), help="Seconds between new listings; none if unset."
)
@click.option(
    "--remember", type=click.Path(path_type=Path), help="File that keeps the number of listings, for restarts."
)
@click.option("--photo-folder", type=click.Path(path_type=Path), help="Keep rendered photos here between runs.")
@click.option("--render-ahead", is_flag=True, help="Render all photos in the background, before they are asked for.")
@click.option("--calls-per-second", type=click.IntRange(1), default=CALLS_PER_SECOND, help="API limit of the key.")
@click.option("--calls-per-day", type=click.IntRange(0), default=CALLS_PER_DAY, help="API limit of the key.")
@click.option("--parent-pid", type=click.IntRange(1), help="Stop when this process has ended.")
def main(
    port: int,
    seed: int,
    listings: int,
    faults: str,
    fault_seed: int,
    add_every: float | None,
    remember: Path | None,
    photo_folder: Path | None,
    render_ahead: bool,
    calls_per_second: int,
    calls_per_day: int,
    parent_pid: int | None,
) -> None:
    """Serve a simulated Etsy shop: its Open API v3 and its image CDN. Ends on Ctrl-C or SIGTERM."""
    try:
        shop = SimulatedShop(seed, max(listings, remembered_listings(remember)), photo_folder)
        listener = listen(port)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    plan = FaultPlan.named(faults, fault_seed)  # type: ignore[arg-type]
    server = quiet_server(Site(shop, plan, Quota(calls_per_second, calls_per_day)))
    ended = threading.Event()
    if add_every is not None:
        threading.Thread(target=_keep_adding, args=(shop, add_every, remember, ended), daemon=True).start()
    if render_ahead:
        threading.Thread(target=_render_ahead, args=(shop, ended), daemon=True).start()
    if parent_pid is not None:
        threading.Thread(target=_stop_with_parent, args=(parent_pid, server, ended), daemon=True).start()
    click.echo(
        f"The simulated shop answers at http://{HOST}:{listener.getsockname()[1]} ({len(shop.listings())} listings)"
    )
    try:
        server.run([listener])
    except KeyboardInterrupt:  # uvicorn has shut down by now, and tells how it was stopped
        pass
    finally:
        ended.set()
        listener.close()


def _keep_adding(shop: SimulatedShop, seconds: float, remember: Path | None, ended: threading.Event) -> None:
    rng = random.Random(f"{shop.seed}/added")
    while not ended.wait(seconds):
        shop.add_listings(rng.randint(1, _MOST_ADDED_AT_ONCE))
        if remember is not None:
            write_text(remember, str(len(shop.listings())))


def remembered_listings(file: Path | None) -> int:
    """How many listings the shop had when it was last open: what a crawler has seen must not vanish by a restart.

    Raises ConfigurationError when the file holds something else.
    """
    if file is None or not file.exists():
        return 0
    text = file.read_text(encoding="utf-8").strip()
    if not text.isdecimal():
        raise ConfigurationError(f"{file} should hold a number of listings, not {text[:40]!r}: delete it.")
    return int(text)


def _render_ahead(shop: SimulatedShop, ended: threading.Event) -> None:
    for stocked in shop.listings():
        for photo in stocked.photos:
            if ended.is_set():
                return
            with contextlib.suppress(KeyError):  # removed meanwhile
                shop.jpeg(photo.image_id)


def _stop_with_parent(parent: int, server: uvicorn.Server, ended: threading.Event) -> None:
    """A server whose starter was killed must not hold its port for ever."""
    is_own_parent = os.getppid() == parent
    while not ended.wait(_PARENT_POLL_SECONDS):
        # A dead parent that nobody has waited for still has its id, so our own parent is asked for in another way.
        if not (os.getppid() == parent if is_own_parent else is_alive(parent)):
            server.should_exit = True
            return


if __name__ == "__main__":
    main()
