"""What a trajectory begins with: the right words, the right person, and nothing made twice."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import prompt
from pipeline.brief import brief
from pipeline.faces import Face
from pipeline.flight import Flight
from pipeline.people import Person
from pipeline.stages import detail
from pipeline.starter import Starter

CANVAS = np.random.default_rng(3).integers(0, 255, (128, 128, 3), np.uint8)
BOX = (40.0, 40.0, 90.0, 90.0)


@pytest.fixture(scope="module")
def person(modules):
    """Makes people as PhotoMaker V1 knows them, each with photos of their own."""

    def make(name, class_word="man", seed=0, photos=2):
        side = modules.photomaker.encoder.shape.vision["image_size"]
        shots = torch.randn(photos, 3, side, side, generator=torch.Generator().manual_seed(seed))
        return Person(name, f"the digest of {name}'s photos, {seed}", class_word, shots, None)

    return make


def a_face(wanted, someone=None, box=BOX):
    """A flight that has come to a face, which is to be drawn again as someone or as nobody."""
    passes, _ = detail.passes(wanted, CANVAS, [Face(box, 0.9)])
    flight = Flight(wanted.key, wanted, 8, 0, [])
    flight.crop = detail.open_crop(CANVAS, replace(passes[0], person=someone))
    return flight


def a_base(wanted):
    return Flight(wanted.key, wanted, 8, 0, [])


def told(trajectory):
    return trajectory.conditioning.embeds, trajectory.conditioning.pooled


def same(one, other):
    return all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


@torch.inference_mode()
def begun(starter, flight):
    return starter.begin(flight)


def as_person(modules, text, recipe, someone):
    photos = (someone.pixels, someone.embeddings, recipe.face_id_weight)
    identity = prompt.encode_identity(modules, text, recipe.negative_prompt, *photos).weighted(recipe.weight)
    return identity.embeds, identity.pooled


def as_text(modules, text, recipe):
    plain = prompt.encode(modules, text, recipe.negative_prompt)
    return plain.embeds, plain.pooled


@torch.inference_mode()
def test_what_a_face_is_told_differs_with_every_input_of_it_however_often_one_starter_is_asked(modules, recipe, person):
    """Prompt, negative prompt, face_id_weight, weight, and other photos of the same name: each has its own embeds."""
    settings = {"prompt": "a man img", "negative_prompt": "blurry", "face_folder": "mina", "detail": True}
    cases = [(recipe(**settings), person("mina"))]
    changes = ({"prompt": "an old man img"}, {"negative_prompt": "red"}, {"face_id_weight": 5}, {"weight": 0.5})
    cases += [(recipe(**settings | change), person("mina")) for change in changes]
    cases += [(recipe(**settings), person("mina", seed=1))]
    starter = Starter(modules)
    for wanted, mina in cases * 2:
        trajectory, _ = begun(starter, a_face(brief(wanted, [mina]), mina))
        assert same(told(trajectory), as_person(modules, wanted.prompt, wanted, mina))


@torch.inference_mode()
def test_what_a_base_is_told_differs_with_its_prompt_and_its_negative_prompt(modules, recipe):
    starter = Starter(modules)
    for settings in ({}, {"prompt": "a cat"}, {"negative_prompt": "red"}, {}):
        wanted = recipe(**settings)
        trajectory, _ = begun(starter, a_base(brief(wanted)))
        assert same(told(trajectory), as_text(modules, wanted.prompt, wanted))


@torch.inference_mode()
def test_each_face_is_told_its_own_class_word_and_the_base_all_of_them(modules, recipe, person):
    theo, mina = person("theo", "man", 1), person("mina", "woman", 2)
    asked = recipe(prompt="in the rain", face_folder="theo, mina", detail=True)
    wanted, starter = brief(asked, [theo, mina]), Starter(modules)
    base, *faces = (
        told(begun(starter, flight)[0])
        for flight in (a_base(wanted), a_face(wanted, theo), a_face(wanted, mina), a_face(wanted))
    )
    assert same(base, as_text(modules, "man and woman img, in the rain", asked))
    assert same(faces[0], as_person(modules, "man img, in the rain", asked, theo))
    assert same(faces[1], as_person(modules, "woman img, in the rain", asked, mina))
    assert same(faces[2], as_text(modules, "in the rain", asked))


@torch.inference_mode()
def test_the_text_comes_first_and_the_person_after_the_steps_that_are_the_texts(modules, recipe, person):
    mina = person("mina")
    asked = recipe(prompt="a man img", face_folder="mina", start_merge_step=1, weight=0.7)
    trajectory, _ = begun(Starter(modules), a_base(brief(asked, [mina])))
    found = []
    while not trajectory.done:
        found.append(told(trajectory))
        trajectory.advance(torch.zeros_like(trajectory.latents))
    text, identity = as_text(modules, asked.prompt, asked), as_person(modules, asked.prompt, asked, mina)
    assert [same(each, text) for each in found] == [True, True, False, False]
    assert [same(each, identity) for each in found] == [False, False, True, True]


def test_a_person_is_encoded_once_for_all_weights_and_a_crop_once_for_all_people(modules, recipe, person):
    encoded, crops = [], []
    hooks = [
        modules.photomaker.encoder.register_forward_hook(lambda *_: encoded.append(1)),
        modules.vae.encoder.register_forward_hook(lambda *_: crops.append(1)),
    ]
    starter, mina, theo = Starter(modules), person("mina", seed=1), person("theo", seed=2)
    settings = {"prompt": "a man img", "detail": True, "crop_factor": 1.5}
    wanted = [recipe(face_folder="mina", weight=weight, **settings) for weight in (0.5, 1.0, 1.5)]
    for each in wanted:
        begun(starter, a_face(brief(each, [mina]), mina))
    assert (len(encoded), len(crops)) == (1, 1)
    other = recipe(face_folder="theo", **settings)
    begun(starter, a_face(brief(other, [theo]), theo))
    assert (len(encoded), len(crops)) == (2, 1)
    begun(starter, a_face(brief(other, [theo]), theo, box=(38.0, 42.0, 88.0, 92.0)))  # the same size at another place
    assert (len(encoded), len(crops)) == (2, 2)
    for hook in hooks:
        hook.remove()


def test_words_that_are_lost_beside_the_trigger_are_named_in_both_stages(modules, recipe, person):
    """The text alone would lose one word less than the text with the trigger."""
    mina = person("mina", photos=1)
    words = "a man img, " + "red " * 71 + "hat"
    asked = recipe(prompt=words, face_folder="mina", start_merge_step=1, detail=True)
    wanted, starter = brief(asked, [mina]), Starter(modules)
    with torch.inference_mode():
        identity = prompt.encode_identity(modules, words, asked.negative_prompt, mina.pixels, None, 0)
        text = prompt.encode(modules, words, asked.negative_prompt)
    assert len(identity.notes) == 1
    assert identity.notes != text.notes
    assert begun(starter, a_base(wanted))[1] == identity.notes
    assert begun(starter, a_face(wanted, mina))[1] == identity.notes
