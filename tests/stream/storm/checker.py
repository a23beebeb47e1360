"""Compares what clients have seen with the ledger, and says what is wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from uuid import UUID

from .clients import Client, Seen, number_of
from .ledger import Change, Ledger


@dataclass(repr=False)
class Verdict:
    """What came of a storm. `problems` has a line for each thing that is wrong."""

    seed: str
    committed: int = 0
    rolled_back: int = 0
    clients: int = 0
    drops: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    writers: Counter[str] = field(default_factory=Counter)

    def blame(self, kind: str, client: Client, text: object) -> None:
        self.faults[kind] += 1
        if len(self.problems) < 20:
            self.problems.append(f"client {client.number}: {kind}: {text}")

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        kinds = "gap duplicate phantom disorder position reset difference".split()
        faults = ", ".join(f"{self.faults[kind]} {kind}" for kind in kinds)
        delays = sorted(self.delays) or [0.0]
        late = delays[len(delays) * 99 // 100]
        lag = f"lag median {median(delays) * 1e3:.0f} ms, 99 % {late * 1e3:.0f} ms"
        writers = ", ".join(f"{count} {what}" for what, count in sorted(self.writers.items()))
        head = (
            f"seed {self.seed} (set DULY_STORM_SEED to repeat): {self.committed} changes committed,"
            f" {self.rolled_back} rolled back; transactions: {writers}; {self.clients} clients,"
            f" {self.drops} drops; {faults}; {lag}, longest {delays[-1] * 1e3:.0f} ms"
        )
        return "\n".join([head, *self.problems])


def judge(seed: str, ledger: Ledger, clients: Sequence[Client], end: int) -> Verdict:
    """`end` is the last position of the stream."""
    verdict = Verdict(seed)
    ledger.learn(_by_job(clients[0].seen))
    verdict.committed = sum(len(commit.notes) for commit in ledger.committed)
    verdict.rolled_back = len(ledger.rolled_back)
    verdict.clients = len(clients)
    verdict.drops = sum(client.drops for client in clients)
    first_seen: dict[str, Seen] = {}
    for client in clients:
        for reset in client.resets:
            verdict.blame("reset", client, reset)
        _judge_positions(verdict, client, end)
        _judge_stories(verdict, client, ledger)
        for seen in client.seen:
            first = first_seen.setdefault(seen.position, seen)
            if first.change != seen.change:
                text = f"at {seen.position} {seen.change}, others were told {first.change}"
                verdict.blame("difference", client, text)
            elif seen.at < first.at:
                first_seen[seen.position] = seen
    verdict.delays = _delays(list(first_seen.values()), ledger)
    return verdict


def _judge_positions(verdict: Verdict, client: Client, end: int) -> None:
    """They are dense; of one queue they grow. The client has come to the end."""
    numbers = [number_of(seen.position) for seen in client.seen]
    if client.queue is None and numbers != list(range(1, end + 1)):
        missing = sorted(set(range(1, end + 1)) - set(numbers))
        twice = sorted(n for n, count in Counter(numbers).items() if count > 1)
        text = f"of 1 to {end}, missing {missing[:5]}, twice {twice[:5]}"
        verdict.blame("position", client, text)
    if any(after <= before for before, after in pairwise(numbers)):
        verdict.blame("position", client, "they do not grow")


def _judge_stories(verdict: Verdict, client: Client, ledger: Ledger) -> None:
    """Each change once, and those of a job in their order."""
    wanted = {
        job_id: [change for change, _ in story]
        for job_id, story in ledger.stories(client.queue).items()
    }
    seen = _by_job(client.seen)
    for job_id in wanted.keys() | seen.keys():
        story, told = wanted.get(job_id, []), seen.get(job_id, [])
        if story == told:
            continue
        more, less = Counter(told) - Counter(story), Counter(story) - Counter(told)
        for change in more:
            verdict.blame("duplicate" if change in story else "phantom", client, change)
        for change in less:
            verdict.blame("gap", client, change)
        if not more and not less:
            verdict.blame("disorder", client, f"{told} instead of {story}")


def _by_job(seen: list[Seen]) -> dict[UUID, list[Change]]:
    told: dict[UUID, list[Change]] = defaultdict(list)
    for one in seen:
        told[one.change.job_id].append(one.change)
    return told


def _delays(seen: list[Seen], ledger: Ledger) -> list[float]:
    """From the moment a writer knew of its commit to the one at which the first client was told."""
    stories = ledger.stories()
    told: Counter[Change] = Counter()
    delays: list[float] = []
    for one in sorted(seen, key=lambda one: number_of(one.position)):
        moments = [at for change, at in stories.get(one.change.job_id, []) if change == one.change]
        if told[one.change] < len(moments):
            delays.append(max(0.0, one.at - moments[told[one.change]]))
        told[one.change] += 1
    return delays
