"""The storm finds out streams that are broken. Otherwise it would prove nothing of the real one."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from duly.events.feed import Feed
from duly.store.stream import Stream

from .storm import variants
from .storm.servers import servers
from .storm.storm import Storm

REAL = (Stream, Feed, set())
VARIANTS = [
    # the stream, the feed, and what must be found in each storm
    (variants.NumbersInsteadOfTicks, Feed, {"gap"}),
    (variants.SnapshotAfterCount, Feed, {"gap", "reset"}),
    (variants.UnorderedRead, Feed, {"disorder"}),
    (Stream, variants.ForgetfulBuffer, {"gap", "position"}),
    (Stream, variants.OneTooMany, {"duplicate", "position"}),
    (Stream, variants.OneTooFew, {"gap", "position"}),
]


def name(variant):
    return next((one.__name__ for one in variant[:2] if one not in REAL), "RealStream")


@pytest.fixture
def urls(postgres, request):
    with ExitStack() as stack:
        yield [stack.enter_context(postgres.database()) for _ in range(request.param)]


async def blow(dsn, seed, variant):
    """A small storm over one stream: all its transactions are short, so that they meet often."""
    stream_type, feed_type, _ = variant
    storm = Storm(3.0, seed, 8, clients=6, longest=0.2, changes=300, drops=8, patience=3.0)
    async with servers(dsn, 2, stream_type=stream_type, feed_type=feed_type) as doors:
        return await storm.blow(dsn, doors)


def check(variant, verdict):
    print(name(variant), verdict)
    found = {kind for kind, count in verdict.faults.items() if count}
    assert variant[2] <= found and bool(variant[2]) == bool(found), (name(variant), verdict)


@pytest.mark.parametrize("urls", [1 + len(VARIANTS)], indirect=True, ids=["all at once"])
async def test_broken_streams_are_found_out_and_the_real_one_is_not(urls):
    streams = [REAL, *VARIANTS]

    verdicts = await asyncio.gather(
        *(blow(dsn, "first", one) for dsn, one in zip(urls, streams, strict=True))
    )

    for variant, verdict in zip(streams, verdicts, strict=True):
        check(variant, verdict)


@pytest.mark.chaos
@pytest.mark.parametrize("urls", [3], indirect=True, ids=["three seeds"])
@pytest.mark.parametrize("variant", [REAL, *VARIANTS], ids=name)
async def test_a_broken_stream_is_found_out_each_time(urls, variant):
    seeds = ["first", "second", "third"]

    verdicts = await asyncio.gather(
        *(blow(dsn, seed, variant) for dsn, seed in zip(urls, seeds, strict=True))
    )

    for verdict in verdicts:
        check(variant, verdict)
