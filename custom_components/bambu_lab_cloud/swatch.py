"""Pictures of the colors of filament, which Home Assistant shows in place of an icon."""

from base64 import b64encode
from collections.abc import Sequence


def swatch(colors: Sequence[str]) -> str | None:
    """Return a picture of colors as "#RRGGBB" beside each other, None without any."""
    if not colors:
        return None
    width = 24 / len(colors)
    bands = "".join(
        f'<path fill="{color}" d="M{index * width:g} 0h{width:g}v24h-{width:g}z"/>'
        for index, color in enumerate(colors)
    )
    # White is to be seen on white, and black on black.
    rim = '<circle cx="12" cy="12" r="11.5" fill="none" stroke="#808080"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{bands}{rim}</svg>'
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
