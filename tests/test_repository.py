"""What the repository says of itself, and the scripts that change it."""

from pathlib import Path
import shutil
import subprocess

import pytest

from scripts import repository

ROOT = repository.ROOT
NEW = "some-body/other_name.2"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a checkout of the files that name the repository, and of the script."""
    owner, name = repository.address(ROOT).encode().split(b"/")
    named = [path for path in repository.tracked(ROOT) if name in (ROOT / path).read_bytes()]
    assert {path.suffix for path in named} >= {".json", ".md", ".yaml"}
    for path in (*named, *map(Path, ("scripts/repository.py", "scripts/set-repository"))):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    odd = {"owner": owner.decode(), "name": name.decode()}
    (tmp_path / "odd.txt").write_bytes(
        "my/?owner={owner}&repository={name}&category=integration\r\n"
        "git clone https://github.com/{owner}/{name}.git\r\n"
        "See {owner}/{name}. And {owner}/{name}-card, x{owner}/{name}.\r\n".format(**odd).encode()
    )
    (tmp_path / "picture.png").write_bytes(b"\xff\xfe" + owner + b"/" + name)
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        repository.git(tmp_path, *arguments)
    return tmp_path


def set_repository(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a checkout."""
    command = [str(root / "scripts" / "set-repository"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def contents(root: Path) -> dict[Path, bytes]:
    return {path: (root / path).read_bytes() for path in repository.tracked(root)}


def test_the_repository_can_be_another(copy: Path) -> None:
    old = repository.address(copy)
    owner, name = old.split("/")
    before = contents(copy)
    result = set_repository(copy, NEW)
    assert (result.returncode, result.stderr) == (0, "")
    after = contents(copy)
    changed = {path for path in before if before[path] != after[path]}
    assert result.stdout.split() == sorted(map(str, changed))
    assert repository.address(copy) == NEW
    odd = after.pop(Path("odd.txt")).decode()
    assert odd == (
        "my/?owner=some-body&repository=other_name.2&category=integration\r\n"
        f"git clone https://github.com/{NEW}.git\r\n"
        f"See {NEW}. And {old}-card, x{old}.\r\n"
    )
    assert after.pop(Path("picture.png")) == before[Path("picture.png")]
    left = [path for path, content in after.items() if f"{owner}/{name}".encode() in content]
    left += [path for path, content in after.items() if f"{owner}%2F{name}".encode() in content]
    assert left == []
    assert not any(name.encode() in content for content in after.values())


def test_once_is_enough(copy: Path) -> None:
    first = contents(copy)
    assert set_repository(copy, repository.address(copy)).stdout == ""
    assert contents(copy) == first
    set_repository(copy, NEW)
    second = contents(copy)
    assert set_repository(copy, NEW).stdout == ""
    assert contents(copy) == second


@pytest.mark.parametrize(
    "name",
    [
        "",
        "name",
        "/name",
        "owner/",
        "owner/name/more",
        "-owner/name",
        "owner-/name",
        "ow--ner/name",
        "ow_ner/name",
        "owner/..",
        "owner/na me",
        "owner/name\n",
        "https://github.com/owner/name",
        r"owner/\1",
    ],
)
def test_no_other_names(copy: Path, name: str) -> None:
    before = contents(copy)
    result = set_repository(copy, name)
    assert (result.returncode, result.stdout) == (2, "")
    assert "OWNER/NAME" in result.stderr
    assert contents(copy) == before


def test_one_name_at_once(copy: Path) -> None:
    assert set_repository(copy).returncode == set_repository(copy, NEW, NEW).returncode == 2
