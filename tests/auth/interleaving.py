"""Every interleaving of a few actors: each step of each is tried at each place, until nothing new can be reached.

An actor is a function. Where it touches what others touch too it calls `World.pause`, and there any other actor may go
first. The actors are greenlets, so a run is deterministic and is repeated from the start with one choice changed. What
an actor does next follows from what it has seen; so two runs with equal worlds, whose actors have seen equal things,
have equal futures, and the second is not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from greenlet import getcurrent, greenlet

RUNS_MAX = 60_000  # an explosion is a fault of the test, and is said rather than waited for


class Actor:
    """One of those who act; `seen` stands for all that it has learned, `steps` for how often it went on."""

    def __init__(self, name: str, act: Callable[[], Any]) -> None:
        self.name = name
        self.seen = 0
        self.steps = 0
        self.waits_for: Callable[[], bool] | None = None
        self.result: Any = None
        self._greenlet = greenlet(self._run)
        self._act = act

    def _run(self) -> None:
        self.result = self._act()

    @property
    def done(self) -> bool:
        return self._greenlet.dead

    @property
    def ready(self) -> bool:
        return not self.done and (self.waits_for is None or self.waits_for())

    def see(self, what: Hashable) -> None:
        self.seen = hash((self.seen, what))

    def forget(self, *but: Hashable) -> None:
        """Nothing of what was seen will matter any more, `but` this."""
        self.seen = hash(but)

    def step(self) -> None:
        self.waits_for = None
        self.steps += 1
        self._greenlet.switch()

    def stop(self) -> None:
        if self._greenlet and not self._greenlet.dead:
            self._greenlet.throw()


class World:
    """What a scenario builds anew for each run.

    Subclasses make the actors and say what the world's state is, what it means that all wait, and what must hold.
    """

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self.steps: list[str] = []

    def enter(self, name: str, act: Callable[[], Any]) -> None:
        self.actors.append(Actor(name, act))

    @property
    def acting(self) -> Actor:
        """The actor whose step it is."""
        current = getcurrent()
        return next(actor for actor in self.actors if actor._greenlet is current)

    def pause(self, *what: Hashable, until: Callable[[], bool] | None = None) -> None:
        """Let others go first. What the actor does next is named `what`, and follows from the state it then finds."""
        actor = self.acting
        actor.waits_for = until
        actor.see(what)  # where it stands
        getcurrent().parent.switch()
        actor.see(self.state())

    def state(self) -> Hashable:
        """All that actors can learn of this world."""
        raise NotImplementedError

    def all_wait(self) -> None:
        """Nobody is ready: let time pass until somebody is."""
        raise AssertionError(f"everybody waits for ever: {self.steps}")

    def check_step(self) -> None:
        """What must hold after every step."""

    def check_end(self) -> None:
        """What must hold when all are done."""


def explore(build: Callable[[], World]) -> int:
    """Run every interleaving; the number of those that came to their end.

    A failed check is raised with the steps that led to it.
    """
    met: set[Hashable] = set()
    todo: list[list[int]] = [[]]
    ended = runs = 0
    while todo:
        runs += 1
        assert runs < RUNS_MAX, "too many interleavings; make the scenario smaller"
        ended += _run(build(), todo.pop(), met, todo)
    return ended


def _run(world: World, prefix: list[int], met: set[Hashable], todo: list[list[int]]) -> bool:
    choices: list[int] = []
    try:
        for actor in world.actors:
            actor.step()  # to its first pause, where nothing has happened yet
        while any(not actor.done for actor in world.actors):
            ready = [actor for actor in world.actors if actor.ready]
            if not ready:
                world.all_wait()
                continue
            if len(choices) >= len(prefix):
                here = (world.state(), *((actor.done, actor.seen) for actor in world.actors))
                if here in met:
                    return False
                met.add(here)
                todo.extend([*choices, other] for other in range(1, len(ready)))
            choice = prefix[len(choices)] if len(choices) < len(prefix) else 0
            choices.append(choice)
            world.steps.append(ready[choice].name)
            ready[choice].step()
            world.check_step()
        world.check_end()
    except AssertionError as error:
        error.add_note("steps: " + " ".join(world.steps))
        raise
    finally:
        for actor in world.actors:
            actor.stop()
    return True
