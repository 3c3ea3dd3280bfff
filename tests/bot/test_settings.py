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
        ("QUEUE_CAPACITY", "0", "QUEUE_CAPACITY: expected at least 1"),
        ("DISCORD_API_URL", "discord.com", "DISCORD_API_URL: must begin with http:// or https://"),
        ("OPERATOR_ROLES", "admins", "OPERATOR_ROLES: expected a whole number"),
        ("RENDERER", "cloud", "RENDERER: this version draws in its own process; use local"),
        ("LEASE_SECONDS", "1", "LEASE_SECONDS: expected at least 2"),
        ("LEASE_SECONDS", "3601", "LEASE_SECONDS: expected at most 3600"),
        ("STARTING_TOKENS", "-1", "STARTING_TOKENS: expected at least 0"),
        ("PRICE_IMAGE", "-1", "PRICE_IMAGE: expected at least 0"),
        ("PRICE_FACE_PASS", "0.5", "PRICE_FACE_PASS: expected a whole number"),
        ("MEMBER_QUEUED", "0", "MEMBER_QUEUED: expected at least 1"),
        ("MEMBER_IMAGES", "-1", "MEMBER_IMAGES: expected at least 0"),
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


PASSWORD = "s%40fe?wort"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("sqlite+aiosqlite:////srv/a.db", "sqlite+aiosqlite:////srv/a.db"),
        (f"postgresql+asyncpg://me:{PASSWORD}@db:5433/atelier", f"postgresql+asyncpg://me:{PASSWORD}@db:5433/atelier"),
        (f"postgres://me:{PASSWORD}@db/atelier", f"postgresql+asyncpg://me:{PASSWORD}@db/atelier"),
        (f"postgresql://me:{PASSWORD}@db/a?sslmode=require", f"postgresql+asyncpg://me:{PASSWORD}@db/a?ssl=require"),
        ("postgresql:///a?host=/run/postgresql&user=me", "postgresql+asyncpg:///a?host=%2Frun%2Fpostgresql&user=me"),
    ],
)
def test_postgresqls_addresses_are_taken_as_they_are_handed_out(
    monkeypatch: pytest.MonkeyPatch, given: str, taken: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    assert read(_env_file=None).database == taken


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "sslmode=always",
            'DATABASE_URL: sslmode: expected disable, allow, prefer, require, verify-ca or verify-full, got "always"',
        ),
        (
            "channel_binding=require",
            "DATABASE_URL: the parameter channel_binding is not known to asyncpg; leave it out.",
        ),
        ("password=geheim", "DATABASE_URL: the parameter password is not known to asyncpg; leave it out."),
    ],
)
def test_a_parameter_that_the_driver_does_not_take_is_named_and_no_password_is_said(
    monkeypatch: pytest.MonkeyPatch, query: str, sentence: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgres://me:{PASSWORD}@db/atelier?{query}")
    with pytest.raises(BadSettings) as caught:
        read(_env_file=None)
    assert str(caught.value).startswith(sentence)
    assert PASSWORD not in str(caught.value) and "geheim" not in str(caught.value)


def test_the_databases_password_is_not_in_the_settings_printed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgres://me:{PASSWORD}@db/atelier")
    assert PASSWORD not in repr(read(_env_file=None))
