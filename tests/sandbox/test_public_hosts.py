"""Under Discord's own host names: TLS with a throwaway authority and a resolver, and no DISCORD_API_URL."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import disnake
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sandbox import small_bot
from tests.sandbox.strict import opened

HOSTS = ("discord.com", "gateway.discord.gg", "cdn.discordapp.com")


def certificate(folder: Path) -> Path:
    """A self-signed certificate for Discord's hosts, trusted by nobody but who is told to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throwaway")])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in HOSTS]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "throwaway.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Loopback(AbstractResolver):
    """Finds every host on this machine, on the sandbox's port."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        found = {"hostname": host, "host": "127.0.0.1", "port": self.port, "family": socket.AF_INET}
        return [found | {"proto": 0, "flags": socket.AI_NUMERICHOST}]

    async def close(self) -> None:
        pass


async def test_a_client_that_knows_only_discords_addresses_is_served(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)
    settings = {
        "public": "https://discord.com/api/v10",
        "gateway": "wss://gateway.discord.gg",
        "cdn": "https://cdn.discordapp.com",
    }
    async with opened(tls=tls, **settings) as sandbox:
        trusting = ssl.create_default_context(cafile=str(pem))
        connector = aiohttp.TCPConnector(ssl=trusting, resolver=Loopback(sandbox.port))
        bot = small_bot.make(connector=connector)
        assert settings["public"] == disnake.http.Route.BASE
        task = asyncio.create_task(bot.start(sandbox.token))
        await sandbox.ready()
        shown = await sandbox.members["mina"].run("think")
        picture = (await shown.reply())["embeds"][0]["image"]["url"]
        assert picture.startswith("https://cdn.discordapp.com/attachments/")
        assert await bot.http.get_from_cdn(picture) == small_bot.PNG
        await sandbox.until(lambda: shown.followups)
        await bot.close()
        await asyncio.gather(task, return_exceptions=True)
