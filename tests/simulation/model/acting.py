"""What every actor's steps are made of: spending a budget, moving an actor on, sending."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.model.states import Actor, Message, Rows, State, Step, put, take

Steps = Iterator[tuple[Step, State]]
FLEETS = ("workers", "finalizers", "planners")  # kinds of actors of which there may be several, all alike
SINGLES = ("reconciler", "undertaker", "client")


def spend(state: State, fault: str) -> State | None:
    """The state with one of these less to happen; None when there is none left."""
    left = getattr(state.budget, fault)
    if not left:
        return None
    return state._replace(budget=state.budget._replace(**{fault: left - 1}))


def costs(state: State, fault: str, *, when: bool) -> tuple[State | None, str]:
    """What happens by itself, but `when` so is a fault: the state with that spent, if any is left, and its name."""
    return (spend(state, fault), fault) if when else (state, "")


def become(
    state: State, kind: str, number: int, actor: Actor, rows: Rows | None = None, *, sent: tuple[Message, ...] = ()
) -> State:
    """The state in which one actor has moved on, with the rows that it wrote and the messages that it sent."""
    queue = put(state.queue, *sent) if sent else state.queue
    if kind in SINGLES:
        return state._replace(**{kind: actor, "rows": rows or state.rows, "queue": queue})  # type: ignore[arg-type]
    fleet = getattr(state, kind)
    fleet = (*fleet[:number], actor, *fleet[number + 1 :])
    return state._replace(**{kind: fleet, "rows": rows or state.rows, "queue": queue})  # type: ignore[arg-type]


def deliveries(state: State, kind: str) -> Iterator[tuple[Message, State, str]]:
    """Each message that an idle actor may receive now: (message, the state without it, the fault it took).

    A copy of it may stay behind: whenever a queue delivers twice, it is as if the copy had been left lying there.
    """
    for message in dict.fromkeys(state.queue):
        if message.kind == kind:
            yield message, state._replace(queue=take(state.queue, message)), ""
            doubled = spend(state, "copy")
            if doubled:
                yield message, doubled, "copy"


def first_idle(fleet: tuple[Actor, ...], number: int) -> bool:
    """Actors of a kind are alike: it is enough that the first one without work receives."""
    return all(actor.point != "idle" for actor in fleet[:number])
