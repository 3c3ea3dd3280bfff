"""The command line.

`atelier` runs the console, `atelier render` draws one image without Discord, `atelier mecene` serves ideas,
`atelier demo` opens the sandbox. Each command imports what it needs and no more: ideas need no database, no torch.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bot.domain.errors import Refusal, Unavailable
from bot.log import configure_log
from bot.settings import BadSettings, read
from pipeline.errors import PipelineError
from sweeps.errors import SweepError

app = typer.Typer(
    name="atelier",
    help="A Discord operations console for identity-preserving image generation.",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def console(context: typer.Context) -> None:
    """Run the console (without a subcommand). Settings come from the environment; see .env.example."""
    if context.invoked_subcommand is None:
        with _sentences():
            from bot.wiring import run_until_signal

            settings = read()
            configure_log(settings.log_level, settings.secrets)
            asyncio.run(run_until_signal(settings))


@app.command()
def render(
    prompt: Annotated[str, typer.Option(help="What to draw.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")],
    seed: Annotated[int | None, typer.Option(help="Left out: drawn, and noted in the PNG.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="parameter=value; may be repeated.")] = None,
) -> None:
    """Draw one image without Discord."""
    from bot.single import draw_one

    with _sentences():
        drawn = draw_one(read(), prompt, out, seed, set_ or [])
        for note in drawn.notes:
            typer.echo(note, err=True)
        recipe = drawn.recipe
        typer.echo(f"{out}: seed {recipe.seed}, {recipe.steps} steps, {recipe.width} x {recipe.height}")


@app.command()
def mecene(
    port: Annotated[int, typer.Option(help="The port; 0 takes any free one.")] = 8088,
    host: Annotated[str, typer.Option(help="Where it listens.")] = "127.0.0.1",
) -> None:
    """Serve ideas: POST /ideas with a theme. No token is needed."""
    from bot.mecene.service import run

    with _sentences():
        settings = read()
        configure_log(settings.log_level, settings.secrets)
        run(host, port, settings)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Drive one sweep through /sweep and Run, then end.")] = False,
    sweep: Annotated[Path | None, typer.Option(help="The sweep file for --once.")] = None,
    out: Annotated[Path, typer.Option(help="Where --once writes the images.")] = Path("out"),
    port: Annotated[int, typer.Option(help="The page's port; 0 takes any free one.")] = 8420,
    data: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("data/demo"),
) -> None:
    """Open the console in a sandbox that looks like Discord; no token is needed."""
    from bot.sandbox.demo import run_demo, run_once

    with _sentences():
        if not once:
            if sweep is not None:
                raise BadSettings("--sweep goes with --once; on the page you upload the file to /sweep yourself.")
            asyncio.run(run_demo(port, data))
        elif sweep is None:
            raise BadSettings("--once needs --sweep FILE: the sweep to draw.")
        else:
            asyncio.run(run_once(sweep, out, data))


@contextmanager
def _sentences() -> Iterator[None]:
    """What an operator can mend ends the program with a sentence and exit code 1, never with a traceback."""
    try:
        yield
    except (BadSettings, Refusal, SweepError, PipelineError, OSError) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error
    except Unavailable as error:
        typer.secho(f"DATABASE_URL: {error}. Start again when it does; nothing was lost.", fg="red", err=True)
        raise typer.Exit(1) from error


def main() -> None:
    """The console script `atelier`."""
    try:
        app()
    except SystemExit as ended:
        renderer = sys.modules.get("bot.renderer")  # what was never imported has no threads
        if renderer is not None and renderer.at_work():
            # The interpreter's end would tear the engine's threads out of torch, and with that abort the process.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code if isinstance(ended.code, int) else 0)
        raise


if __name__ == "__main__":
    main()
