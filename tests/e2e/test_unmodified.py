"""The console believes it talks to discord.com: no DISCORD_API_URL, Discord's own names, verified TLS.

Only the machine around it differs: names resolve to this machine, and one more authority is trusted.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.sandbox import File, Sandbox
from tests.e2e.certificates import issue

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTS = ["discord.com", "gateway.discord.gg", "cdn.discordapp.com"]
RESOLVER = """
import socket
real = socket.getaddrinfo
def resolve(host, port, *rest, **more):
    if host in {hosts!r}:
        return real("127.0.0.1", {port}, *rest, **more)
    return real(host, port, *rest, **more)
socket.getaddrinfo = resolve
"""


async def test_the_console_draws_over_tls_under_discords_own_names(tmp_path: Path, weights_cache: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cache").symlink_to(weights_cache)
    authority, tls = issue(tmp_path, HOSTS)
    public = {
        "public": "https://discord.com/api/v10",
        "gateway": "wss://gateway.discord.gg",
        "cdn": "https://cdn.discordapp.com",
    }
    async with Sandbox(tls=tls, **public) as sandbox:
        (tmp_path / "sitecustomize.py").write_text(RESOLVER.format(hosts=HOSTS, port=sandbox.port))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DISCORD_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]),
            "SSL_CERT_FILE": str(authority),
            "DISCORD_TOKEN": sandbox.token,
            "DATA_DIR": str(tmp_path / "data"),
            "MODEL_FAMILY": "tiny",
        }
        log = (tmp_path / "console.log").open("wb")
        console = subprocess.Popen([sys.executable, "-m", "bot"], env=environment, cwd=tmp_path, stderr=log)
        try:
            await sandbox.ready(60)
            mina = sandbox.members["mina"]
            text = b"{base: {prompt: x, steps: 1, width: 64, height: 64}, parameters: {seed: '1-2'}}"
            quoted = await mina.run("/sweep", config=File("two.yaml", text))
            await quoted.reply()
            await mina.press(quoted, "Run")
            await sandbox.until(lambda: "sheet" in str(sandbox.messages()), timeout=60)
        finally:
            console.terminate()
            await asyncio.to_thread(console.wait, 60)  # the sandbox runs on this loop and must answer
            log.close()
    names = [each["filename"] for message in sandbox.messages() for each in message["attachments"]]
    assert sorted(names) == ["S1-c001.png", "S1-c002.png", "S1-sheet.png"]
    assert sandbox.violations == []


async def test_without_the_extra_authority_the_same_console_refuses_to_connect(tmp_path: Path) -> None:
    _, tls = issue(tmp_path, HOSTS)
    async with Sandbox(tls=tls, public="https://discord.com/api/v10") as sandbox:
        (tmp_path / "sitecustomize.py").write_text(RESOLVER.format(hosts=HOSTS, port=sandbox.port))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DISCORD_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]),
            "DISCORD_TOKEN": sandbox.token,
            "DATA_DIR": str(tmp_path / "data"),
        }
        environment.pop("SSL_CERT_FILE", None)
        done = await _run(environment, tmp_path)
    assert done.returncode == 1
    assert "certificate" in done.stderr.decode().lower()


async def _run(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bot"],
        env=environment,
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
