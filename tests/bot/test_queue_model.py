"""Whatever is done to the queue in whatever order: nothing is lost, nothing is out twice, nobody waits for nothing."""

import asyncio
from collections import Counter

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.domain.job import Leased, Member, Work
from bot.jobs.queue import JobQueue
from tests.bot.conftest import ADA, MINA, THEO
from tests.bot.leased import again, at_once, leased

LIMIT = 2


class Model(RuleBasedStateMachine):
    """The queue beside plain sets that say what may be given out."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.queue = JobQueue(100, LIMIT)
        self.jobs: dict[int, Leased] = {}
        self.waiting: dict[int, set[int]] = {}
        self.paused: set[int] = set()
        self.suspects: set[int] = set()
        self.stopped: set[int] = set()
        self.out: list[Work] = []
        self.stale: list[Work] = []

    def teardown(self) -> None:
        self.loop.close()

    def any_job(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.jobs)))

    @rule(
        owner=st.sampled_from([MINA, THEO, ADA]),
        images=st.integers(1, 4),
        urgent=st.booleans(),
        suspect=st.sampled_from([False, False, False, True]),
        weight=st.sampled_from([0.1, 1.0, 3.0]),
    )
    def admit(self, owner: Member, images: int, urgent: bool, suspect: bool, weight: float) -> None:
        self.enter(leased(owner, images, urgent=urgent, weight=weight), suspect)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def lease_again(self, data: st.DataObject) -> None:
        self.enter(again(self.jobs[self.any_job(data)]), False)

    def enter(self, job: Leased, suspect: bool) -> None:
        self.forget(job.job.id)
        self.queue.admit(job, suspect=suspect)
        self.jobs[job.job.id] = job
        self.waiting[job.job.id] = {item.number for item in job.items}
        if suspect:
            self.suspects.add(job.job.id)

    def forget(self, job_id: int) -> None:
        self.stale += [work for work in self.out if work.job.id == job_id]
        self.out = [work for work in self.out if work.job.id != job_id]
        self.jobs.pop(job_id, None)
        for marks in (self.paused, self.suspects, self.stopped):
            marks.discard(job_id)
        self.waiting.pop(job_id, None)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), act=st.sampled_from(["pause", "resume", "stop", "remove", "cleared"]))
    def mark(self, data: st.DataObject, act: str) -> None:
        job_id = self.any_job(data)
        getattr(self.queue, act)(job_id)
        match act:
            case "pause":
                self.paused.add(job_id)
            case "resume":
                self.paused.discard(job_id)
            case "cleared":
                self.suspects.discard(job_id)
            case "remove":
                self.forget(job_id)
            case "stop":
                self.stopped.add(job_id)
                self.waiting[job_id] = set()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from([MINA, THEO, ADA]))
        mine = [job_id for job_id, each in self.jobs.items() if each.job.owner == owner]
        self.queue.reorder(data.draw(st.permutations(mine)))

    @rule(urgent_only=st.booleans())
    def take(self, urgent_only: bool) -> None:
        work = self.loop.run_until_complete(at_once(self.queue, urgent_only=urgent_only))
        allowed = self.allowed(urgent_only)
        if work is None:
            assert not allowed
            return
        assert work.job.id in allowed
        assert work.lease == self.jobs[work.job.id].lease
        self.waiting[work.job.id].remove(work.item.number)
        self.out.append(work)

    def allowed(self, urgent_only: bool) -> set[int]:
        """The jobs of which something may be given out now."""
        ready = {job_id for job_id, items in self.waiting.items() if items and job_id not in self.paused}
        busy = Counter(work.job.owner.id for work in self.out)
        if suspects := ready & self.suspects:
            found = suspects if not self.out else set()
        elif any(work.job.id in self.suspects for work in self.out):
            found = set()
        else:
            found = {job_id for job_id in ready if busy[self.jobs[job_id].job.owner.id] < LIMIT}
        return {job_id for job_id in found if self.jobs[job_id].job.urgent or not urgent_only}

    @precondition(lambda self: self.out)
    @rule(data=st.data(), back=st.booleans())
    def bring(self, data: st.DataObject, back: bool) -> None:
        work = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        (self.queue.give_back if back else self.queue.put_down)(work)
        if back and work.job.id not in self.stopped:
            self.waiting[work.job.id].add(work.item.number)

    @precondition(lambda self: self.stale)
    @rule(back=st.booleans())
    def bring_too_late(self, back: bool) -> None:
        (self.queue.give_back if back else self.queue.put_down)(self.stale.pop())

    @invariant()
    def what_it_tells_is_so(self) -> None:
        queue = self.queue
        busy = Counter(work.job.id for work in self.out)
        assert len(queue) == len(self.jobs)
        assert {job.id for job in queue.jobs()} == set(self.jobs)
        for job_id, items in self.waiting.items():
            assert queue.idle(job_id) == (not items and not busy[job_id])
            assert queue.drawing(job_id) == busy[job_id]
            assert queue.is_paused(job_id) == (job_id in self.paused)
            place = queue.position(job_id)
            assert (place is None) == (queue.idle(job_id) or job_id in self.paused)
            assert not busy[job_id] or place in (1, None)
        assert all(queue.is_stopped(work) == (work.job.id in self.stopped) for work in self.out)
        assert all(queue.is_stopped(work) for work in self.stale)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
