"""The console's settings: environment variables, read once, into a frozen value.

Every field is one line of `.env.example`; `tests/bot/test_settings.py` keeps the two equal.
A field's name in capitals is the name of its variable.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl, quote_plus

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.domain.account import Rules
from bot.domain.wall import Visitors

DISCORD_API = "https://discord.com/api/v10"
ASYNCPG = "postgresql+asyncpg://"
OTHER_NAMES = ("postgres://", "postgresql://")
"""How PostgreSQL's addresses begin elsewhere; libpq's `sslmode` is asyncpg's `ssl`."""
ASYNCPG_PARAMETERS = (
    "host",
    "port",
    "user",
    "ssl",
    "passfile",
    "target_session_attrs",
    "prepared_statement_cache_size",
)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
EVERYONE = "everyone"
MOST_WEIGHT = 100.0

Amount = TypeVar("Amount", int, float)


class BadSettings(ValueError):
    """The environment holds a value that cannot be used; the text says which, and what is allowed."""


class Settings(BaseSettings):
    """Everything the operator decides before the console starts."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    discord_token: SecretStr = Field(SecretStr(""), description="The bot's token; needed to run the console.")
    discord_api_url: str = Field(DISCORD_API, description="Discord's REST base with its version.")
    data_dir: Path = Field(
        Path("data"),
        description="Photos, images, caches and the SQLite file; consoles of one database have one.",
    )
    database_url: str = Field(
        "",
        repr=False,
        description="Empty: a SQLite file in DATA_DIR. Or postgresql+asyncpg://user:password@host/name",
    )
    model_family: str = Field(
        "sketch", description="Which weights draw: sketch (shipped), sdxl (yours) or tiny (for tests)."
    )
    model_dir: str = Field("", description="The weights' folder. Empty: /models, else DATA_DIR/models.")
    renderer: str = Field("local", description="Where images are drawn: local is this process.")
    queue_capacity: int = Field(64, ge=1, le=10_000, description="Jobs waiting or drawing at one time.")
    lease_seconds: int = Field(
        30,
        ge=2,
        le=3600,
        description="A worker that is silent for this long is taken for dead; its work goes to another.",
    )
    max_run_cap: int = Field(1000, ge=1, le=100_000, description="The most cells one sweep may have.")
    operator_roles: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Role ids of operators, separated by commas. Empty: administrators."
    )
    starting_tokens: int = Field(
        1000, ge=0, le=1_000_000_000, description="What a member's account is opened with, on first use."
    )
    price_image: int = Field(
        1, ge=0, le=1_000_000, description="Tokens for drawing an image; one that is still remembered is free."
    )
    price_face_pass: int = Field(1, ge=0, le=1_000_000, description="Tokens for drawing a face of it again.")
    role_daily_tokens: Annotated[tuple[tuple[int | None, int], ...], NoDecode] = Field(
        (), description="Tokens of a day by role id, e.g. everyone:200,1234567890:1000. Empty: any number."
    )
    role_weights: Annotated[tuple[tuple[int, float], ...], NoDecode] = Field(
        (), description="Shares beside other members by role id, e.g. 1234567890:2. Everybody else has 1."
    )
    member_queued: int = Field(16, ge=1, le=10_000, description="Jobs of one member waiting or drawing at one time.")
    member_images: int = Field(
        0, ge=0, le=1000, description="Images of one member in the engine at one time; 0: no limit."
    )
    production_recipe: str = Field("", description="A YAML file of catalogue values for production_mode.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    web_host: str = Field("127.0.0.1", description="Where the wall and the health page listen.")
    web_port: int = Field(8080, ge=0, le=65_535, description="Their port; 0 takes any free one.")
    web_url: str = Field(
        "", description="The wall's address as browsers reach it. Empty: http://WEB_HOST:WEB_PORT, for this machine."
    )
    session_key: SecretStr = Field(
        SecretStr(""), description="Encrypts browsers' cookies: 32 bytes in URL-safe base64. Empty: made in DATA_DIR."
    )
    session_tokens: int = Field(
        0, ge=0, le=1_000_000, description="Tokens of a browser's session; /link moves them to the member."
    )
    discord_client_id: str = Field("", description="With both, members may sign in on the page through Discord.")
    discord_client_secret: SecretStr = Field(SecretStr(""), description="Both stand in Discord's developer portal.")
    wall_visitors: Visitors = Field(
        Visitors.MEMBERS, description="Who sees the wall: members of the bot's servers, or everyone."
    )
    wall_images: Literal["chosen", "posted"] = Field(
        "chosen", description="What comes on the wall: what members publish (chosen), or all that is posted."
    )
    wall_memory_mib: int = Field(256, ge=16, le=65_536, description="Memory for the wall's pictures, in MiB.")
    c2pa_certificate: str = Field("", description="A PEM file with the certificates that sign pictures on the wall.")
    c2pa_key: str = Field("", description="The PEM file with the private key for it. Empty: they are not signed.")
    mecene_url: str = Field("", description="The idea service's address. Empty: ideas are made in this process.")
    mecene_words: str = Field("", description="A folder with word lists of your own. Empty: those that ship.")
    mecene_llm_url: str = Field(
        "", description="An OpenAI-compatible server that thinks up ideas, e.g. http://127.0.0.1:8000/v1. Empty: none."
    )
    mecene_llm_model: str = Field("", description="Which of its models. Empty: the first that it lists.")
    mecene_llm_key: SecretStr = Field(SecretStr(""), description="Its key, where it wants one.")
    gate_file: str = Field(
        "", description="A YAML file of words and pictures to withhold. Empty: DATA_DIR/gate.yaml, if it is there."
    )

    @field_validator("operator_roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("role_daily_tokens", mode="before")
    @classmethod
    def _daily_by_role(cls, value: object) -> object:
        return _by_role(value, _tokens, "everyone:200,1234567890:1000", everyone=True)

    @field_validator("role_weights", mode="before")
    @classmethod
    def _weight_by_role(cls, value: object) -> object:
        return _by_role(value, _weight, "1234567890:2")

    @field_validator("database_url")
    @classmethod
    def _named_for_asyncpg(cls, value: str) -> str:
        begun = next((name for name in (ASYNCPG, *OTHER_NAMES) if value.startswith(name)), None)
        if begun is None:
            return value
        # What comes before the last @ may be a password, so it is neither read nor said.
        account, at, place = value.removeprefix(begun).rpartition("@")
        place, _, query = place.partition("?")
        told = "&".join(f"{name}={quote_plus(said)}" for name, said in map(_for_asyncpg, parse_qsl(query)))
        return f"{ASYNCPG}{account}{at}{place}{f'?{told}' if told else ''}"

    @field_validator("discord_api_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("web_url", "mecene_url", "mecene_llm_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("renderer")
    @classmethod
    def _only_local(cls, value: str) -> str:
        if value != "local":
            raise ValueError("this version draws in its own process; use local")
        return value

    @property
    def models(self) -> Path:
        """The folder of the weights, with the default resolved."""
        if self.model_dir:
            return Path(self.model_dir)
        return Path("/models") if Path("/models").is_dir() else self.data_dir / "models"

    @property
    def database(self) -> str:
        """The database's address, with the default resolved."""
        return self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'atelier.db').resolve()}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a log."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        return tuple(value for each in fields if isinstance(each, SecretStr) and (value := each.get_secret_value()))

    @property
    def rules(self) -> Rules:
        """What members may, by their roles."""
        daily = {role: tokens for role, tokens in self.role_daily_tokens if role is not None}
        for_all = next((tokens for role, tokens in self.role_daily_tokens if role is None), None)
        return Rules(self.member_queued, for_all, daily, dict(self.role_weights))


