"""The environment is read once; the example file never falls behind it."""

from pathlib import Path

import pytest

from bot.settings import BadSettings, Settings, read

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def documented() -> dict[str, tuple[str, str]]:
    """Variable → (default, meaning) as `.env.example` states them."""
    found: dict[str, tuple[str, str]] = {}
    comment = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            comment = line[2:]
        elif "=" in line:
            name, _, default = line.partition("=")
            found[name] = (default, comment)
    return found


def in_the_environment(value: object) -> str:
    """A default as one would write it into the environment."""
    if hasattr(value, "get_secret_value"):
        return str(value.get_secret_value())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_the_example_lists_every_setting_with_its_default_and_meaning() -> None:
    settings = {
        name.upper(): (in_the_environment(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert documented() == settings


def test_the_example_as_it_stands_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in documented():
        monkeypatch.delenv(name, raising=False)
    assert read(_env_file=EXAMPLE) == read(_env_file=None)


def test_operator_roles_are_ids_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_ROLES", "12, 34")
    assert read(_env_file=None).operator_roles == (12, 34)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("QUEUE_CAPACITY", "many", "QUEUE_CAPACITY: expected a whole number"),
        ("QUEUE_CAPACITY", "0", "QUEUE_CAPACITY: expected greater than or equal to 1"),
        ("DISCORD_API_URL", "discord.com", "DISCORD_API_URL: must begin with http:// or https://"),
        ("OPERATOR_ROLES", "admins", "OPERATOR_ROLES: expected a whole number"),
        ("RENDERER", "cloud", "RENDERER: this version draws in its own process; use local"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        read(_env_file=None)
    assert str(caught.value).startswith(sentence)


def test_the_token_is_not_in_the_settings_printed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "very-secret")
    assert "very-secret" not in repr(read(_env_file=None))


def test_weights_and_database_default_below_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MODEL_DIR", "")
    settings = read(_env_file=None)
    assert settings.database == f"sqlite+aiosqlite:///{tmp_path}/atelier.db"
    assert settings.models == (Path("/models") if Path("/models").is_dir() else tmp_path / "models")
