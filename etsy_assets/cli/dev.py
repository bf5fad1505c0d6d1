"""`etsy-assets dev`: the simulated shop and Dagster, side by side until Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from urllib.parse import urlsplit

import click

from etsy_assets.cli.shop_process import photo_folder, remembered_file, shop_answers
from etsy_assets.errors import ConfigurationError
from etsy_assets.settings import Settings

STOP_SECONDS = 30
SHOP_POLL_SECONDS = 0.2
# Dagster recommends another command, from a package that nothing here needs.
NO_ADVICE = ("-W", "ignore:Function `dev_command` is superseded")


def run_dev(port: int, add_every: float) -> int:
    """Runs both programs until Dagster ends or this one is told to; returns the exit status.

    Raises ConfigurationError when the shop can't be started.
    """
    settings = Settings.from_environment()
    if "DAGSTER_HOME" not in os.environ:
        raise ConfigurationError("DAGSTER_HOME is not set: run `make dev`, or set it to the folder of dagster.yaml.")
    # Before the programs start: a signal that a shell has us ignore (as with "&") they would ignore for ever.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        with ExitStack() as running:
            if settings.profile == "demo" and not shop_answers(settings.etsy_url):
                shop = running.enter_context(program(shop_command(settings, add_every)))
                wait_for_shop(shop, settings.etsy_url)
            dagster = [sys.executable, *NO_ADVICE, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
            click.echo(f"The Dagster UI will be at http://127.0.0.1:{port}; Ctrl-C ends it.")
            return running.enter_context(program(dagster)).wait()
    except KeyboardInterrupt:
        return 0


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def program(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has ended, with all that it started, when the block has.

    In a session of its own, so that Ctrl-C in a terminal reaches it once, by way of this process: a second signal
    would break off its shutting down. Runs get it too, and are recorded as interrupted. A second Ctrl-C here kills.
    """
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_shop(shop: subprocess.Popen[bytes], url: str) -> None:
    """Returns when the shop answers. Raises ConfigurationError when its process has ended instead."""
    while not shop_answers(url):
        if shop.poll() is not None:
            raise ConfigurationError(f"The simulated shop did not start at {url}; its reason stands above.")
        time.sleep(SHOP_POLL_SECONDS)


def shop_command(settings: Settings, add_every: float) -> list[str]:
    """The shop as a process of its own that ends with this one."""
    port = urlsplit(settings.etsy_url).port
    if port is None:
        raise ConfigurationError(f"ETSY_ASSETS_ETSY_URL is {settings.etsy_url}: give the simulated shop a port.")
    command = [sys.executable, "-m", "etsy_assets.demo.server", "--port", str(port)]
    command += ["--add-every", str(add_every), "--parent-pid", str(os.getpid())]
    command += ["--photo-folder", str(photo_folder(settings))]
    return [*command, "--remember", str(remembered_file(settings))]
