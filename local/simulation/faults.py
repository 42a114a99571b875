"""What goes wrong in a history: which faults, how often, until when. Drawn from the seed, counted as they strike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """Everything that can go wrong, and where."""

    # Lambda
    CRASH = "an invocation crashes between two steps"
    CRASH_IN_TRANSACTION = "an invocation crashes between two statements"
    FREEZE = "an invocation freezes and wakes"
    FREEZE_IN_TRANSACTION = "an invocation freezes between two statements, and its session is ended"
    ZOMBIE = "an invocation freezes over its work, and wakes when its lease is over"
    TIMEOUT = "an invocation is killed at its deadline"
    POISON = "a chunk kills the invocation that calls the model with it"
    COLD_START = "a cold start"
    THROTTLED_FUNCTION = "Lambda has no room for a batch"
    CONCURRENCY = "the concurrency of a function changes"
    SKEW = "an invocation's clock runs fast or slow"
    # every service
    SLOW = "a service answers slowly"
    # the database
    REFUSED = "the database refuses the connection"
    LOST_IN_TRANSACTION = "the connection is lost between two statements"
    LOST_COMMIT = "the connection is lost before the commit"
    LOST_COMMIT_ANSWER = "the commit's answer is lost"
    SERIALIZATION = "a serialization failure"
    DATABASE_OUTAGE = "the database is away (a failover)"
    # SQS
    SEND_LOST = "a request to SQS is lost"
    SEND_ANSWER_LOST = "the answer of a request to SQS is lost"
    SEND_IN_PART = "SQS takes a batch in part"
    DUPLICATE = "a message is delivered twice"
    LATE = "a message comes late"
    DELETE_LOST = "an acknowledgement is lost"
    WRONG_DEPTH = "SQS tells a wrong depth"
    PURGE = "a queue is emptied"
    SQS_OUTAGE = "SQS is away"
    DEAD_LETTER = "a message is received too often and becomes a dead letter"
    REDRIVE = "an operator redrives all dead letters there ever were"
    STRAY = "a message that is not one of ours"
    # S3
    S3_REFUSED = "S3 refuses"
    S3_ANSWER_LOST = "the answer of S3 is lost"
    S3_TRUNCATED = "a read breaks off"
    S3_CONFLICT = "S3 refuses a condition, for somebody else writes there"
    S3_OUTAGE = "S3 is away"
    # the model
    MODEL_ERROR = "a model call fails"
    MODEL_THROTTLED = "a model call is throttled"
    MODEL_SILENT = "a model call is never answered"
    MODEL_SLOW = "a model call is slow"
    MODEL_PERMANENT = "a model refuses a call for good"
    MODEL_BUG = "a provider raises what it never should"
    MODEL_OUTAGE = "the model is away"
    MODEL_STORM = "the model throttles everybody"


# How often, per occasion, a fault strikes where a seed has it at its usual strength.
_OFTEN: dict[Fault, float] = {
    Fault.CRASH: 0.002,
    Fault.CRASH_IN_TRANSACTION: 0.006,
    Fault.FREEZE: 0.002,
    Fault.FREEZE_IN_TRANSACTION: 0.004,
    Fault.ZOMBIE: 0.02,
    Fault.THROTTLED_FUNCTION: 0.03,
    Fault.COLD_START: 0.2,
    Fault.SKEW: 0.3,
    Fault.REFUSED: 0.03,
    Fault.LOST_IN_TRANSACTION: 0.02,
    Fault.LOST_COMMIT: 0.02,
    Fault.LOST_COMMIT_ANSWER: 0.03,
    Fault.SERIALIZATION: 0.02,
    Fault.SEND_LOST: 0.05,
    Fault.SEND_ANSWER_LOST: 0.05,
    Fault.SEND_IN_PART: 0.05,
    Fault.DUPLICATE: 0.08,
    Fault.LATE: 0.08,
    Fault.DELETE_LOST: 0.05,
    Fault.WRONG_DEPTH: 0.05,
    Fault.S3_REFUSED: 0.05,
    Fault.S3_ANSWER_LOST: 0.05,
    Fault.S3_TRUNCATED: 0.05,
    Fault.S3_CONFLICT: 0.2,
    Fault.DEAD_LETTER: 0.02,
    Fault.SLOW: 0.03,
    Fault.MODEL_ERROR: 0.15,
    Fault.MODEL_THROTTLED: 0.1,
    Fault.MODEL_SILENT: 0.03,
    Fault.MODEL_SLOW: 0.1,
    Fault.MODEL_BUG: 0.02,
    # what strikes a chunk, or a history, once and for all
    Fault.POISON: 0.06,
    Fault.MODEL_PERMANENT: 0.06,
    Fault.DATABASE_OUTAGE: 0.4,
    Fault.SQS_OUTAGE: 0.4,
    Fault.S3_OUTAGE: 0.4,
    Fault.MODEL_OUTAGE: 0.4,
    Fault.MODEL_STORM: 0.4,
    Fault.PURGE: 0.4,
    Fault.CONCURRENCY: 0.4,
    Fault.STRAY: 0.2,
    Fault.REDRIVE: 0.4,
}
# How many of the faults are in a history, and how strong they are there: few and strong reach further than all at once.
_MIXTURES = ((0.1, 3.0), (0.3, 1.0), (0.6, 0.5))
_ALONE = (5.0, 20.0)  # how strong faults are that were asked for
_MOST_OFTEN = 0.5


class Faults:
    """The faults of one history, until `end`: a random choice of all, each at a strength of its own, or those given."""

    def __init__(
        self, random: Random, clock: Callable[[], float], *, end: float, only: Collection[Fault] = frozenset()
    ) -> None:
        self._random = random
        self._clock = clock
        self._end = end
        self.counts: Counter[Fault] = Counter()
        self.last = 0.0  # when the last of them struck
        share, strength = random.choice(_MIXTURES)
        self._rates = {
            fault: min(_MOST_OFTEN, often * strength * 3 ** random.uniform(-1, 1))
            for fault, often in _OFTEN.items()
            if random.random() < share
        }
        if only:
            strength = random.choice(_ALONE)
            self._rates = {f: min(_MOST_OFTEN, strength * often) for f, often in _OFTEN.items() if f in only}

    def strikes(self, fault: Fault) -> bool:
        """Whether this one strikes now; counted if so."""
        if not self.drawn(fault):
            return False
        self.struck(fault)
        return True

    def drawn(self, fault: Fault) -> bool:
        """The same, uncounted."""
        rate = self._rates.get(fault)
        return rate is not None and self._random.random() < rate and not self.over

    @property
    def over(self) -> bool:
        """Whether everything works from now on."""
        return self._clock() > self._end

    def one_of(self, *faults: Fault) -> Fault | None:
        """The first of them that strikes."""
        for fault in faults:
            if fault in self._rates and self.strikes(fault):
                return fault
        return None

    @property
    def met(self) -> frozenset[Fault]:
        """Those that have struck so far."""
        return frozenset(self.counts)

    def stop(self) -> None:
        """From now on everything works."""
        self._end = min(self._end, self._clock())

    def struck(self, fault: Fault) -> None:
        """Count one that struck, maybe by itself."""
        self.counts[fault] += 1
        self.last = self._clock()
