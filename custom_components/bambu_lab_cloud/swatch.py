"""Pictures of spools in the colors of their filament, shown in place of an icon."""

from base64 import b64encode
from functools import lru_cache

_RIMS = '<g stroke="#808080" stroke-width=".7"><circle r="10"/><circle r="4"/></g>'


@lru_cache
def swatch(colors: tuple[str, ...]) -> str | None:
    """Return a picture of a spool in colors as "#RRGGBB", None without any."""
    if not colors:
        return None
    # Each color has an equal share of the ring; the rims show white on white, and black on black.
    count = len(colors)
    ring = "".join(
        f'<circle r="7" stroke="{color}" stroke-width="6" pathLength="{count}"'
        f' stroke-dasharray="1 {count - 1}" stroke-dashoffset="{-index}"/>'
        for index, color in enumerate(colors)
    )
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 24 24" fill="none">'
        f"{ring}{_RIMS}</svg>"
    )
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
