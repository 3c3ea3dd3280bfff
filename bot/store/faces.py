"""People's photos: the folders below `faces/`, one a person."""

from pathlib import Path


class Faces:
    """Which people there are. A name is a folder's name; nothing outside the folder is reached."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The people's names in order; links and hidden folders are left out."""
        if not self._folder.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self._folder.iterdir()
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
        )
