"""Beside the engine's thread: photos are opened, people identified, faces found, and some leave meanwhile."""

import io
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline import darkroom, pixels
from pipeline.engine import STEPS_BEFORE_MORE, Engine
from pipeline.errors import BadRecipe, Stopped
from pipeline.faces import Face, Faces

BOX = (40.0, 40.0, 90.0, 90.0)
SMALL = (
    "64 x 64 is far from 128 x 128, the size Tiny (random weights, abstract pictures) was made for; "
    "expect a weaker picture.",
)


class Slow:
    """An analyser that sees one face in every picture, and may be held; it remembers on which threads it was asked."""

    identifies, name = False, "slow"

    def __init__(self, *boxes):
        self.boxes, self.threads = boxes, []
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def find(self, image):
        self.threads.append(threading.current_thread())
        self.reached.set()
        assert self.go_on.wait(30)
        return tuple(Face(box, 0.9) for box in self.boxes)


@pytest.fixture
def slow():
    return Slow(BOX)


@pytest.fixture
def with_slow(modules, new_engine, slow):
    """Opens engines that find faces with the slow analyser, and draw people with PhotoMaker V1."""
    opened = []

    def open_one(**settings):
        opened.append(Engine(modules, new_engine.config(**settings), Faces(slow, limit_bytes=0)))
        return opened[-1]

    yield open_one
    slow.go_on.set()
    for engine in opened:
        engine.close()


@pytest.fixture
def brought(recipe):
    """Makes recipes whose faces are drawn again on the canvas."""
    return lambda **settings: replace(recipe(detail=True, detail_steps=4, **settings), photo="5" * 64)


