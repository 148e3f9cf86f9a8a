"""A Bambu Lab cloud to run on the desk."""

from .server import Simulator

__all__ = ["Simulator"]
