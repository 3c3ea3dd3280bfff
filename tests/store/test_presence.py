"""Who lives on this machine is known from the kernel: a lock that is held, and let go of when its process ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.store.presence import Presence

HOLD = """
import sys, time
from pathlib import Path
from bot.store.presence import Presence
Presence(Path(sys.argv[1])).enter("other")
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_another_process_is_dead_as_soon_as_it_has_ended_and_not_while_it_stands_still(
    tmp_path: Path, end: signal.Signals
) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        here = Presence(tmp_path)
        assert not here.is_dead("other")
        os.kill(process.pid, signal.SIGSTOP)
        assert not here.is_dead("other")
        os.kill(process.pid, end)
        os.kill(process.pid, signal.SIGCONT)
        process.wait(10)
    assert here.is_dead("other")
    assert here.is_dead("other")  # until nobody is to ask any more
    here.forget("other")
    assert not here.is_dead("other")
    assert list(tmp_path.iterdir()) == []


def test_the_living_of_the_same_process_and_the_unknown_are_not_dead(tmp_path: Path) -> None:
    here = Presence(tmp_path / "made on the way")
    here.enter("mine")
    assert not Presence(tmp_path / "made on the way").is_dead("mine")
    assert not here.is_dead("somebody of another machine")
    here.leave("mine")
    assert not here.is_dead("mine")  # it has left in order, and is not looked for any more


def test_a_second_one_cannot_be_the_same_worker(tmp_path: Path) -> None:
    Presence(tmp_path).enter("mine")
    with pytest.raises(BlockingIOError):  # refused, not waited for
        Presence(tmp_path).enter("mine")
