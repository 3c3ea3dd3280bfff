"""Reports what the thousand mutated sweep files took, at the end of the run."""

import pytest

SLOWEST = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(SLOWEST, []):
        terminalreporter.write_line(line)


@pytest.fixture
def report_line(pytestconfig: pytest.Config):
    """Says a line at the end of the run, however quiet it is."""
    return pytestconfig.stash.setdefault(SLOWEST, []).append
