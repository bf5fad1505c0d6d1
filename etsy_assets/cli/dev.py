"""`etsy-assets dev`: the simulated shop and Dagster, side by side until Ctrl-C."""

import os
import signal
import subprocess
import sys
from types import FrameType
from urllib.parse import urlsplit

import click

from etsy_assets.cli.shop_process import shop_answers
from etsy_assets.errors import ConfigurationError
from etsy_assets.settings import Settings

STOP_SECONDS = 20


def run_dev(port: int, add_every: float) -> int:
    """Runs both programs; returns Dagster's exit status. Each ends with this one."""
    settings = Settings.from_environment()
    processes = []
    if settings.profile == "demo" and not shop_answers(settings.etsy_url):
        processes.append(subprocess.Popen(shop_command(settings, add_every)))
    dagster = subprocess.Popen([sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)])
    processes.append(dagster)
    click.echo(f"The Dagster UI will be at http://127.0.0.1:{port}; Ctrl-C ends it.")

    def stop(_number: int, _frame: FrameType | None) -> None:
        for process in processes:
            process.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        return dagster.wait()
    finally:
        stop(signal.SIGTERM, None)
        for process in processes:
            process.wait(STOP_SECONDS)


def shop_command(settings: Settings, add_every: float) -> list[str]:
    """The shop as a process of its own that ends with this one."""
    port = urlsplit(settings.etsy_url).port
    if port is None:
        raise ConfigurationError(f"ETSY_ASSETS_ETSY_URL is {settings.etsy_url}: give the simulated shop a port.")
    command = [sys.executable, "-m", "etsy_assets.demo.server", "--port", str(port)]
    command += ["--add-every", str(add_every), "--parent-pid", str(os.getpid())]
    return [*command, "--photo-folder", str(settings.home / "simulated_shop")]
