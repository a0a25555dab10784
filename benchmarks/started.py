"""Verifications that are under way, made by the very functions that are measured."""

from dataclasses import dataclass

from benchmarks.world import World, a_number


@dataclass(frozen=True)
class Started:
    """A verification whose code is known."""

    id: str
    to: str
    code: str


def start_some(world: World, variant: str, count: int) -> list[Started]:
    """Start verifications of numbers that nobody else uses."""
    started = []
    with world.function(variant, "start") as function:
        for _ in range(count):
            number = a_number()
            reply = function.invoke(world.start_event(number))
            if reply.status != 201:
                raise AssertionError(f"start answered {reply.status}: {reply.content}")
            started.append(Started(reply.content["id"], number, world.code_to(number)))
    return started
