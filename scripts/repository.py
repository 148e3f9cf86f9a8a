"""Where the repository is on GitHub, and what names it.

Any Python 3.9 runs this, as no environment is needed for it.
"""

import json
import os
from pathlib import Path
import re
import subprocess
import sys

ROOT = Path(__file__).parents[1]
DOMAIN = "bambu_lab_cloud"
INTEGRATION = Path("custom_components") / DOMAIN
MANIFEST = INTEGRATION / "manifest.json"
MADE = {"__pycache__", "dist"}
# As GitHub lets owners and repositories be called; what `git clone` takes ends in .git as well.
ADDRESS = re.compile(
    r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*/(?!\.\.?$)(?!.*\.(?i:git)$)[A-Za-z0-9._-]{1,100}"
)
# In a path, in an address that is part of another one, and in a link of My Home Assistant.
FORMS = ("{}/{}", "{}%2F{}", "owner={}&repository={}")


def git(root: Path, *arguments: str) -> str:
    """Return what git says, or raise what it complains of."""
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def tracked(root: Path, folder: Path = Path()) -> list[Path]:
    """Return the files that git knows below a folder, relative to the root and sorted.

    Where nobody has cloned it there is no git to ask: then all but what is made here.
    """
    if (root / ".git").exists():
        listed = git(root, "ls-files", "-z", "--", str(folder))
        return sorted(Path(name) for name in listed.split("\0") if name)
    paths = []
    for place, folders, names in os.walk(root / folder):
        folders[:] = [
            name
            for name in folders
            if name in {".ci", ".github"} or not (name.startswith(".") or name in MADE)
        ]
        paths += [Path(place, name).relative_to(root) for name in names]
    return sorted(paths)


def address(root: Path) -> str:
    """Return OWNER/NAME as the manifest has it."""
    manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    return str(manifest["documentation"]).removeprefix("https://github.com/")


def names(place: str) -> list[tuple[re.Pattern[str], str]]:
    """Return what finds an OWNER/NAME in each form, and not in a longer name, with the form."""
    before = r"(?:(?<=%2F)|(?<![\w.-]))"
    after = r"(?![\w-]|\.(?!git\b)\w)"
    return [
        (re.compile(before + re.escape(form.format(*place.split("/"))) + after), form)
        for form in FORMS
    ]


def rewrite(root: Path, new: str) -> list[Path]:
    """Write another OWNER/NAME into every file that names the present one; return those files."""
    found = names(address(root))
    changed = []
    for path in tracked(root):
        try:
            # As it is, whatever ends its lines.
            before = (root / path).read_bytes().decode()
        except UnicodeDecodeError:
            continue
        after = before
        for pattern, form in found:
            after = pattern.sub(form.format(*new.split("/")), after)
        if after != before:
            (root / path).write_bytes(after.encode())
            changed.append(path)
    return changed


def main() -> int:
    """Rewrite what names the repository."""
    if len(sys.argv) != 2 or not ADDRESS.fullmatch(sys.argv[1]):
        print("usage: scripts/set-repository OWNER/NAME, as GitHub has it", file=sys.stderr)
        return 2
    for path in rewrite(ROOT, sys.argv[1]):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
