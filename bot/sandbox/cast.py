"""The demo's cast: three invented people whose drawings lie ready in its data folder, so that faces can be tried."""

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from pipeline.families.sketch.draw import compose, draw, invent

CAST = {"bruno": 2_000_013, "cleo": 2_000_035, "olga": 2_000_068}
"""Seeds chosen by eye, of people whom the sketch family was not trained on; the members have other names."""

DRAWINGS = 3
"""Each takes two of a prompt's 77 tokens: so many leave room for the longest ideas."""
SIZE = 384
"""Pixels a side: the face is then larger than the smallest one that face recognition likes to see."""


RECORD, LAID = "person.json", "cast.json"
"""The record beside a person's photos, and the file in the data folder that tells who was laid there once."""
STATEMENT = "This person is invented: nobody looks like them but by chance. Pictures and photos may be shown."


WALL = "wall.yaml"
ON_THE_WALL = """\
# Who is on the photo wall, in this order, and how each is called there. Others need a line here, and
# consent for it: /faces consent.
title: The demo's wall
people:
  cleo: Cleo, the diver
  bruno: Bruno
  olga: Olga
"""


def lay(data: Path) -> None:
    """Draw whoever was never laid below `data`/faces, as if by hand, and put them on the wall; a person appears whole.

    Whoever was deleted since does not come back, and nor does the wall's list.
    """
    faces, marker = data / "faces", data / LAID
    faces.mkdir(parents=True, exist_ok=True)
    laid = set(json.loads(marker.read_text("utf-8"))) if marker.exists() else set()
    with tempfile.TemporaryDirectory(prefix="cast-", dir=data) as drafts:
        for name, seed in CAST.items():
            if name in laid:
                continue
            person = Path(drafts, name)
            person.mkdir()
            (person / RECORD).write_text(_record(), "utf-8")
            if not (faces / name).exists():
                _draw(seed, person)
                person.rename(faces / name)
            elif not (faces / name / RECORD).exists():  # an older demo's
                (person / RECORD).rename(faces / name / RECORD)
        if WALL not in laid and not (data / WALL).exists():
            Path(drafts, WALL).write_text(ON_THE_WALL, "utf-8")
            Path(drafts, WALL).rename(data / WALL)
        if laid != {*laid, *CAST, WALL}:
            draft = Path(drafts, LAID)
            draft.write_text(json.dumps(sorted({*laid, *CAST, WALL})) + "\n", "utf-8")
            draft.replace(marker)


def _record() -> str:
    """The consent of somebody who is nobody: everybody's, for the wall too, without an end."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    photos = [f"{number}.png" for number in range(1, DRAWINGS + 1)]
    holds = {"scope": "wall", "expires_at": None}
    agreed = {"statement": STATEMENT, "member_id": 0, "member": "the demo", "at": at, "photos": photos} | holds
    record = {"owner_id": None, "owner_name": None, "guild_id": None, "shared": True, "added_at": at}
    return json.dumps(record | holds | {"consents": [agreed], "revoked": False}, indent=1)


def _draw(seed: int, folder: Path) -> None:
    """One person's drawings, bare-headed: a hat would hide the hair that they are known by."""
    random = Random(seed)
    character = invent(random)
    for number in range(1, DRAWINGS + 1):
        shot = replace(compose(random), hat="", hat_colour="")
        draw(character, shot, SIZE).image.save(folder / f"{number}.png")
