"""The command line: what a person can mend is one sentence and a non-zero exit."""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import requests
from click.testing import CliRunner

from etsy_assets.cli.main import cli, main
from etsy_assets.cli.shop_process import shop_answers, simulated_shop
from etsy_assets.settings import Settings


@pytest.fixture
def demo_folder(tmp_path: Path, blank_instance: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run the demo in, of which the environment tells."""
    shutil.copytree(blank_instance, tmp_path / "dagster")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("ETSY_ASSETS_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Runs a command that is to be refused; returns the one sentence on standard error."""

    def refused(command: str) -> str:
        monkeypatch.setattr(sys, "argv", ["etsy-assets", command])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 1
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1
        return lines[0]

    return refused


def test_the_help_names_both_commands() -> None:
    shown = CliRunner().invoke(cli, ["--help"])
    assert shown.exit_code == 0
    assert "demo" in shown.output
    assert "dev" in shown.output


@pytest.mark.parametrize("command", ["demo", "dev"])
def test_without_dagster_home_the_command_says_what_to_set(
    command: str, refused: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert f"DAGSTER_HOME is not set: run `make {command}`" in refused(command)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_does_not_run_on_the_full_profile(
    refused: Callable[[str], str], demo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_PROFILE", "full")
    assert "unset ETSY_ASSETS_PROFILE" in refused("demo")
    assert not (demo_folder / "data").exists()


def test_a_bad_profile_is_one_sentence_and_no_traceback(tmp_path: Path, blank_instance: Path) -> None:
    environment = {**os.environ, "ETSY_ASSETS_PROFILE": "staging", "DAGSTER_HOME": str(blank_instance)}
    done = subprocess.run(
        [sys.executable, "-m", "etsy_assets.cli.main", "demo"],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == 'Error: ETSY_ASSETS_PROFILE is "staging"; set it to "demo" or "full".'


def test_a_wrong_key_ends_the_demo_with_the_sentence_of_its_run_and_no_report(
    refused: Callable[[str], str], demo_folder: Path, open_shop: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_ETSY_URL", open_shop().url)
    monkeypatch.setenv("ETSY_ASSETS_DEMO_KEY", "wrongkeystring")
    sentence = refused("demo")
    assert "The run of crawl_newest failed: " in sentence
    assert "Set the keystring" in sentence
    assert "wrongkeystring" not in sentence
    assert not (demo_folder / "demo_report.json").exists()


def test_an_empty_shop_ends_the_demo_with_a_sentence(
    refused: Callable[[str], str], demo_folder: Path, open_shop: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_ETSY_URL", open_shop(listings=0).url)
    assert "has no listings" in refused("demo")
    assert not (demo_folder / "demo_report.json").exists()


def test_a_batch_that_was_given_up_is_no_success(
    refused: Callable[[str], str], demo_folder: Path, open_shop: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_ETSY_URL", open_shop(listings=2).url)
    monkeypatch.setenv("ETSY_ASSETS_BATCH_SIZE", "1")
    with dg.DagsterInstance.get() as instance:
        for number in range(3):
            tags = {"dagster/partition": "batch-000001"}
            failed = dg.DagsterRun("ingest", f"{number:08d}", status=dg.DagsterRunStatus.FAILURE, tags=tags)
            instance.add_run(failed)
    assert "The corpus lacks batch-000001, as its runs have failed too often" in refused("demo")
    assert not (demo_folder / "demo_report.json").exists()


@pytest.fixture
def stranger() -> Iterator[str]:
    """A program on the shop's port that is no shop."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("demo_folder")
def test_a_port_that_a_stranger_has_is_named(
    refused: Callable[[str], str], stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_ASSETS_ETSY_URL", stranger)
    assert not shop_answers(stranger)
    assert f"port {stranger.rpartition(':')[2]}" in refused("demo")


def test_a_shop_that_runs_already_is_used_and_one_that_does_not_is_started(tmp_path: Path, open_shop: Callable) -> None:
    running = open_shop()
    home = {"ETSY_ASSETS_HOME": str(tmp_path)}
    with simulated_shop(Settings.from_environment({**home, "ETSY_ASSETS_ETSY_URL": running.url})) as url:
        assert url == running.url
    assert shop_answers(running.url)
    with simulated_shop(Settings.from_environment({**home, "ETSY_ASSETS_ETSY_URL": "http://127.0.0.1:0"})) as url:
        assert requests.get(f"{url}/_shop/health", timeout=30).json()["listings"] == 60
    assert not shop_answers(url)
