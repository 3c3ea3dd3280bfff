"""The console's settings: environment variables, read once, into a frozen value.

Every field is one line of `.env.example`; `tests/bot/test_settings.py` keeps the two equal.
A field's name in capitals is the name of its variable.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DISCORD_API = "https://discord.com/api/v10"


class BadSettings(ValueError):
    """The environment holds a value that cannot be used; the text says which, and what is allowed."""


class Settings(BaseSettings):
    """Everything the operator decides before the console starts."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    discord_token: SecretStr = Field(SecretStr(""), description="The bot's token; needed to run the console.")
    discord_api_url: str = Field(DISCORD_API, description="Discord's REST base with its version.")
    data_dir: Path = Field(Path("data"), description="Photos, images, caches and the SQLite file live here.")
    database_url: str = Field("", description="Empty: a SQLite file in DATA_DIR. Or sqlite+aiosqlite:///…")
    model_family: str = Field(
        "sketch", description="Which weights draw: sketch (shipped), sdxl (yours) or tiny (for tests)."
    )
    model_dir: str = Field("", description="The weights' folder. Empty: /models, else DATA_DIR/models.")
    renderer: str = Field("local", description="Where images are drawn: local is this process.")
    queue_capacity: int = Field(64, ge=1, le=10_000, description="Jobs waiting or drawing at one time.")
    max_run_cap: int = Field(1000, ge=1, le=100_000, description="The most cells one sweep may have.")
    operator_roles: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Role ids of operators, separated by commas. Empty: administrators."
    )
    production_recipe: str = Field("", description="A YAML file of catalogue values for production_mode.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    web_host: str = Field("127.0.0.1", description="Where the health page listens.")
    web_port: int = Field(0, ge=0, le=65_535, description="Its port; 0 takes any free one.")

    @field_validator("operator_roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("discord_api_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
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


def read(**overrides: object) -> Settings:
    """The settings of this process. Raises BadSettings with one line per wrong variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"{str(problem['loc'][0]).upper()}: {_sentence(problem['msg'])}" for problem in error.errors()]
        raise BadSettings("\n".join(lines)) from error


def _sentence(message: str) -> str:
    """pydantic's message as the rest of the house speaks."""
    said = message.removeprefix("Value error, ").partition(", unable to parse")[0]
    return said.replace("Input should be a valid integer", "expected a whole number").replace(
        "Input should be", "expected"
    )
