"""The key that browsers' cookies are encrypted with: the operator's, or one that is made once and kept in DATA_DIR."""

import os
import tempfile
from pathlib import Path

import structlog
from cryptography.fernet import Fernet

from bot.settings import BadSettings

NAME = "session.key"
MAKE_ONE = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
OTHERS = 0o077

log = structlog.get_logger("atelier.web")


def session_key(said: str, folder: Path) -> bytes:
    """The key, as Fernet takes it: 32 bytes in URL-safe base64. `said` is SESSION_KEY; empty: the one in `folder`.

    Consoles that share the folder share its key, whichever of them made it. Raises BadSettings.
    """
    if said:
        return _checked(said.strip(), f"SESSION_KEY: expected 32 bytes in URL-safe base64. {MAKE_ONE} makes one.")
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        if path.stat().st_mode & OTHERS:
            log.warning("others on this machine may read the key of all sessions; chmod 600 mends it", file=str(path))
        kept = path.read_text("utf-8", errors="replace").strip()
    except OSError as error:
        raise BadSettings(f"DATA_DIR: {path} can be neither read nor made ({error.strerror}).") from error
    return _checked(
        kept, f"DATA_DIR: {path} holds no key. Remove it, and a new one is made; everybody then signs in again."
    )


def _make(path: Path) -> None:
    """Make the file with a new key, whole, unless somebody else does so at this moment: then theirs stays."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".part-")  # which only we may read
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links, where two that begin at the very same moment part ways once
            os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _checked(key: str, sentence: str) -> bytes:
    try:
        Fernet(key.encode())
    except ValueError as error:  # binascii's errors are some too; they quote nothing
        raise BadSettings(sentence) from error
    return key.encode()
