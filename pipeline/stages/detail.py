"""Stage 2: each face is cut out, magnified, drawn again by differential diffusion and pasted back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pipeline import geometry, masks, pixels, schedule
from pipeline.blend import Blend
from pipeline.brief import Brief
from pipeline.faces import Face
from pipeline.people import Person
from pipeline.prompt import Conditioning
from pipeline.stages import base
from pipeline.trajectory import Trajectory
from pipeline.weights import Modules
from sweeps.recipe import Recipe

MOST_FACES = 8
NO_FACE = "No face found: the picture stays as it was."


@dataclass(frozen=True, eq=False)
class FacePass:
    """A face that is to be drawn again: where, how far each pixel of the region may change (0..1, [rh, rw]), at which
    size (width, height), with which seed, and as whom."""

    face: Face
    region: geometry.Region
    mask: NDArray[np.float32]
    size: tuple[int, int]
    seed: int
    person: Person | None


@dataclass(frozen=True, eq=False)
class Crop:
    """A face pass opened on a picture: its region magnified to the pass's size, [h, w, 3]."""

    face_pass: FacePass
    magnified: NDArray[np.uint8]


def passes(brief: Brief, canvas: NDArray[np.uint8], faces: Sequence[Face]) -> tuple[list[FacePass], tuple[str, ...]]:
    """The face passes of a picture [H, W, 3] from left to right, and notes about who found no face.

    As many of the largest faces as there are people get an identity, left to right; the others are drawn again by the
    text. Each has a seed of its own, the recipe's for the first.
    """
    recipe = brief.recipe
    height, width, _ = canvas.shape
    places = [geometry.crop_region(geometry.squared(face.box), recipe.crop_factor, width, height) for face in faces]
    change = [masks.change_mask(face, place, (width, height)) for face, place in zip(faces, places, strict=True)]
    usable = [i for i in range(len(faces)) if change[i].any()]
    drawn = sorted(sorted(usable, key=lambda i: -faces[i].area)[:MOST_FACES], key=lambda i: faces[i].box[0])
    largest = sorted(drawn, key=lambda i: -faces[i].area)[: len(brief.people)]
    people = dict(zip((i for i in drawn if i in largest), brief.people, strict=False))
    found = [
        FacePass(
            face=faces[i],
            region=places[i],
            mask=change[i],
            size=geometry.working_size(places[i], recipe.detail_size),
            seed=(recipe.seed + number) % 2**32,
            person=people.get(i),
        )
        for number, i in enumerate(drawn)
    ]
    return found, _notes(brief, len(usable), len(found))


def open_crop(canvas: NDArray[np.uint8], face_pass: FacePass) -> Crop:
    """The pass on the picture as it is now, with the faces before it already drawn."""
    return Crop(face_pass, geometry.magnify(canvas, face_pass.region, face_pass.size))


def encode(modules: Modules, magnified: NDArray[np.uint8]) -> torch.Tensor:
    """A picture [h, w, 3] to its clean latent [1, 4, h/8, w/8] in float32, encoded in the VAE's own precision."""
    vae = modules.vae
    pixel_values = pixels.to_tensor(Image.fromarray(magnified))[None].to(modules.device, vae.dtype)  # [1, 3, h, w]
    return (vae.encode(pixel_values).latent_dist.mode() * vae.config.scaling_factor).float()


def begin(
    modules: Modules, recipe: Recipe, crop: Crop, original: torch.Tensor, conditioning: Conditioning
) -> Trajectory:
    """The trajectory of one face before its first step: its clean latent [1, 4, h/8, w/8] with the pass's own noise."""
    width, height = crop.face_pass.size
    first = recipe.detail_steps - recipe.detail_run
    scheduler = schedule.build(modules.scheduler, recipe.sampler, recipe.schedule, recipe.detail_steps, first)
    generator = torch.Generator().manual_seed(crop.face_pass.seed)
    change = masks.to_latents(torch.from_numpy(crop.face_pass.mask)[None, None], (original.shape[2], original.shape[3]))
    blend = Blend(
        original=original,
        noise=torch.randn(original.shape, generator=generator).to(original.device),
        kept=(1 - change).to(original.device),
        thresholds=masks.thresholds(recipe.detail_run),
    )
    return Trajectory(
        latents=blend.start(scheduler, first),
        scheduler=scheduler,
        conditioning=conditioning,
        time_ids=base.time_ids(modules, width, height),
        guidance=recipe.detail_guidance,
        noise=generator if schedule.SAMPLERS[recipe.sampler].draws_noise else None,
        first=first,
        blend=blend,
    )


def close_crop(canvas: NDArray[np.uint8], crop: Crop, drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with the face [h, w, 3] pasted back; bit for bit the same where the mask is 0."""
    return geometry.paste(canvas, crop.face_pass.region, drawn, crop.face_pass.mask)


def _notes(brief: Brief, seen: int, drawn: int) -> tuple[str, ...]:
    if not drawn:
        return (NO_FACE,)
    notes = []
    if seen > MOST_FACES:
        notes.append(f"{seen} faces found; the {MOST_FACES} largest were drawn again.")
    if without := brief.people[drawn:]:
        names = " and ".join(person.name for person in without)
        notes.append(f"Too few faces for everybody: {names} found none.")
    return tuple(notes)
