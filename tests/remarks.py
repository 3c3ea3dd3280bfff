"""Remarks: lines that tests leave for the end of the run, whichever of its processes they ran in."""

from typing import Any

import pytest

REMARKS = pytest.StashKey[list[str]]()
KEY = "atelier_remarks"


def remark(config: pytest.Config, line: str) -> None:
    """Leave a line for the end of the run, however quiet it is."""
    sent = getattr(config, "workeroutput", None)  # what a process of pytest-xdist tells the one that prints
    if sent is None:
        config.stash.setdefault(REMARKS, []).append(line)
    else:
        sent.setdefault(KEY, []).append(line)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of pytest-xdist remarked; one that died told nothing."""
    node.config.stash.setdefault(REMARKS, []).extend(getattr(node, "workeroutput", {}).get(KEY, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(REMARKS, []):
        terminalreporter.write_line(line)
