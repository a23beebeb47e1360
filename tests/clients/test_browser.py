"""A real EventSource, in Chromium, over a server that is killed: it misses nothing, and in order.

It needs a Chromium on this machine; where there is none, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from pathlib import Path

import pytest
from eventually import eventually
from playwright.async_api import async_playwright

from .nginx import NGINX, Nginx
from .served import Served
from .submitter import Submitter

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FOLLOW = """query => {
  const source = new EventSource(`/events${query}`);
  const told = {source, jobs: [], positions: [], resets: [], opened: 0};
  source.onopen = () => { told.opened += 1; };
  source.addEventListener("job", event => {
    told.jobs.push(JSON.parse(event.data).job_id);
    told.positions.push(event.lastEventId);
  });
  source.addEventListener("reset", event => { told.resets.push(event.data); });
  return told;
}"""
LOOK = """({source, ...told}) => {
  return {...told, is_waiting: source.readyState === EventSource.CONNECTING};
}"""

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "events.md"
SHOW = """
window.shown = [];
window.lists = 0;
window.show = change => { window.shown.push(change.job_id); };
window.showAll = jobs => { window.lists += 1; };
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture
async def browser():
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        await opened.close()


class Follower:
    """An EventSource in a page that its server made."""

    def __init__(self, told):
        self._told = told

    @classmethod
    async def open(cls, page, query=""):
        follower = cls(await page.evaluate_handle(FOLLOW, query))
        await follower.has("opened", 1)
        return follower

    async def look(self):
        return await self._told.evaluate(LOOK)

    async def has(self, name, count):
        """Wait until it has so many of them; answers what it has then."""

        async def enough():
            told = await self.look()
            found = told[name] if isinstance(told[name], int) else len(told[name])
            return told if found >= count else None

        return await eventually(enough, f"{count} {name} in the browser")

    async def waits(self):
        """Wait until it has noticed that the server is gone."""

        async def noticed():
            return (await self.look())["is_waiting"]

        await eventually(noticed, "the browser noticed that the server was gone")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_a_browser_misses_nothing_over_a_server_that_ends(
    tmp_path, database_url, connection, browser, ending
):
    submitter, is_enough = Submitter(connection), asyncio.Event()
    with Served(tmp_path, database_url) as server:
        page = await browser.new_page()
        await page.goto(f"{server.url}/docs")
        follower = await Follower.open(page)
        storm = asyncio.create_task(submitter.submit_until(is_enough, 3))

        await follower.has("jobs", 100)
        await asyncio.to_thread(server.stop, ending)
        await follower.waits()
        already = len(submitter.jobs)
        await asyncio.to_thread(server.start)
        await follower.has("jobs", already + 100)
        is_enough.set()
        await storm
        told = await follower.has("jobs", len(submitter.jobs))

    assert told["jobs"] == submitter.jobs
    numbers = [int(position.partition(".")[2]) for position in told["positions"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert told["resets"] == []
    assert told["opened"] == 2


async def test_a_browser_that_was_told_nothing_yet_misses_nothing_either(
    tmp_path, database_url, connection, browser
):
    submitter = Submitter(connection)
    with Served(tmp_path, database_url) as server:
        page = await browser.new_page()
        await page.goto(f"{server.url}/docs")
        quiet = await Follower.open(page, "?tag=wanted")
        other = await Follower.open(page, "?tag=other")
        await submitter.submit(1, "other")
        await other.has("jobs", 1)  # so by now, the first has been told its position too

        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await quiet.waits()
        missed = await submitter.submit(5, "wanted")
        await asyncio.to_thread(server.start)
        await quiet.has("opened", 2)
        missed += await submitter.submit(5, "wanted")
        told = await quiet.has("jobs", len(missed))

    assert told["jobs"] == missed
    assert told["resets"] == []


@pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")
async def test_behind_nginx_a_browser_misses_nothing_either(
    tmp_path, database_url, connection, browser
):
    submitter = Submitter(connection)
    with Served(tmp_path, database_url) as server, Nginx(tmp_path, server.port) as nginx:
        page = await browser.new_page()
        await page.goto(f"{nginx.url}/docs")
        follower = await Follower.open(page)
        await submitter.submit(3)
        await follower.has("jobs", 3)

        refused = asyncio.create_task(_refused_again(page))
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await submitter.submit(3)
        await refused  # it has tried to come back while the server was away
        await asyncio.to_thread(server.start)
        await submitter.submit(3)
        told = await follower.has("jobs", len(submitter.jobs))

    assert told["jobs"] == submitter.jobs
    assert told["resets"] == []


@pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")
async def test_the_page_in_the_guide_survives_a_proxy_that_answers_502(
    tmp_path, database_url, connection, browser
):
    submitter = Submitter(connection)
    example = re.search(r"^```js\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)[1]
    answers_502 = "error_page 502 504 = @away;"
    with (
        Served(tmp_path, database_url) as server,
        Nginx(tmp_path, server.port, without=answers_502) as nginx,
    ):
        page = await browser.new_page()
        await page.goto(f"{nginx.url}/docs")
        async with page.expect_response(lambda answer: "/events?after=" in answer.url):
            await page.evaluate(f"() => {{ {SHOW} {example} }}")
        await submitter.submit(3)
        await _has_shown(page, submitter.jobs)

        refused = asyncio.create_task(page.wait_for_event("response", _is_502))
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await submitter.submit(3)
        await refused
        await asyncio.to_thread(server.start)
        await submitter.submit(3)
        await _has_shown(page, submitter.jobs)

        assert await page.evaluate("() => window.lists") == 1


async def _has_shown(page, jobs):
    async def all_of_them():
        shown = await page.evaluate("() => window.shown")
        return len(shown) >= len(jobs) and shown

    assert await eventually(all_of_them, "the page showed everything") == jobs


def _is_502(answer):
    return "/events" in answer.url and answer.status == 502


async def _refused_again(page):
    """Wait until the page's stream has broken off, and then been refused."""
    for _ in range(2):
        await page.wait_for_event("requestfailed", lambda request: "/events" in request.url)
