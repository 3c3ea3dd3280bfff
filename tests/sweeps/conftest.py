"""Reports what the thousand mutated sweep files took, at the end of the run."""

from functools import partial

import pytest

from tests.remarks import remark


@pytest.fixture
def report_line(pytestconfig: pytest.Config):
    """Says a line at the end of the run, however quiet it is."""
    return partial(remark, pytestconfig)