def read(**overrides: object) -> Settings:
    """The settings of this process. Raises BadSettings with one line per wrong variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {_sentence(problem['msg'])}" for problem in error.errors()]
        raise BadSettings("\n".join(lines)) from error


def _by_role(value: object, read_amount: Callable[[str], Amount], example: str, *, everyone: bool = False) -> object:
    """`role:amount` pairs, separated by commas; the role None is `everyone`, where that may stand."""
    if not isinstance(value, str):
        return value
    pairs: list[tuple[int | None, Amount]] = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        role, colon, amount = (piece.strip() for piece in part.partition(":"))
        is_everyone = everyone and role.lower() == EVERYONE
        if not colon or not (is_everyone or (role.isascii() and role.isdigit())):
            raise ValueError(f'expected role ids, each with its number, as in {example}; got "{part[:60]}"')
        try:
            pairs.append((None if is_everyone else int(role), read_amount(amount)))
        except ValueError as error:
            raise ValueError(f"{role}: {error}") from error
        if len(dict(pairs)) < len(pairs):
            raise ValueError(f"{role} stands there twice; give it one number")
    return tuple(pairs)


def _tokens(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError(f'expected a whole number of tokens, 0 or more, got "{text[:30]}"')
    return int(text)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0 < weight <= MOST_WEIGHT:
        raise ValueError(f'expected a number above 0 and at most {MOST_WEIGHT:g}, got "{text[:30]}"')
    return weight


def _for_asyncpg(parameter: tuple[str, str]) -> tuple[str, str]:
    """A parameter of a PostgreSQL address as asyncpg takes it. Raises ValueError for what it does not know."""
    name, value = parameter
    name = "ssl" if name == "sslmode" else name
    if name not in ASYNCPG_PARAMETERS:
        known = ", ".join(("sslmode", *ASYNCPG_PARAMETERS))
        raise ValueError(f"the parameter {name[:60]} is not known to asyncpg; leave it out. Known are {known}")
    if name == "ssl" and value not in SSL_MODES:
        raise ValueError(f'sslmode: expected {", ".join(SSL_MODES[:-1])} or {SSL_MODES[-1]}, got "{value[:30]}"')
    return name, value


def _sentence(message: str) -> str:
    """pydantic's message as the rest of the house speaks."""
    said = message.removeprefix("Value error, ").partition(", unable to parse")[0]
    for theirs, ours in (
        ("Input should be a valid integer", "expected a whole number"),
        ("Input should be greater than or equal to", "expected at least"),
        ("Input should be less than or equal to", "expected at most"),
        ("Input should be", "expected"),
    ):
        said = said.replace(theirs, ours)
    return said
