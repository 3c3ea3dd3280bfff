"""The log: one line an event on standard error, with every token masked."""

import logging
import re
import sys
from collections.abc import Collection
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError

INTERACTION_TOKEN = re.compile(r"""(/(?:webhooks|interactions)/\d+/|["']token["']\s*:\s*["'])[\w.\-%:=+/]{16,}""")


def configure_log(level: str, secrets: Collection[str]) -> None:
    """Log from `level` on; `secrets` (tokens and keys from the settings) and interaction tokens never appear."""

    def mask(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {key: _masked(value, secrets) for key, value in event.items()}

    def mask_line(_: object, __: str, line: Any) -> str:
        return str(_masked(line, secrets))

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
                ),
                mask_line,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Libraries speak up when something is wrong; their chatter is for DEBUG.
    for library in ("disnake", "aiohttp", "asyncio", "sqlalchemy", "diffusers", "transformers", "PIL"):
        logging.getLogger(library).setLevel("DEBUG" if level == "DEBUG" else "WARNING")
    logging.getLogger("aiohttp.server").addFilter(_plainly)
    logging.getLogger("disnake.client").setLevel("ERROR")  # it warns that there is no voice, which nobody wants here
    logging.getLogger("watchfiles").setLevel("WARNING")  # it tells of each change, and may see our log change
    logging.getLogger("stamina").setLevel("ERROR")  # it tells of every retry; whoever retries says when it was in vain


def _plainly(record: logging.LogRecord) -> bool:
    """A request that is no HTTP is anybody's doing: one line, without what stood in it, which may be a cookie."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args, record.exc_info = "a request that is no HTTP was refused", (), None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


def _masked(value: object, secrets: Collection[str]) -> object:
    if not isinstance(value, str):
        return value
    for secret in secrets:
        value = value.replace(secret, "[token]")
    return INTERACTION_TOKEN.sub(r"\1[token]", value)
