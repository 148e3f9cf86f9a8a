"""Makes a release of what is here, up to its commit.

Any Python 3.9 runs this, as no environment is needed for it.
"""

import argparse
from datetime import datetime, timezone
import json
from pathlib import Path
import re
import subprocess
import sys
import zipfile

from scripts.repository import INTEGRATION, MANIFEST, ROOT, address, git, tracked

CONST = INTEGRATION / "const.py"
CHANGELOG = Path("CHANGELOG.md")
HACS = Path("hacs.json")
DIST = Path("dist")
VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
UNRELEASED = "## Unreleased\n"
NEXT = """\
{version} is written, and {zip} built. Next:

  .ci/run
  git commit --all --message "Release {version}"
  git tag v{version}
  git push origin HEAD v{version}
  gh release create v{version} --title {version} --notes-file {notes}

When the release is published, release.yaml builds the same zip, attests it and attaches it.
"""


class ReleaseError(Exception):
    """There can be no such release."""


def version(root: Path) -> str:
    """Return the version that the manifest has."""
    return str(json.loads((root / MANIFEST).read_text(encoding="utf-8"))["version"])


def order(text: str) -> tuple[int, ...]:
    """Return a version in a form that can be compared."""
    if not VERSION.fullmatch(text):
        raise ReleaseError(f"{text!r} is no version: it is three numbers, such as 0.2.0.")
    return tuple(map(int, text.split(".")))


def refuse(root: Path, new: str) -> None:
    """Raise if this version cannot be released from here."""
    old = version(root)
    if order(new) < order(old):
        raise ReleaseError(f"{new} is older than {old}, which the manifest has.")
    if git(root, "tag", "--list", f"v{new}") or f"\n## {new} " in (root / CHANGELOG).read_text(
        encoding="utf-8"
    ):
        raise ReleaseError(f"{new} was released before.")
    if not notes(root, "Unreleased"):
        raise ReleaseError(f"{CHANGELOG} has nothing under Unreleased.")
    if changes := git(root, "status", "--porcelain"):
        raise ReleaseError(f"There are changes that are not committed:\n{changes.rstrip()}")


def replaced(root: Path, path: Path, old: str, new: str) -> str:
    """Return what a file says with one text in place of another, which it has once."""
    text = (root / path).read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ReleaseError(f"{path} has {old.strip()!r} {text.count(old)} times, and not once.")
    return text.replace(old, new)


def edits(root: Path, new: str, date: str) -> dict[Path, str]:
    """Return what the files that name the version will say."""
    old = version(root)
    return {
        MANIFEST: replaced(root, MANIFEST, f'"version": "{old}"', f'"version": "{new}"'),
        CONST: replaced(root, CONST, f'\nVERSION = "{old}"\n', f'\nVERSION = "{new}"\n'),
        CHANGELOG: replaced(root, CHANGELOG, UNRELEASED, f"{UNRELEASED}\n## {new} - {date}\n"),
    }


def notes(root: Path, heading: str) -> str:
    """Return what the changelog has under a heading, or one that begins so."""
    sections = (root / CHANGELOG).read_text(encoding="utf-8").split("\n## ")[1:]
    found = [text.partition("\n")[2] for text in sections if text.split()[0] == heading]
    return "".join(found).strip()


def build_zip(root: Path, tag: str = "") -> Path:
    """Write the files that git knows of the integration into a zip, and return its path.

    Whoever builds it of the same commit gets the same bytes: there is no time in it, no order of
    the disk's, and nothing is compressed, as that differs from machine to machine.
    """
    if tag and tag != f"v{version(root)}":
        raise ReleaseError(f"{tag} is not the tag of {version(root)}.")
    name = json.loads((root / HACS).read_text(encoding="utf-8")).get("filename")
    target = DIST / (name or f"{INTEGRATION.name}.zip")
    (root / DIST).mkdir(exist_ok=True)
    with zipfile.ZipFile(root / target, "w", zipfile.ZIP_STORED) as archive:
        for path in tracked(root, INTEGRATION):
            # Its time is that of 1980, where the times of a zip begin.
            info = zipfile.ZipInfo(path.relative_to(INTEGRATION).as_posix())
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, (root / path).read_bytes())
    return target


def release(root: Path, new: str, *, dry_run: bool) -> None:
    """Write a version, check and build, and say what comes next."""
    refuse(root, new)
    # As in git's and GitHub's own dates of a release, wherever it is made.
    date = datetime.now(timezone.utc).date().isoformat()  # noqa: UP017
    written = edits(root, new, date)
    if dry_run:
        for path in written:
            print(f"{path}: {version(root)} -> {new}")
        print(f"Nothing is written. {CHANGELOG} would say of {new}:")
        print("", notes(root, "Unreleased"), sep="\n")
        return
    before = {path: (root / path).read_text(encoding="utf-8") for path in written}
    for path, text in written.items():
        (root / path).write_text(text, encoding="utf-8")
    passed = False
    try:
        check = subprocess.run([str(root / "scripts" / "check")], check=False)  # noqa: S603
        passed = check.returncode == 0
    finally:
        # Also if somebody ends it meanwhile.
        if not passed:
            for path, text in before.items():
                (root / path).write_text(text, encoding="utf-8")
    if not passed:
        raise ReleaseError("scripts/check does not pass; nothing is written.")
    built = build_zip(root)
    told = DIST / "notes.md"
    # The page of a release has no files beside it.
    files = f"](https://github.com/{address(root)}/blob/v{new}/"
    said = re.sub(r"\]\((?!https?:)", files, notes(root, new))
    (root / told).write_text(said + "\n", encoding="utf-8")
    print(NEXT.format(version=new, zip=built, notes=told))


def main() -> int:
    """Release, or build the zip alone."""
    parser = argparse.ArgumentParser(prog="scripts/release")
    parser.add_argument("version", nargs="?", help="three numbers, such as 0.2.0; with --zip a tag")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--zip", action="store_true", help="build the zip of what is here")
    options = parser.parse_args()
    try:
        if options.zip:
            print(build_zip(ROOT, options.version or ""))
        elif options.version:
            release(ROOT, options.version, dry_run=options.dry_run)
        else:
            parser.error("which version?")
    except ReleaseError as err:
        print(f"[release] {err}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
