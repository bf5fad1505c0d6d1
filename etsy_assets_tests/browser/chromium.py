"""Chromium without a screen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

# Without the background ones, Chromium looks up hosts of its own at every start.
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing_programs() -> list[str]:
    """Those of Chromium and its driver that this machine lacks."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


@contextmanager
def headless_chromium(profile: Path, width: int = 1600, height: int = 900) -> Iterator[WebDriver]:
    """A browser whose page is width x height CSS pixels. profile: an empty folder for what it stores."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser or "chromium"
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    chromium = webdriver.Chrome(options=options, service=Service(driver))
    try:
        resize(chromium, width, height)
        yield chromium
    finally:
        chromium.quit()


def resize(chromium: WebDriver, width: int, height: int) -> None:
    """Gives the page this size in CSS pixels: a window's size would count Chromium's own bars, headless or not."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
