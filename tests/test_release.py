"""What a release is made of, and what is refused."""

import json
from pathlib import Path
import shutil
import subprocess
from typing import Any
from zipfile import ZipFile

import pytest

from scripts import release
from scripts.release import CHANGELOG, CONST, HACS, ReleaseError
from scripts.repository import INTEGRATION, MANIFEST, ROOT, address, git, tracked

SCRIPTS = [Path("scripts") / name for name in ("release", "release.py", "repository.py")]
IDENTITY = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
# What stands under Unreleased, and before it a version that is out.
NEWS = (
    "### Added\n\n- [This](docs/live.md), [that](README.md#remove) and [more](https://example.com)."
)
CHANGES = f"# Changelog\n\n## Unreleased\n\n{NEWS}\n\n## 0.1.0 - 2026-11-01\n\n- All.\n"


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, *IDENTITY, "commit", "--quiet", "--message", "As it is")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a committed checkout of what a release looks at, of which 0.1.0 is out.

    Its `scripts/check` passes unless there is a file `dist/broken`.
    """
    if shutil.which("git") is None:
        pytest.skip("git is missing")
    for path in (*tracked(ROOT, INTEGRATION), *SCRIPTS, HACS, Path(".gitignore")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for path, old, new in (
        (MANIFEST, f'"version": "{release.version(ROOT)}"', '"version": "0.1.0"'),
        (CONST, f'VERSION = "{release.version(ROOT)}"', 'VERSION = "0.1.0"'),
    ):
        (tmp_path / path).write_text((ROOT / path).read_text().replace(old, new))
    (tmp_path / CHANGELOG).write_text(CHANGES)
    check = tmp_path / "scripts" / "check"
    check.write_text('#!/bin/sh\n[ ! -f "${0%/*}/../dist/broken" ]\n')
    check.chmod(0o755)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a checkout."""
    command = [str(root / "scripts" / "release"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def version_in_code(root: Path) -> Any:
    scope: dict[str, Any] = {"__package__": "bambu_lab_cloud"}
    exec((root / CONST).read_text(), scope)  # noqa: S102
    return scope["VERSION"]


def test_the_zip_is_the_integration(checkout: Path) -> None:
    cache = checkout / INTEGRATION / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "const.cpython-314.pyc").write_bytes(b"")
    (checkout / INTEGRATION / "notes of mine.txt").write_text("not in git")
    assert run(checkout, "--zip").stdout == "dist/bambu_lab_cloud.zip\n"
    with ZipFile(checkout / "dist" / "bambu_lab_cloud.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert json.loads(archive.read("manifest.json"))["version"] == "0.1.0"
        assert all(info.external_attr >> 16 == 0o100644 for info in archive.infolist())
    assert set(names) >= {"__init__.py", "api/py.typed", "brand/icon.png", "translations/en.json"}
    assert len(names) == len(set(names)) == len(tracked(ROOT, INTEGRATION))
    assert not any("__pycache__" in name or "notes" in name for name in names)


def test_the_zip_has_the_same_bytes_wherever_it_is_built(checkout: Path, tmp_path: Path) -> None:
    first = (checkout / release.build_zip(checkout)).read_bytes()
    for path in tracked(checkout):
        (checkout / path).touch()
    assert (checkout / release.build_zip(checkout)).read_bytes() == first
    elsewhere = tmp_path / "elsewhere"
    git(tmp_path, "clone", "--quiet", str(checkout), str(elsewhere))
    assert (elsewhere / release.build_zip(elsewhere)).read_bytes() == first


def test_the_zip_is_called_as_the_stores_are_told(checkout: Path) -> None:
    (checkout / HACS).write_text('{"zip_release": true, "filename": "other.zip"}')
    assert release.build_zip(checkout) == Path("dist/other.zip")


def test_the_zip_is_of_its_tag(checkout: Path) -> None:
    assert run(checkout, "--zip", "v0.1.0").returncode == 0
    refused = run(checkout, "--zip", "v0.2.0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "v0.2.0 is not the tag of 0.1.0" in refused.stderr


def test_a_release(checkout: Path) -> None:
    result = run(checkout, "0.2.0")
    assert (result.returncode, result.stderr) == (0, "")
    assert ".ci/run" in result.stdout
    assert release.version(checkout) == version_in_code(checkout) == "0.2.0"
    with ZipFile(checkout / "dist" / "bambu_lab_cloud.zip") as archive:
        assert json.loads(archive.read("manifest.json"))["version"] == "0.2.0"
    told = (checkout / "dist" / "notes.md").read_text()
    files = f"https://github.com/{address(ROOT)}/blob/v0.2.0"
    assert told == (
        f"### Added\n\n- [This]({files}/docs/live.md), [that]({files}/README.md#remove)"
        " and [more](https://example.com).\n"
    )
    changes = (checkout / CHANGELOG).read_text()
    assert release.notes(checkout, "Unreleased") == ""
    assert release.notes(checkout, "0.1.0") == "- All."
    [heading] = [line for line in changes.splitlines() if line.startswith("## 0.2.0 - 20")]
    assert changes.replace(f"{heading}\n\n", "") == CHANGES
    # What is built is no change of the repository's.
    assert {line[3:] for line in git(checkout, "status", "--porcelain").splitlines()} == {
        str(CHANGELOG),
        str(CONST),
        str(MANIFEST),
    }


def test_the_first_release_has_the_version_that_is_there(checkout: Path) -> None:
    (checkout / CHANGELOG).write_text(CHANGES.partition("## 0.1.0")[0])
    commit(checkout)
    assert run(checkout, "0.1.0").returncode == 0
    assert release.notes(checkout, "0.1.0") == NEWS


def test_a_dry_run_writes_nothing(checkout: Path) -> None:
    result = run(checkout, "0.2.0", "--dry-run")
    assert (result.returncode, result.stderr) == (0, "")
    assert "manifest.json: 0.1.0 -> 0.2.0" in result.stdout
    assert NEWS in result.stdout
    assert git(checkout, "status", "--porcelain") == ""
    assert not (checkout / "dist").exists()


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("0.2", "no version"),
        ("v0.2.0", "no version"),
        ("0.2.0b1", "no version"),
        ("0.02.0", "no version"),
        ("0.2.0\n", "no version"),
        ("0.0.9", "older"),
        ("0.1.0", "released before"),
        ("0.3.0", "released before"),
    ],
)
def test_versions_that_cannot_be(checkout: Path, version: str, reason: str) -> None:
    git(checkout, "tag", "v0.3.0")
    with pytest.raises(ReleaseError, match=reason):
        release.release(checkout, version, dry_run=False)
    assert git(checkout, "status", "--porcelain") == ""


def test_ten_is_more_than_nine() -> None:
    assert release.order("0.10.0") > release.order("0.9.1") > release.order("0.9.0")


@pytest.mark.parametrize("path", [CONST, Path("new.txt")])
def test_what_is_not_committed_is_not_released(checkout: Path, path: Path) -> None:
    with (checkout / path).open("a") as file:
        file.write("\n")
    result = run(checkout, "0.2.0")
    assert result.returncode == 1
    assert f"not committed:\n{'??' if path.suffix == '.txt' else ' M'} {path}" in result.stderr
    assert release.version(checkout) == "0.1.0"


def test_a_release_without_news(checkout: Path) -> None:
    (checkout / CHANGELOG).write_text(CHANGES.replace(f"{NEWS}\n\n", ""))
    commit(checkout)
    with pytest.raises(ReleaseError, match="nothing under Unreleased"):
        release.release(checkout, "0.2.0", dry_run=True)


def test_what_does_not_pass_is_not_released(checkout: Path) -> None:
    (checkout / "dist").mkdir()
    (checkout / "dist" / "broken").touch()
    with pytest.raises(ReleaseError, match="check does not pass"):
        release.release(checkout, "0.2.0", dry_run=False)
    assert git(checkout, "status", "--porcelain") == ""
    assert not (checkout / "dist" / "bambu_lab_cloud.zip").exists()


def test_what_cannot_be_checked_is_not_written(checkout: Path) -> None:
    (checkout / "scripts" / "check").chmod(0o644)
    commit(checkout)
    with pytest.raises(PermissionError):
        release.release(checkout, "0.2.0", dry_run=False)
    assert git(checkout, "status", "--porcelain") == ""


def test_this_repository_can_be_released() -> None:
    """The files say their version in the way that is looked for."""
    new = "999.0.0"
    written = release.edits(ROOT, new, "2026-12-01")
    assert all(new in text for text in written.values())
