"""Which states are the same but for names: workers, finalizers and planners are alike, and so are chunks.

Whoever has only to acknowledge counts as idle once no crash can happen any more: nobody could tell.

A state is renamed to the least of its kind, as far as sorting finds it: where two chunks look alike to the sort but are
not, two names stay for one state, which costs time and hides nothing.
"""

from __future__ import annotations

from tests.simulation.model.states import IDLE, Actor, Message, State


def canonical(state: State) -> State:
    """The state under its chosen names."""
    chunks = state.rows.chunks
    if len(chunks) > 1:
        order = _order(state)
        if order != list(range(len(chunks))):
            state = _renamed(state, order)
    workers, finalizers, planners = state.workers, state.finalizers, state.planners
    if not state.budget.crash:
        workers, finalizers, planners = _settled(workers), _settled(finalizers), _settled(planners)
        if state.undertaker.point == "done":
            state = state._replace(undertaker=IDLE)
    return state._replace(
        workers=tuple(sorted(workers)), finalizers=tuple(sorted(finalizers)), planners=tuple(sorted(planners))
    )


def _settled(fleet: tuple[Actor, ...]) -> tuple[Actor, ...]:
    return tuple(IDLE if actor.point == "done" else actor for actor in fleet)


def _order(state: State) -> list[int]:
    """Old chunk numbers in their new order: by row, then by the messages and workers that are about them."""
    about: list[list[tuple[int, ...]]] = [[] for _ in state.rows.chunks]
    for where, bag in enumerate((state.queue, state.letters, state.reconciler.sends, state.client.sends)):
        for message in bag:
            if message.kind == "chunk" and message.chunk < len(about):
                about[message.chunk].append((where, message.token))
    hands: list[list[tuple[str, int, int]]] = [[] for _ in about]
    for actor in (*state.workers, state.undertaker):
        if 0 <= actor.message.chunk < len(about):
            hands[actor.message.chunk].append((actor.point, actor.token, actor.message.token))
    keys = [(chunk, notes, sorted(hand)) for chunk, notes, hand in zip(state.rows.chunks, about, hands, strict=True)]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _renamed(state: State, order: list[int]) -> State:
    names = {old: new for new, old in enumerate(order)}
    rows = state.rows
    job = rows.job
    if job and job.result:
        job = job._replace(result=_permuted(job.result, order))
    return state._replace(
        rows=rows._replace(job=job, chunks=tuple(rows.chunks[old] for old in order)),
        queue=_messages(state.queue, names),
        letters=_messages(state.letters, names),
        workers=tuple(_actor(actor, names) for actor in state.workers),
        finalizers=tuple(
            actor._replace(seen=_permuted(actor.seen, order)) if actor.seen else actor for actor in state.finalizers
        ),
        planners=tuple(_actor(actor, names) for actor in state.planners),
        reconciler=_actor(state.reconciler, names),
        undertaker=_actor(state.undertaker, names),
        client=_actor(state.client, names),
    )


def _permuted(seen: tuple[int, ...], order: list[int]) -> tuple[int, ...]:
    """A result per chunk under the new names; the rows of a plan that goes on may be fewer than were read later."""
    return tuple(seen[old] for old in order if old < len(seen))


def _messages(bag: tuple[Message, ...], names: dict[int, int]) -> tuple[Message, ...]:
    return tuple(sorted(_message(message, names) for message in bag))


def _message(message: Message, names: dict[int, int]) -> Message:
    return message._replace(chunk=names.get(message.chunk, message.chunk)) if message.kind == "chunk" else message


def _actor(actor: Actor, names: dict[int, int]) -> Actor:
    if actor.message.kind != "chunk" and not actor.sends:
        return actor
    return actor._replace(message=_message(actor.message, names), sends=_messages(actor.sends, names))
