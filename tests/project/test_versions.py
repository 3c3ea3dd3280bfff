"""Exact versions: what is installed for the project is what constraints.txt names, for every extra."""

import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins() -> dict[str, Version]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    requirements = [Requirement(line) for line in lines if line]
    found = {}
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{requirement} is not an exact version"
        name = canonicalize_name(requirement.name)
        assert name not in found, f"constraints.txt names {name} twice"
        found[name] = Version(specifier.version)
    return found


def closure(requirements: Iterable[str]) -> dict[str, Version]:
    """Each library that these requirements bring on this machine, with its installed version."""
    found: dict[str, Version] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, wanted_by = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted_by}):
            continue
        name = canonicalize_name(requirement.name)
        installed = metadata.distribution(name)
        found[name] = Version(installed.version)
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            waiting += [(Requirement(text), extra) for text in installed.requires or ()]
    return found


def test_every_installed_library_is_pinned_at_its_version():
    pinned = pins()
    installed = closure([*PROJECT["dependencies"], *EXTRAS["dev"]])
    assert len(installed) > len(PROJECT["dependencies"]) + len(EXTRAS["dev"])  # it followed the requirements
    wrong = {
        name: f"installed {version}, pinned {pinned.get(name)}"
        for name, version in installed.items()
        # The CPU build of torch calls itself 2.13.0+cpu: the local suffix is no part of the pin.
        if name not in pinned or Version(version.public) != pinned[name]
    }
    assert not wrong, "run make setup, or renew constraints.txt"


def test_every_named_library_of_every_extra_is_pinned_within_its_range():
    pinned = pins()
    named = [Requirement(text) for text in PROJECT["dependencies"]]
    named += [Requirement(text) for texts in EXTRAS.values() for text in texts]
    for requirement in named:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


def test_torch_is_pinned_without_the_suffix_of_one_build():
    assert "torch==2.13.0" in PROJECT["dependencies"]
    assert pins()["torch"].local is None
