"""The beginnings of pictures, of which nobody draws the rest."""

from struct import pack


def png(width: int = 512, height: int = 512) -> bytes:
    """Return a PNG."""
    return b"\x89PNG\r\n\x1a\n" + pack(">I4s2I", 13, b"IHDR", width, height).ljust(64)


def jpeg(width: int = 512, height: int = 512, *, before: bytes = b"", frame: int = 0xC0) -> bytes:
    """Return a JPEG, with segments before its frame."""
    return (b"\xff\xd8" + before + pack(">BBHB2H", 0xFF, frame, 17, 8, height, width)).ljust(64)


def segment(kind: int, content: bytes = b"") -> bytes:
    """Return a segment of a JPEG."""
    return pack(">BBH", 0xFF, kind, 2 + len(content)) + content


def webp(width: int = 512, height: int = 512, kind: bytes = b"VP8X") -> bytes:
    """Return a WebP of one of its three kinds."""
    size = (width - 1) | (height - 1) << (14 if kind == b"VP8L" else 24)
    content = {
        b"VP8 ": b"\0\0\0\x9d\x01\x2a" + pack("<2H", width & 0xFFFF, height & 0xFFFF),
        b"VP8L": b"\x2f" + pack("<Q", size)[:4],
        b"VP8X": bytes(4) + pack("<Q", size)[:6],
    }[kind]
    return (b"RIFF\0\0\0\0WEBP" + kind + bytes(4) + content).ljust(64)
