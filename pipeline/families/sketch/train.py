"""Make the sketch family's weights, from the first drawing to the folder that is shipped.

    python -m pipeline.families.sketch.train

Takes some hours on two cores, minutes with a GPU. Stop it whenever you like: started again it goes on from the last
checkpoint in `--work`, at most five minutes back. With a GPU it is the same command.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from pipeline.families.sketch import WEIGHTS
from pipeline.families.sketch.training import family, material, samples
from pipeline.families.sketch.training.denoiser import train_denoiser
from pipeline.families.sketch.training.drawings import drawn
from pipeline.families.sketch.training.faces import train_faces, trained_faces
from pipeline.families.sketch.training.identity import train_identity
from pipeline.families.sketch.training.run import accelerator, cores, finished, together
from pipeline.families.sketch.training.vae import train_vae, trained_vae

PEOPLE = 7000
VAE_STEPS, DENOISER_STEPS, IDENTITY_STEPS = 3000, 2900, 500
LOOK_EVERY = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="where drawings and checkpoints lie (default: data/sketch)")
    parser.add_argument(
        "--out", type=Path, help="the family's folder (default: the shipped one; of a trial, in --work)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="a part of all people and steps, to try it out")
    asked = parser.parse_args()
    whole = asked.scale == 1
    work: Path = asked.work or Path("data/sketch" if whole else f"data/sketch-{asked.scale:g}")
    try:
        make(work, asked.out or (WEIGHTS if whole else work / "family"), asked.scale, cores())
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command goes on from the last checkpoint.")


def make(work: Path, out: Path, scale: float, processes: int) -> None:
    """Every stage after the other; what was finished before is not done again."""
    work.mkdir(parents=True, exist_ok=True)
    plan = work / "scale.txt"
    if plan.is_file() and plan.read_text("utf-8") != f"{scale:g}":
        sys.exit(f"{work} holds a training at the scale {plan.read_text('utf-8')}, not {scale:g}; name another --work.")
    plan.write_text(f"{scale:g}", "utf-8")
    people = range(max(12, math.ceil(PEOPLE * scale)))
    console = Console()

    def train(name: str, stage: Callable[[range, int, Path], None], full: int) -> None:
        steps = max(2, math.ceil(full * scale))
        if not finished(work, name, steps):
            together(stage, people, steps, work, processes=processes)

    console.rule(f"drawing {len(people):,} people")
    drawings = drawn(people, work, processes)
    console.rule("faces: detector, recogniser, sex and age, landmarks")
    train_faces(work, scale, processes)
    console.rule(f"VAE, on {accelerator()}")
    train("vae", train_vae, VAE_STEPS)
    if not (work / "material.pt").is_file():
        console.rule("latents, captions, embeddings")
        material.prepare(drawings, trained_vae(people, work), trained_faces(work)["recogniser"], work, processes)
    console.rule("text encoders, UNet and ID encoder")
    train("denoiser", denoise, DENOISER_STEPS)
    console.rule("LoRA and ID encoder")
    train("identity", identify, IDENTITY_STEPS)
    family.write(people, work, out)
    console.print(f"The family is written: {out}")


def denoise(people: range, steps: int, work: Path) -> None:
    """The denoiser's training, in one of its processes, with a sheet of samples now and then."""
    train_denoiser(steps, work, look=Look(people, work, "denoiser"), look_every=LOOK_EVERY)


def identify(people: range, steps: int, work: Path) -> None:
    """The identity's training, in one of its processes, with a sheet of samples now and then."""
    train_identity(steps, work, look=Look(people, work, "identity"), look_every=LOOK_EVERY)


class Look:
    """Draws `work/NAME-STEP.png` and says so."""

    def __init__(self, people: range, work: Path, name: str) -> None:
        self._people, self._work, self._name = people, work, name

    @torch.no_grad()
    def __call__(self, step: int, average: nn.Module) -> str:
        path = self._work / f"{self._name}-{step:05d}.png"
        with torch.autocast(accelerator().type, torch.bfloat16):
            vae = trained_vae(self._people, self._work).to(torch.get_default_device())
            samples.sheet(average, vae, self._work).save(path)
        return f"drawn: {path}"


if __name__ == "__main__":
    main()
