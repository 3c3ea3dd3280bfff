"""The renderer on this machine: what it is told to forget, the engine forgets."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import bot.renderer as renderer_module
from bot.pictures import to_png
from bot.renderer import LocalRenderer, _look
from pipeline import portrait
from pipeline.config import Config
from pipeline.faces import Face


class Engine:
    """What the renderer needs of an engine here: it notes on which thread it was told to forget."""

    def __init__(self) -> None:
        self.faces = self
        self.told: list[threading.Thread] = []

    def forget(self) -> None:
        self.told.append(threading.current_thread())

    def find(self, image: object) -> tuple[Face, ...]:
        return (Face((180.0, 60.0, 270.0, 190.0), 0.9),)


@pytest.fixture
def renderer(tmp_path: Path) -> LocalRenderer:
    return LocalRenderer(Config(family="tiny", cache_dir=tmp_path))


async def test_the_engine_forgets_beside_the_event_loop(renderer: LocalRenderer) -> None:
    engine: Any = Engine()

    async def load() -> Any:
        return engine

    renderer._loading = asyncio.create_task(load())
    await renderer._loading
    await renderer.forget()
    assert engine.told and threading.main_thread() not in engine.told


async def test_before_the_weights_are_loaded_there_is_nothing_to_forget(renderer: LocalRenderer) -> None:
    await renderer.forget()
    renderer._loading = asyncio.create_task(asyncio.sleep(60))  # type: ignore[arg-type]
    await renderer.forget()
    renderer._loading.cancel()


@pytest.mark.parametrize("below", [False, True])
def test_a_face_is_blurred_below_the_pipelines_own_number(monkeypatch: pytest.MonkeyPatch, below: bool) -> None:
    engine: Any = Engine()
    photo = skimage.data.astronaut()
    sharpness = portrait.sharpness(np.asarray(photo), (180.0, 60.0, 270.0, 190.0))
    monkeypatch.setattr(portrait, "BLURRED_BELOW", sharpness + (1 if below else 0))
    assert _look(engine, to_png(Image.fromarray(photo))).faces[0].blurred is below


async def test_closing_waits_only_so_long_for_weights_that_are_being_loaded(
    renderer: LocalRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer_module, "LAST_SECONDS", 0.05)
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def load(measure: bool) -> Any:
        begun.set()
        assert threading.current_thread().daemon  # the end of the process does not wait for it either
        go_on.wait(20)
        closed.set()
        return Engine()

    monkeypatch.setattr(renderer, "_open", load)
    try:
        async with renderer.drawing():
            renderer.load()
            await asyncio.to_thread(begun.wait, 60)
        assert not renderer.ready and not closed.is_set()
        assert renderer_module.at_work()
    finally:
        go_on.set()
        await renderer.loaded()
        renderer_module._at_work.discard(renderer)


@pytest.mark.parametrize("stuck", [False, True])
async def test_an_engine_is_closed_and_one_that_stands_still_is_left(
    renderer: LocalRenderer, monkeypatch: pytest.MonkeyPatch, stuck: bool
) -> None:
    go_on, closing = threading.Event(), threading.Event()

    class Closing(Engine):
        def close(self) -> None:
            closing.set()
            go_on.wait(20)

    if stuck:
        monkeypatch.setattr(renderer_module, "LAST_SECONDS", 0.05)
    else:
        go_on.set()
    monkeypatch.setattr(renderer, "_open", lambda measure: Closing())
    try:
        async with renderer.drawing():
            renderer.load()
            await renderer.loaded()
        assert closing.is_set()
        assert (renderer in renderer_module._at_work) is stuck
    finally:
        go_on.set()
        renderer_module._at_work.discard(renderer)
