"""All routes and lanes of an engine, and which of them are in use.

Straight to mail exchangers there are as many as domains have sets of servers, and those come and
go: what nobody used for a day is forgotten, but for what its lane learned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import takewhile

from channels.base import LaneState
from channels.email.desk import Desk
from channels.email.lane import Lane
from channels.email.route import Route
from channels.email.routing import Site
from domain.lanes import LaneRule

# How long, in seconds, a route without connections is kept.
_KEPT = 86_400.0
# Of how many domains the routes are known, and of how many lanes what they learned.
_REMEMBERED = 20_000

_LaneKey = tuple[str, str]


class Routes:
    """For the engine's thread, but for `learn` and `states`.

    `rule_of` makes of a destination's rule the one that the engine keeps.
    """

    def __init__(self, desk: Desk, account: str, rule_of: Callable[[LaneRule], LaneRule]) -> None:
        # Those with connections, or with something that waits.
        self.used: set[Route] = set()
        self._desk = desk
        self._account = account
        self._rule_of = rule_of
        self._lock = threading.Lock()
        self._known: dict[_LaneKey, LaneState] = {}
        self._lanes: dict[_LaneKey, Lane] = {}
        self._routes: dict[tuple[str, str, str], Route] = {}
        self._of_domains: dict[str, tuple[float | None, list[Route]]] = {}
        # Since when the others were not used, the longest first.
        self._unused: dict[Route, float] = {}

    # What is known of lanes.

    def learn(self, states: Iterable[LaneState]) -> None:
        """Remember what lanes are to begin with; what is stopped is never forgotten."""
        with self._lock:
            for state in states:
                self._known.pop((state.site, state.egress), None)
                self._known[state.site, state.egress] = state
            if len(self._known) > _REMEMBERED:
                newest = list(self._known.items())[-_REMEMBERED // 2 :]
                stopped = {key: state for key, state in self._known.items() if state.stopped}
                self._known = stopped | dict(newest)

    def adopt(self, state: LaneState) -> None:
        """Take over what the ledger knows of a lane, if there is one."""
        lane = self._lanes.get((state.site, state.egress))
        if lane is not None:
            lane.adopt(state)
            for route in lane.routes:
                route.pump()

    def states(self) -> list[LaneState]:
        """Every lane as it is at this moment."""
        return [lane.state(self._account) for lane in list(self._lanes.values())]

    # Where mail goes.

    def all(self) -> list[Route]:
        return list(self._routes.values())

    def known(self, domain: str, now: float) -> list[Route] | None:
        """The routes to a domain, unless they are to be asked for."""
        until, routes = self._of_domains.get(domain, (0.0, []))
        return routes if until is None or now < until else None

    def to(self, domain: str, sites: tuple[Site, ...], now: float) -> list[Route]:
        """The routes to these sites, which are a domain's until they say so."""
        if len(self._of_domains) >= _REMEMBERED:
            self._of_domains.clear()
        routes = [self._route(site, now) for site in sites]
        self._of_domains[domain] = (sites[0].until, routes)
        return routes

    def _route(self, site: Site, now: float) -> Route:
        key = _key(site)
        if key not in self._routes:
            route = self._routes[key] = Route(self._desk, self._lane(site, now), site)
            self._unused[route] = now
        self._routes[key].site = site
        return self._routes[key]

    def _lane(self, site: Site, now: float) -> Lane:
        key = (site.name, site.egress)
        if key not in self._lanes:
            ours = replace(site, rule=self._rule_of(site.rule))
            self._lanes[key] = Lane(ours, now, self._known.get(key))
        return self._lanes[key]

    # Which are in use.

    def use(self, route: Route) -> None:
        """A route got something to send."""
        self._unused.pop(route, None)
        self.used.add(route)

    def tend(self, now: float) -> None:
        """Note which routes are not used any more, and forget those that were not for a day."""
        for route in [each for each in self.used if not each.is_used()]:
            self.used.remove(route)
            self._unused[route] = now
        old = takewhile(lambda route: now - self._unused[route] >= _KEPT, self._unused)
        if gone := set(old):
            for route in gone:
                self._forget(route)
            self._of_domains = {
                domain: (until, routes)
                for domain, (until, routes) in self._of_domains.items()
                if gone.isdisjoint(routes)
            }

    def _forget(self, route: Route) -> None:
        lane = route.lane
        del self._unused[route]
        del self._routes[_key(route.site)]
        lane.routes.remove(route)
        if not lane.routes:
            self.learn([lane.state(self._account)])
            del self._lanes[lane.name, lane.egress]


def _key(site: Site) -> tuple[str, str, str]:
    return site.name, site.egress, site.route