def canvas(seed=0, width=128, height=128):
    shot = np.random.default_rng(seed).integers(0, 255, (height // 16, width // 16, 3), np.uint8)
    return pixels.encode_png(shot.repeat(16, 0).repeat(16, 1))


def array(drawing):
    return np.asarray(Image.open(io.BytesIO(drawing.png)))


def test_whoever_asks_is_not_kept_waiting_by_photos_or_faces(with_slow, slow, recipe, brought, photos, monkeypatch):
    opened, open_photo = [], darkroom.open_photo

    def spy(data, name):
        opened.append(threading.current_thread())
        return open_photo(data, name)

    monkeypatch.setattr(darkroom, "open_photo", spy)
    engine = with_slow()
    engine.draw(brought(), canvas=canvas()).result(60)  # its photo is opened, and a face found in it
    engine.draw(recipe(face_folder="mina"), photos=photos).result(60)  # two photos are looked at for a class word
    engine.draw(recipe()).result(60)
    engine.draw(recipe(detail=True)).result(60)  # a face is found in a base that is known
    assert (len(opened), len(slow.threads)) == (1, 4)
    own = {threading.current_thread(), engine._thread}
    assert own.isdisjoint([*opened, *slow.threads])


def test_a_newcomers_photos_keep_nobody_waiting_who_is_known(with_slow, slow, recipe, photos):
    engine = with_slow()
    engine.draw(recipe(face_folder="mina"), photos=photos).result(60)
    slow.go_on.clear()
    slow.reached.clear()
    newcomers = [engine.draw(recipe(seed=seed, face_folder="theo"), photos=photos) for seed in range(3)]
    assert slow.reached.wait(30)
    assert engine.draw(recipe(seed=2, face_folder="mina"), photos=photos).result(60).png
    assert not any(newcomer.done() for newcomer in newcomers)
    slow.go_on.set()
    assert all(newcomer.result(60).png for newcomer in newcomers)


def test_who_is_met_while_everybody_is_forgotten_is_not_remembered(with_slow, slow, recipe, photos):
    engine = with_slow()
    slow.go_on.clear()
    drawn = engine.draw(recipe(face_folder="mina"), photos=photos)
    assert slow.reached.wait(30)
    engine.forget()
    slow.go_on.set()
    assert drawn.result(60).png
    assert not engine.people.knows("mina", photos["mina"])


def test_an_urgent_picture_does_not_wait_for_the_faces_of_others(with_slow, slow, recipe):
    engine = with_slow()
    slow.go_on.clear()
    sweep = [engine.draw(recipe(seed=seed, steps=1, detail=True)) for seed in range(6)]
    assert slow.reached.wait(30)
    assert engine.draw(recipe(seed=99), urgent=True).result(60).png
    assert not any(future.done() for future in sweep)
    slow.go_on.set()
    assert all(future.result(60).png for future in sweep)


def test_an_engine_that_waits_for_faces_rests(with_slow, slow, recipe, photos, monkeypatch):
    """Nothing runs and the second flight waits for the first one's base: there is no step to take."""
    engine, prompt = with_slow(), "a man img"
    engine.draw(recipe(face_folder="mina", prompt=prompt), photos=photos).result(60)
    taken, step = [], engine.step
    monkeypatch.setattr(engine, "step", lambda: taken.append(1) or step())
    slow.go_on.clear()
    slow.reached.clear()
    settings = {"detail": True, "seed": 5, "prompt": prompt, "face_folder": "mina"}
    futures = [engine.draw(recipe(weight=weight, **settings), photos=photos) for weight in (0.5, 1.0)]
    assert slow.reached.wait(30)
    time.sleep(0.3)
    assert len(taken) < 20
    slow.go_on.set()
    assert len({future.result(60).png for future in futures}) == 2


@pytest.mark.parametrize("leaves", ["closing", "stopping"])
def test_no_further_photo_is_looked_at_for_nobody(modules, new_engine, slow, recipe, photos, leaves):
    engine, stop = Engine(modules, new_engine.config(), Faces(slow, limit_bytes=0)), threading.Event()
    slow.go_on.clear()
    shots = {"mina": photos["mina"] + photos["theo"]}
    future = engine.draw(recipe(face_folder="mina"), photos=shots, should_stop=stop.is_set)
    assert slow.reached.wait(30)
    closing = threading.Thread(target=engine.close)
    closing.start() if leaves == "closing" else stop.set()
    engine._thread.join(0.2)
    slow.go_on.set()
    with pytest.raises(Stopped):
        future.result(60)
    assert len(slow.threads) == 1
    closing.join() if leaves == "closing" else engine.close()


def test_what_was_remembered_of_people_can_be_forgotten(with_slow, slow, recipe, photos, modules):
    encoded = []
    hook = modules.photomaker.encoder.register_forward_hook(lambda *_: encoded.append(1))
    engine, wanted = with_slow(), recipe(prompt="a man img", face_folder="mina", start_merge_step=1)
    first = engine.draw(wanted, photos=photos).result(60)
    looked = len(slow.threads)
    assert engine.draw(wanted, photos=photos).result(60).bases == 0
    assert (len(slow.threads), len(encoded)) == (looked, 1)
    engine.forget()
    again = engine.draw(wanted, photos=photos).result(60)
    hook.remove()
    assert again.bases == 1
    assert (array(again) == array(first)).all()
    assert (len(slow.threads), len(encoded)) == (2 * looked, 2)


@pytest.mark.parametrize("how", ["cancelled", "stopped"])
def test_a_picture_that_everybody_left_while_it_was_looked_at_takes_no_step(with_slow, slow, brought, calls, how):
    engine, stop = with_slow(), threading.Event()
    slow.go_on.clear()
    future = engine.draw(brought(), canvas=canvas(), should_stop=stop.is_set)
    assert slow.reached.wait(30)
    stop.set() if how == "stopped" else future.cancel()
    slow.go_on.set()
    if how == "stopped":
        with pytest.raises(Stopped, match="Stopped before the picture was finished"):
            future.result(60)
    stop.clear()
    assert engine.draw(brought(seed=2), canvas=canvas()).result(60).png
    assert len(calls) == 2
    assert not engine.roster.flights


def test_closing_while_a_picture_is_looked_at_stops_it_and_ends_every_thread(
    modules, new_engine, slow, recipe, brought, photos
):
    before = set(threading.enumerate())
    engine = Engine(modules, new_engine.config(), Faces(slow, limit_bytes=0))
    engine.draw(recipe(face_folder="mina"), photos=photos).result(60)
    slow.go_on.clear()
    slow.reached.clear()
    aside = engine.draw(brought(), canvas=canvas())
    assert slow.reached.wait(30)
    closing = threading.Thread(target=engine.close)
    closing.start()
    engine._thread.join()
    slow.go_on.set()
    closing.join(60)
    with pytest.raises(Stopped, match="engine was closed"):
        aside.result(timeout=0)
    assert set(threading.enumerate()) <= before
    for wanted in (recipe(seed=2), recipe(seed=2, face_folder="mina"), brought(seed=2)):
        with pytest.raises(Stopped, match=r"^The engine is closed; nothing more is drawn\.$"):
            engine.draw(wanted, photos=photos, canvas=canvas()).result(timeout=0)


def test_what_is_said_of_a_base_is_said_of_every_picture_made_from_it(gate, with_slow, recipe):
    engine, settings = with_slow(), {"width": 64, "height": 64, "detail_steps": 4}
    plain = engine.draw(recipe(**settings), on_step=gate)
    assert gate.reached.wait(30)
    waiting = engine.draw(recipe(detail=True, **settings))
    gate.open.set()
    assert plain.result(60).notes == waiting.result(60).notes == SMALL
    assert engine.draw(recipe(detail=True, seed=1, denoise=0.9, **settings)).result(60).notes == SMALL
    assert engine.draw(recipe(**settings)).result(60).notes == SMALL


def test_what_is_said_of_the_base_and_of_its_faces_alike_is_said_once(with_slow, recipe):
    prompt = "red " * 80
    (note,) = with_slow().draw(recipe(prompt=prompt, detail=True)).result(60).notes
    assert note.startswith("The prompt is too long")


def test_a_picture_that_took_no_step_took_no_time_and_one_with_faces_counts_from_its_base(
    modules, new_engine, with_slow, recipe, brought
):
    with Engine(modules, new_engine.config(), Faces(Slow())) as engine:
        assert engine.draw(brought(), canvas=canvas()).result(60).seconds == 0.0
    wait = lambda done, steps: time.sleep(0.3) if done == 1 else None  # noqa: E731
    assert with_slow().draw(recipe(detail=True), on_step=wait).result(60).seconds >= 0.3


def test_a_picture_with_its_faces_drawn_comes_from_the_memo(with_slow, recipe, calls):
    engine, wanted = with_slow(), recipe(detail=True)
    first = engine.draw(wanted).result(60)
    steps = len(calls)
    again = engine.draw(wanted).result(60)
    assert (first.passes, again.passes) == (1, 0)
    assert (array(first) == array(again)).all()
    assert len(calls) == steps


@pytest.mark.parametrize("person", ["", "mina"])
def test_a_picture_that_the_recipe_does_not_name_is_not_looked_at(with_slow, recipe, photos, person):
    wanted = recipe(face_folder=person, prompt="a man img")
    drawn, expected = (
        with_slow().draw(wanted, photos=photos, canvas=brought).result(60) for brought in (canvas(), None)
    )
    assert (array(drawn) == array(expected)).all()


def test_a_check_tells_before_anything_is_drawn_whether_people_can_be(modules_v2, new_engine, recipe, slow):
    with Engine(modules_v2, new_engine.config(), Faces(slow)) as engine:
        engine.check(recipe())
        with pytest.raises(BadRecipe, match="needs face embeddings, and slow only finds where faces are"):
            engine.check(recipe(face_folder="mina"))


def test_a_call_is_bounded_by_the_pixels_of_the_faces_in_it_and_not_of_their_pictures(
    gate, with_slow, brought, modules
):
    """Two faces of 256 pixels fill the budget; two urgent ones come on top of those that run."""
    engine, latents = with_slow(memory_budget=2 * 32 * 32), []
    hook = modules.unet.register_forward_pre_hook(lambda _, arguments: latents.append(arguments[0][:, 0].numel()))
    settings = {"denoise": 1.0, "detail_guidance": 1.0}
    futures = [engine.draw(brought(seed=1, **settings), canvas=canvas(), on_step=gate)]
    assert gate.reached.wait(30)
    futures += [engine.draw(brought(seed=seed, **settings), canvas=canvas(), urgent=seed > 2) for seed in (2, 3, 4)]
    deadline = time.monotonic() + 30
    while len(engine.roster.waiting) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    gate.open.set()
    for future in futures:
        assert future.result(60).png
    hook.remove()
    assert max(latents) == 2 * 32 * 32


def test_a_halved_budget_grows_back_after_a_while_without_trouble(gate, new_engine, recipe, modules, monkeypatch):
    forward, failed = modules.unet.forward, []

    def once_too_small(sample, *arguments, **options):
        if len(sample) == 4 and not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(sample, *arguments, **options)

    engine = new_engine(memory_budget=4 * 8 * 8)
    small = {"width": 64, "height": 64, "guidance_scale": 1.0}
    futures = [engine.draw(recipe(seed=0, **small), on_step=gate)]
    assert gate.reached.wait(30)
    monkeypatch.setattr(modules.unet, "forward", once_too_small)
    futures += [engine.draw(recipe(seed=seed, **small)) for seed in (1, 2, 3)]
    gate.open.set()
    for future in futures:
        future.result(60)
    assert (failed, engine.budget) == ([1], 2 * 8 * 8)
    engine.draw(recipe(steps=STEPS_BEFORE_MORE, **small)).result(60)
    assert engine.budget == 4 * 8 * 8
