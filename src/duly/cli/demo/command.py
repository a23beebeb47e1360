"""`duly demo`: the mail server, the server of `duly serve`, and the play between them."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace

import aiohttp
import click

from ...config import Settings
from ...wiring import built_in_registry, serve
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.startup import database_name
from ..output.terminal import one_line, print_json, say
from .door import Door, ServerAway
from .mailbox import HOST, Mail, open_mail_server
from .stage import Stage
from .story import SENDER

NOT_AS_EXPECTED = 1
INTERRUPTED = 130
STOPPING_SECONDS = 40.0


@click.command(
    cls=Command,
    short_help="See four jobs live, with a real mail server.",
    examples=["duly demo", "duly demo --json </dev/null"],
)
@pass_options
def demo(options: Options) -> None:
    """Run a server, a mail server and four jobs, and show what happens.

    On a terminal the server stays up until Ctrl-C. Otherwise the demo ends with exit code 0 when
    the four jobs have ended as expected.
    """
    stays = sys.stdin.isatty() and sys.stdout.isatty()
    raise click.exceptions.Exit(run(_demo(read_settings(), options, stays=stays)))


async def _demo(settings: Settings, options: Options, *, stays: bool) -> int:
    stage = Stage(as_json=options.json)
    async with open_mail_server(stage.mailbox) as port:
        settings = _for_demo(settings, port)
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(_serve(settings, url))
        playing = asyncio.create_task(_play(stage, settings, url, options))
        try:
            if await _was_interrupted(serving, playing):
                return serving.result() or INTERRUPTED
            code = playing.result()
            if not stays:
                return code
            _print_hints(await url)
            return await serving or code
        finally:
            playing.cancel()
            await _stop(serving, is_up=url.done())


async def _serve(settings: Settings, url: asyncio.Future[str]) -> int:
    return await serve(settings, built_in_registry(settings), ready=url.set_result)


async def _was_interrupted(serving: asyncio.Task[int], playing: asyncio.Task[int]) -> bool:
    """Whether the server came to its end before the play did.

    Ctrl-C reaches the server, not the play, which only finds that the server is going away.
    """
    await asyncio.wait({serving, playing}, return_when=asyncio.FIRST_COMPLETED)
    if playing.done() and isinstance(playing.exception(), ServerAway):
        await asyncio.wait({serving}, timeout=STOPPING_SECONDS)
    return serving.done()


async def _stop(serving: asyncio.Task[int], *, is_up: bool) -> None:
    """End the server as a person would, with the signal that it waits for."""
    if not serving.done():
        if is_up:
            signal.raise_signal(signal.SIGTERM)
        else:
            serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def _play(
    stage: Stage, settings: Settings, url: asyncio.Future[str], options: Options
) -> int:
    address = await url
    say(f"Server    {address}\nDatabase  {database_name(settings)}\n")
    try:
        async with Door.http(address, settings.token) as http:
            faults = await stage.play(Door(http))
    except aiohttp.ClientError as error:
        raise ServerAway(url=address, reason=str(error) or type(error).__name__) from None
    mails = stage.mails
    if options.json:
        print_json(
            {"ok": not faults, "faults": faults, "mails": [_as_data(mail) for mail in mails]}
        )
    else:
        _print_end(mails, faults)
    return NOT_AS_EXPECTED if faults else 0


def _for_demo(settings: Settings, smtp_port: int) -> Settings:
    """These settings with our mail server, which is on loopback and needs no encryption."""
    return replace(
        settings,
        host=HOST,
        port=0,
        smtp_host=HOST,
        smtp_port=smtp_port,
        smtp_tls="none",
        smtp_username=None,
        smtp_password=None,
        from_email=SENDER,
    )


def _print_end(mails: list[Mail], faults: list[str]) -> None:
    click.echo("\nWhat the mail server received:\n")
    for mail in mails:
        click.echo(f"  {', '.join(map(one_line, mail.to)):<26}  {one_line(mail.subject)}")
    for fault in faults:
        say(f"not as expected: {fault}")
    if not faults:
        click.echo("\nAll four jobs ended as expected.\n")


def _print_hints(url: str) -> None:
    say("The server stays up. In another terminal, in this directory:\n")
    say("  duly enqueue email --arg to=you@demo.example --watch")
    say("  duly jobs list")
    say("  duly events -f")
    say(f"  curl {url}/jobs        or read {url}/docs\n")
    say("Stop: Ctrl-C")


def _as_data(mail: Mail) -> dict[str, object]:
    return {"to": mail.to, "subject": mail.subject, "text": mail.text}
