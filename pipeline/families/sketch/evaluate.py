"""What the sketch family can do, in figures: `python -m pipeline.families.sketch.evaluate`.

Draws some 900 pictures with the product's own engine, has them judged by networks that have nothing to do with the
family, and writes the tables beside the weights. All seeds are fixed.
"""

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from pipeline.config import Config
from pipeline.families.sketch.evaluation import costs, detection, judges, likeness, steering
from pipeline.families.sketch.evaluation.judges import School
from pipeline.families.sketch.evaluation.likeness import Stranger
from pipeline.families.sketch.evaluation.studio import Studio, drawn
from pipeline.families.sketch.evaluation.table import Section

T = TypeVar("T")
AT_ONCE = 10
"""Prompts in one job."""


@dataclass(frozen=True)
class Extent:
    """How much is drawn: prompts at each guidance, people, drawings for the detector; and what the judges learn."""

    prompts: int
    people: int
    drawings: int
    school: School


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline.families.sketch.evaluate", description=__doc__)
    parser.add_argument("--out", type=Path, help="where to write (default: EVALUATION.md beside the weights)")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, to try out; written only with --out")
    parser.add_argument("--work", type=Path, help="where the judges are kept (default: a folder of the cache)")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    # It calls scikit-image's SimilarityTransform.estimate, and says so for every face.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"insightface\.")
    began = time.monotonic()
    work: Path = asked.work or Config().cache_dir / "sketch-evaluation"
    sections = measured(quick(work) if asked.quick else full(work), work)
    report = written(sections, time.monotonic() - began)
    print(report)
    out = asked.out or (None if asked.quick else Path(__file__).with_name("EVALUATION.md"))
    if out:
        out.write_text(report, "utf-8")


def full(work: Path) -> Extent:
    return Extent(prompts=200, people=30, drawings=500, school=School(work))


def quick(work: Path) -> Extent:
    school = School(work, people=300, recogniser_steps=80, drawings=300, reader_steps=40, examined=20)
    return Extent(prompts=20, people=3, drawings=50, school=school)


def measured(extent: Extent, work: Path) -> list[Section]:
    """All figures. What takes longest is begun first; times are taken when nothing else is done any more."""
    wished = steering.wishes(extent.prompts)
    strangers = [Stranger.invented(number) for number in range(extent.people)]
    unseen = range(detection.FIRST, detection.FIRST + extent.drawings)
    with Studio(work) as studio:
        recogniser = studio.start("second recogniser", judges.examine_recogniser, [extent.school])
        reader = studio.start("attribute reader", judges.examine_reader, [extent.school])
        steered = {
            guidance: studio.start(f"guidance {guidance:g}", drawn, parts(steering.orders(wished, guidance), AT_ONCE))
            for guidance in steering.GUIDANCES
        }
        people = studio.start("people", drawn, [stranger.orders() for stranger in strangers])
        found = studio.start("detector", detection.found, parts(unseen, AT_ONCE))
        pictures = {
            guidance: [picture for job in jobs for picture in job.result() if picture]
            for guidance, jobs in steered.items()
        }
        shown = [job.result() for job in people]
        drawings = [one for job in found for one in job.result()]
        known, accuracy = recogniser[0].result(), reader[0].result()
    judge = extent.school.reader()
    right = {guidance: steering.followed(wished, drawn, judge) for guidance, drawn in pictures.items()}
    return [
        steering.section(right, accuracy),
        *likeness.sections(strangers, shown, extent.school.recogniser(), known),
        detection.section(drawings, pictures[max(steering.GUIDANCES)]),
        costs.times(work),
        costs.sizes(),
    ]


def written(sections: Sequence[Section], seconds: float) -> str:
    intro = (
        "# What the sketch family can do\n\n"
        f"Written by `python -m pipeline.families.sketch.evaluate` in {seconds / 60:.0f} minutes (torch "
        f"{torch.__version__}). Every picture was drawn by the product's own engine, with the defaults of the family's "
        "card where nothing else is said; every seed is fixed.\n"
    )
    return "\n".join([intro, *(section.markdown() for section in sections)])


def parts(whole: Sequence[T], size: int) -> list[Sequence[T]]:
    """Pieces of that size, the last one perhaps smaller."""
    return [whole[start : start + size] for start in range(0, len(whole), size)]


if __name__ == "__main__":
    main()
