"""Takes the README's pictures: `python -m etsy_assets_tests.browser.screenshots docs/img`.

The demo's corpus is made in a work folder first, which takes minutes; a second run with the same folder has it.
"""

import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from PIL import Image
from selenium.webdriver.remote.webdriver import WebDriver

from etsy_assets.demo.running import serve
from etsy_assets.demo.shop import SimulatedShop
from etsy_assets_tests.browser.chromium import headless_chromium, resize
from etsy_assets_tests.browser.dagster_pages import DagsterPages
from etsy_assets_tests.browser.dev_server import NO_CRAWLS, deployment_environment, dev_server

log = logging.getLogger(__name__)

# The graph is fitted to the width, and needs the height.
GRAPH_SIZE = (1600, 1300)
RUN_SIZE = (1600, 900)
GALLERY_SIZE = (1400, 900)


@click.command()
@click.argument("destination", type=click.Path(path_type=Path, file_okay=False))
@click.option("--work-folder", type=click.Path(path_type=Path, file_okay=False), help="A new temporary one if unset.")
def main(destination: Path, work_folder: Path | None) -> None:
    """Write asset-graph.png, gallery.png and run-gallery.png to DESTINATION."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    destination.mkdir(parents=True, exist_ok=True)
    folder = (work_folder or Path(tempfile.mkdtemp(prefix="screenshots-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with serve(SimulatedShop(photo_folder=folder / "photos")) as shop:
        gallery = make_demo(folder, shop.url)
        with (
            dev_server(folder, shop.url, NO_CRAWLS) as server,
            tempfile.TemporaryDirectory() as profile,
            headless_chromium(Path(profile), *GRAPH_SIZE) as browser,
        ):
            pages = DagsterPages(browser, server.url, server.api.repository["repositoryLocationName"])
            pages.asset_graph_alone(server.api.groups())
            save_picture(browser, destination / "asset-graph.png")

            resize(browser, *RUN_SIZE)
            run_id = pages.launch_with_empty_config("ensemble_search")
            assert server.api.final_status(run_id) == "SUCCESS"
            pages.pictures_of_markdown()
            save_picture(browser, destination / "run-gallery.png")
    with tempfile.TemporaryDirectory() as profile, headless_chromium(Path(profile), *GALLERY_SIZE) as browser:
        browser.get(gallery.as_uri())
        save_picture(browser, destination / "gallery.png")


def make_demo(folder: Path, shop_url: str) -> Path:
    """Runs `etsy-assets demo` in a folder; returns its gallery."""
    command = [sys.executable, "-m", "etsy_assets.cli.main", "demo"]
    subprocess.run(command, cwd=folder, env=deployment_environment(folder, shop_url), check=True)
    report = json.loads((folder / "demo_report.json").read_text(encoding="utf-8"))
    return Path(report["gallery"])


def save_picture(browser: WebDriver, path: Path) -> None:
    """What the browser shows, as a PNG made as small as it gets without loss."""
    browser.save_screenshot(str(path))
    with Image.open(path) as picture:
        opaque = picture.convert("RGB")
    opaque.save(path, optimize=True)
    log.info("%s: %d x %d, %d kB", path, *opaque.size, path.stat().st_size // 1000)


if __name__ == "__main__":
    main()
