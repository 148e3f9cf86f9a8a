"""Writes the figures of a script where the pages of docs show them.

A page has a place for each script that measures, between two comments that name it.
"""

from pathlib import Path
import re

DOCS = Path(__file__).parents[1] / "docs"
# Whether something holds, as a table shows it.
MARKS = {True: "✓", False: "✗"}

# What was looked at, what was found, and whether that may be.
type Row = tuple[str, str, bool]


def put(text: str, script: str, figures: str) -> str:
    """Return a page with what a script writes there in place of what it wrote the last time."""
    begin, end = f"<!-- {script} writes this -->\n", f"<!-- end of {script} -->"
    place = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    text, places = place.subn(lambda _: f"\n{figures.strip()}\n\n", text)
    if places != 1:
        raise ValueError(f"there is no place for the figures of {script}")
    return text


def write(page: str, script: str, figures: str) -> None:
    """Replace what a script wrote into a page the last time; figures are Markdown."""
    path = DOCS / f"{page}.md"
    path.write_text(put(path.read_text(encoding="utf-8"), script, figures), encoding="utf-8")
