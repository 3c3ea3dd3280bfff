"""Sweep files that several tests read."""

from pathlib import Path

EXAMPLES = sorted((Path(__file__).parents[2] / "sweeps" / "examples").glob("*.yaml"))

# The format's own example: every key at once.
EVERYTHING = """\
version: 1
name: guidance against face strength      # optional
method: grid              # grid | random (random needs run_cap)
run_cap: 500
repeats: 2                # generations per cell
seed: shared              # shared | per_cell | [1, 2]
base: {prompt: "a portrait of a {woman|man} img", steps: 20}
parameters:
  steps: {values: [10, 20, 30]}
  guidance_scale: "4-7 (+1.5)"
  weight: {min: 0.6, max: 1.4, q: 0.2, distribution: q_uniform}
  face_folder: {glob: "team-*"}
zip:
  - {sampler: [euler, dpmpp_2m], schedule: [ays, karras]}
exclude: [{steps: 30, guidance_scale: 7}]
include: [{steps: 80}]
rows: guidance_scale
columns: steps
"""

# A file for W&B's own agents, over our names, as their documentation writes them.
WANDB_GRID = """\
program: train.py
project: portraits
entity: studio
description: a grid
command: ["${env}", python, "${program}", "${args}"]
method: grid
metric:
  name: likeness
  goal: maximize
early_terminate: {type: hyperband, min_iter: 3}
parameters:
  guidance_scale:
    values: [4.0, 8.0]
  sampler:
    distribution: categorical
    values: [euler, ddim]
  steps:
    value: 12
  face_id_weight:
    min: 1
    max: 3
  weight:
    distribution: q_uniform
    min: 0.5
    max: 1.0
    q: 0.25
"""

WANDB_RANDOM = """\
method: random
run_cap: 40
parameters:
  guidance_scale: {distribution: uniform, min: 2, max: 12}
  denoise: {distribution: log_uniform_values, min: 0.1, max: 0.9}
  weight: {distribution: normal, mu: 1, sigma: 0.4}
  steps: {distribution: int_uniform, min: 5, max: 9}
  crop_factor: {distribution: q_uniform, min: 1, max: 3, q: 0.5}
  sampler: {values: [euler, ddim], probabilities: [0.9, 0.1]}
"""

ALIAS_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
DEPTH_BOMB = "[" * 60_000
DEEP_MAPPING = "{a: " * 10_000
FLAT_BOMB = "x: [" + "1," * 30_000 + "1]"
EVERY_BOMB = (ALIAS_BOMB, DEPTH_BOMB, DEEP_MAPPING, FLAT_BOMB)
