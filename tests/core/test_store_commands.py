"""Any sequence of the commands that care for a store keeps what is stored."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from assay.core.store import Store
from assay.core.store_owner import new_owner, retire_owner

from .test_store_care import make


class Commands(RuleBasedStateMachine):
    """Three commands share a store: each claims, adds, crashes, comes back, hears a jumping clock.

    What was said to be stored stays, as it was first stored; no run is in two hands.
    """

    runs: ClassVar = [make(seed) for seed in range(5)]

    @initialize()
    def begin(self) -> None:
        self.folder = Path(self.make_folder())
        self.stored: dict[str, float] = {}
        self.clock = 0.0
        self.commands = [self.start() for _ in range(3)]

    def start(self) -> tuple[Store, str, set[str]]:
        return Store(self.folder), new_owner(), set()

    @rule(command=st.integers(0, 2), wanted=st.sets(st.integers(0, 4), min_size=1))
    def claim(self, command: int, wanted: set[int]) -> None:
        store, owner, held = self.commands[command]
        names = [self.runs[n].run_id for n in sorted(wanted)]
        got = store.claim(names, owner)
        taken = set().union(*(h for s, o, h in self.commands if o != owner))
        assert got == [name for name in names if name not in taken and name not in self.stored]
        held |= set(got)

    @rule(command=st.integers(0, 2), run=st.integers(0, 4), loss=st.floats(0, 9))
    def add(self, command: int, run: int, loss: float) -> None:
        store, owner, held = self.commands[command]
        record = make(run, loss=loss)
        assert store.add(record) == (record.run_id not in self.stored)
        self.stored.setdefault(record.run_id, loss)
        store.release([record.run_id], owner)
        held.discard(record.run_id)

    @rule(command=st.integers(0, 2))
    def crash_and_come_back(self, command: int) -> None:
        store, owner, _ = self.commands[command]
        store.close()
        retire_owner(owner)
        self.commands[command] = self.start()

    @rule(hours=st.floats(-48, 48))
    def the_clock_jumps(self, hours: float) -> None:
        self.clock += 3600 * hours

    @rule(command=st.integers(0, 2))
    def heartbeat(self, command: int) -> None:
        store, owner, _ = self.commands[command]
        store.heartbeat(owner)

    @invariant()
    def all_is_there(self) -> None:
        with Store(self.folder, create=False, read_only=True) as store:
            assert store.run_ids() == sorted(self.stored)
            for run, loss in self.stored.items():
                assert store.record(run).curves["loss"][0] == loss

    def teardown(self) -> None:
        for store, owner, _ in self.commands:
            store.close()
            retire_owner(owner)


def test_any_interleaving_of_commands_keeps_what_is_stored(tmp_path_factory, monkeypatch):
    class Here(Commands):
        def make_folder(self) -> Path:
            return tmp_path_factory.mktemp("store")

        def begin(self) -> None:
            super().begin()
            monkeypatch.setattr("assay.core.store_claims.time", Clock(self))

    class Clock:
        def __init__(self, machine: Commands):
            self.machine = machine

        def time(self) -> float:
            return time.time() + self.machine.clock

    Here.begin = initialize()(Here.begin)
    Here.TestCase.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
    Here.TestCase("runTest").runTest()
