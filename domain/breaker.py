"""The breaker: stops a destination whose refusals as unknown jump, before anybody is struck off.

Carriers that shut us out for a while answer "no such user" for everybody (docomo says so itself).
A stopped destination waits for a person: sending on would confirm to the carrier that we write to
addresses at random, and would strike off families whose addresses are good.
"""

from __future__ import annotations

from collections import deque

# What a channel says of everybody at a destination that is stopped: it is tried again later.
LANE_STOPPED = "lane_stopped"
# A destination stops when more than so many of its last answers called the recipient unknown,
# and more than so many times as many as are usual there.
SHARE = 0.05
TIMES = 3.0
# The window.  A carrier's block lasts for hours, so 200 answers are few of those that it spoils,
# and enough that 5 % of them are ten people and no chance; what lies ten minutes back says nothing
# of now.
_ANSWERS = 200
_SECONDS = 600.0
# With fewer answers or fewer unknown ones nothing stops: two wrong addresses among twenty are
# a school's first list, ten in a row are a block.
_LEAST_ANSWERS = 20
_LEAST_UNKNOWN = 10
# How many answers the usual share is an average of, and the most that a person who lets a
# destination go on can make usual: a block that goes on stops it again.
_USUAL = 5000
_MOST_USUAL = 0.1


class Breaker:
    """Watches one destination; not safe to share between threads.

    `share` and `baseline` are parts of 1: the unknown among the last answers, and how many are
    usual.  An answer is one about a recipient, accepted or refused; what only defers is none.
    """

    def __init__(self, baseline: float = 0.0) -> None:
        self.baseline = baseline
        self.tripped = False
        # What is known from before counts as much as a full average.
        self._seen = _USUAL if baseline else 0
        self._window: deque[tuple[float, int, int]] = deque()
        self._unknown = 0
        self._total = 0

    @property
    def share(self) -> float:
        return self._unknown / self._total if self._total else 0.0

    def note(self, unknown: int, others: int, now: float) -> None:
        """Take in that so many answers called the recipient unknown, and so many did not.

        `now` is in seconds of any clock that never goes back.  Once tripped, what was on its way
        changes nothing any more.
        """
        if self.tripped or not unknown + others:
            return
        self._window.append((now, unknown, unknown + others))
        self._unknown += unknown
        self._total += unknown + others
        while self._is_old(now):
            self._become_usual(*self._window.popleft()[1:])
        self.tripped = self._has_jumped()

    def resume(self, usual: float) -> None:
        """Let the destination go on; this share, which whoever let it go on decided, is usual now.

        That may have been stopped elsewhere, or before a restart, so this breaker need not have
        tripped (see usual_from_now).
        """
        self.baseline = max(self.baseline, usual)
        self._seen = _USUAL
        self.tripped = False
        self._window.clear()
        self._unknown = self._total = 0

    def _is_old(self, now: float) -> bool:
        at, _, answers = self._window[0]
        return self._total - answers >= _ANSWERS or now - at > _SECONDS

    def _become_usual(self, unknown: int, answers: int) -> None:
        """What leaves the window joins the average, so that a jump is not measured by itself."""
        self._unknown -= unknown
        self._total -= answers
        self._seen = min(self._seen + answers, _USUAL)
        self.baseline += (unknown / answers - self.baseline) * min(1.0, answers / self._seen)

    def _has_jumped(self) -> bool:
        enough = self._total >= _LEAST_ANSWERS and self._unknown >= _LEAST_UNKNOWN
        return enough and self.share > max(SHARE, TIMES * self.baseline)


def usual_from_now(baseline: float, share: float) -> float:
    """The share that is usual after a person let a destination go on at this share."""
    return max(baseline, min(share, _MOST_USUAL))
