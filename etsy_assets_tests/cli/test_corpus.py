"""`etsy-assets corpus`, as a person types it."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import pytest
from click.testing import CliRunner

from etsy_assets.cli.main import cli, main
from etsy_assets.search.snapshots import Snapshot, current_snapshot, publish
from etsy_assets.storage import Home
from etsy_assets_tests.assets.deployment import ENCODERS, TEXT_ENCODERS, Deployment
from etsy_assets_tests.search.shop_of_colours import TWO_SEGMENTS, build_segment, photo, publish_two_segments


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home folder that the environment tells of, with two snapshots of colours."""
    home = Home(tmp_path / "data")
    monkeypatch.setenv("ETSY_ASSETS_HOME", str(home.root))
    monkeypatch.setenv("COLUMNS", "80")
    return home


@pytest.fixture
def two(home: Home) -> tuple[Snapshot, Snapshot]:
    first = publish_two_segments(home)
    version = build_segment(
        home, "segment-0001", {**TWO_SEGMENTS["segment-0001"], "batch-000003": [photo(41, "white")]}
    )
    return first, publish(home, {**first.segment_versions, "segment-0001": version})


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["corpus", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that is to be refused; returns the one sentence on standard error."""

    def refused(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["etsy-assets", "corpus", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("Error: ")

    return refused


def table_row(output: str, name: str) -> list[str]:
    (line,) = (line for line in output.splitlines() if f" {name} " in line)
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_verify_shows_what_was_proven(copied: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    deployed = copied()
    monkeypatch.setenv("ETSY_ASSETS_HOME", str(deployed.home.root))
    counts = deployed.corpus().snapshot.counts

    output = shown("verify", "--sample", "5")

    assert f"{deployed.corpus().version} is sound" in output
    assert "5 cutouts were embedded again" in output
    for name in ENCODERS:
        _, segments, rows, size, cosine = table_row(output, name)
        assert (segments, rows) == (str(counts.segments), str(counts.images))
        assert size.endswith("kB")
        assert float(cosine) > 0.999
    for name in TEXT_ENCODERS:
        assert table_row(output, f"text_{name}")[2] == str(counts.listings)


def test_verify_without_a_sample_says_that_no_image_was_compared(two: tuple[Snapshot, Snapshot]) -> None:
    output = shown("verify", "--sample", "0", "--snapshot", two[0].version)

    assert two[0].version in output
    assert table_row(output, "fine")[-1] == "not compared"
    assert "No cutout was embedded again" in output


def test_verify_names_the_damaged_file(home: Home, two: tuple[Snapshot, Snapshot], refused: Callable[..., str]) -> None:
    segment = two[1].segments[1]
    path = segment.folder(home) / segment.indexes["fine"].matrix
    path.write_bytes(path.read_bytes()[::-1])

    sentence = refused("verify", "--sample", "0")

    assert sentence.startswith(f"{path} is damaged")
    assert "row 0" in sentence
    assert sentence.endswith("materialize index/fine for segment-0001 to build it again.")
    # The older snapshot has no part in it.
    assert "is sound" in shown("verify", "--sample", "0", "--snapshot", two[0].version)


def test_export_writes_the_plain_layout(
    two: tuple[Snapshot, Snapshot], tmp_path: Path, refused: Callable[..., str]
) -> None:
    folder = tmp_path / "plain"

    output = shown("export", str(folder), "--encoder", "fine")

    assert f"12 rows of the snapshot {two[1].version}" in output
    assert len(json.loads((folder / "image_index.json").read_text())) == 12
    assert faiss.read_index(str(folder / "fine.faiss")).ntotal == 12
    assert "give --force" in refused("export", str(folder))
    shown("export", str(folder), "--force", "--snapshot", two[0].version)
    assert faiss.read_index(str(folder / "coarse.faiss")).ntotal == 11


def test_snapshots_lists_the_kept_ones_and_marks_the_current(home: Home, two: tuple[Snapshot, Snapshot]) -> None:
    output = shown("snapshots")

    lines = [line.split() for line in output.splitlines()]
    assert lines[1][:2] == ["*", two[1].version]
    assert lines[2][0] == two[0].version
    assert [line[-2:] for line in lines[1:3]] == [["2", "12"], ["2", "11"]]

    (home.snapshots / f"{two[1].version}.json").write_text("{}")
    output = shown("snapshots")
    assert f"{two[1].version}  damaged" in output
    assert f"None can be searched now: {home.snapshots / two[1].version}.json is damaged" in output


def test_rollback_says_what_was_current_and_how_to_go_back(
    home: Home, two: tuple[Snapshot, Snapshot], refused: Callable[..., str]
) -> None:
    first, second = two

    output = shown("rollback", first.version)

    assert f"{first.version} is searched from now on." in output
    assert f"etsy-assets corpus rollback {second.version}" in output
    assert current_snapshot(home) == first
    assert "is the current snapshot already" in shown("rollback", first.version)
    shown("rollback", second.version)
    assert current_snapshot(home) == second
    assert "'yesterday' is not kept" in refused("rollback", "yesterday")


def test_collect_deletes_what_a_dry_run_has_listed(
    home: Home, two: tuple[Snapshot, Snapshot], refused: Callable[..., str]
) -> None:
    then = time.time() - 48 * 3600
    for path in home.root.rglob("*"):
        os.utime(path, (then, then))

    listed = shown("collect", "--keep", "1", "--dry-run").splitlines()
    assert listed[-1].startswith("Would be deleted: snapshots 1, other files ")
    assert all(Path(line).is_file() for line in listed[:-1])

    assert shown("collect", "--keep", "1").startswith("Deleted: snapshots 1, other files ")
    assert not any(Path(line).exists() for line in listed[:-1])
    assert "0 snapshots can't be kept" in refused("collect", "--keep", "0")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", [["verify"], ["export", "plain"], ["snapshots"]])
def test_before_the_first_snapshot_the_commands_say_what_to_do(command: list[str], refused: Callable[..., str]) -> None:
    assert "materialize search_snapshot" in refused(*command)
