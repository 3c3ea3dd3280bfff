"""Discord on loopback: REST, gateway and CDN for the real client, a page and a driver for members."""

from .driver import File, Member
from .interactions import Interaction, NoAnswer
from .options import Rejected
from .server import Sandbox

__all__ = ["File", "Interaction", "Member", "NoAnswer", "Rejected", "Sandbox"]
