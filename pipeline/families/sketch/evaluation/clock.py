"""A process of its own that times itself: how long the family takes to load and a picture to be drawn.

Called with the time at which it was started and a folder to work in; prints JSON, all in seconds.
"""

import json
import sys
import time
from pathlib import Path

PICTURES = 7
TIMES = ("load", "start", "base", "both")


def main(started: float, work: Path) -> None:
    from pipeline.config import Config
    from pipeline.engine import open_engine
    from pipeline.errors import NoFaceFound
    from pipeline.families.sketch import CARD
    from pipeline.families.sketch.evaluation.likeness import Stranger
    from pipeline.families.sketch.evaluation.studio import order

    imported = time.perf_counter()
    engine = open_engine(Config(family=CARD.name, cache_dir=work / "cache"))
    load, start = time.perf_counter() - imported, time.time() - started

    def timed(**settings: str | int | float | bool) -> list[float]:
        """Of pictures one after the other, the first of which warms up; those whose face was not found do not count."""
        seconds = []
        for seed in range(PICTURES + 1):
            wanted = order(photos, prompt=stranger.prompts[0], seed=seed, steps=20, **settings)
            began = time.perf_counter()
            try:
                drawing = engine.draw(wanted.recipe, photos=photos).result()
            except NoFaceFound:  # in the photos
                return []
            if seed and not drawing.notes:
                seconds.append(time.perf_counter() - began)
        return seconds

    stranger = Stranger.invented(0)
    photos = stranger.photos
    with engine:
        base = timed(detail=False)
        both = timed(face_folder=stranger.name, detail_steps=20, denoise=1.0)
    print(json.dumps(dict(zip(TIMES, ([load], [start], base, both), strict=True))))


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
