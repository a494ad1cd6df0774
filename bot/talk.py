"""One person's side of one turn: what is said to them, and where their dialogue goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot import asking, replay
from bot.steps import Begin, Do, Finish, Flow, Json, Misread, Question, Say, Scene, Show
from domain.speech import Speech
from domain.wording import Words, say
from storage import dialogues, people
from storage.database import Transaction
from storage.dialogues import StoredDialogue

# What an effect may note in its memory: the text that says what stays when the rest is dropped.
STAYS = "stays"

# What asks about one thing that somebody pressed or sent: it gives way to whatever is pressed next.
_BRIEF = frozenset({"decide", "remark", "withdraw", "resend", "link_contact", "new_phone"})
# Gives way to anything, and comes between without ending anything.
_LANGUAGE = "language"
# Goes through a list, so that a second one begins the same anew.
_ANEW = "admissions"
_MOST_WAITING = 3


class _Lasting(Exception):
    """An effect that cannot be undone would happen, which nobody has plainly asked for."""


@dataclass(slots=True)
class Open:
    """A dialogue that waits for an answer, as it stands now."""

    stored: StoredDialogue
    flow: Flow
    stand: replay.Stand
    scene: Scene
    question: Question

    @property
    def moved(self) -> bool:
        """Whether it asks something else than what the person last heard (after an upgrade)."""
        return self.stored.awaited != self.question.key


class Talk:
    """A turn in the making; nothing leaves before `messages` are queued.

    `found` is the dialogue that was active when the turn began.
    """

    def __init__(self, tx: Transaction, contact_id: int, flows: Mapping[str, Flow]) -> None:
        contact = people.contact(tx, contact_id)
        self.tx = tx
        self.contact_id = contact_id
        self.board_id = contact.board_id
        self.language = contact.language
        self._flows = flows
        self.found: StoredDialogue | None = None
        self._spoken: list[Speech] = []

    # What is said.

    def say(self, *words: Words) -> None:
        self._spoken.append(Speech(words=words))

    def speak(self, speech: Speech) -> None:
        self._spoken.append(speech)

    def said(self) -> int:
        """How much was said so far."""
        return len(self._spoken)

    def take_back(self, said: int) -> None:
        """Not say what came after so much was said."""
        del self._spoken[said:]

    def messages(self) -> list[Speech]:
        """What was said, as few messages as may be: LINE allows five in one answer."""
        merged: list[Speech] = []
        for speech in self._spoken:
            if merged and _is_plain(merged[-1]) and not (speech.subject or speech.picture_ids):
                speech = replace(speech, words=(*merged.pop().words, *speech.words))
            merged.append(speech)
        return merged

    # Where the dialogue goes.

    def active(self) -> StoredDialogue | None:
        return dialogues.active(self.tx, self.contact_id)

    def flow_of(self, stored: StoredDialogue) -> Flow | None:
        return self._flows.get(stored.flow)

    def open(self, stored: StoredDialogue) -> Open | None:
        """Play a stored dialogue up to its question; None if it has just ended instead."""
        flow = self.flow_of(stored)
        if flow is None:
            self.say(say("bot.gone"))
            self.drop(stored)
            return None
        scene = self._scene(stored.memory)
        stand = self._replay(flow, stored.given, stored.log, scene)
        if stand.question is None:
            self._end(stored, stand)
            return None
        return Open(stored, flow, stand, scene, stand.question)

    def begin(self, begin: Begin, below: StoredDialogue | None = None) -> None:
        """Start a dialogue; the one `below` waits until it has ended."""
        flow = self._flows[begin.flow]
        scene = self._scene(begin.memory)
        stand = self._replay(flow, begin.given, begin.answers, scene)
        self._tell(stand.said)
        if stand.finish is not None:
            self._finish(stand.finish, below)
            return
        stored = dialogues.start(
            self.tx,
            self.contact_id,
            flow.name,
            flow.version,
            dict(begin.given),
            self.tx.now + flow.idle,
            below,
        )
        self._keep(stored, flow, stand, scene)

    def answer(self, at: Open, value: Json) -> None:
        """Take an answer to the open question, and go on to the next one or the end."""
        if isinstance(value, Misread):
            self.say(value.words)
            self.repeat(at)
            return
        log = [*at.stand.log, (at.question.key, value)]
        self._go_on(at, log)

    def ahead(self, at: Open, value: Json) -> Open | None:
        """Where an answer would lead; None unless to another question, with nothing lasting done.

        Effects on the way are of the kind that may run again, so nothing is lost if it stays at
        this; whoever wants it to count says so with `go_to`.
        """
        log = [*at.stand.log, (at.question.key, value)]
        try:
            stand = self._replay(at.flow, at.stored.given, log, at.scene, lasting=False)
        except _Lasting:
            return None
        if stand.question is None:
            return None
        return replace(at, stand=stand, question=stand.question)

    def go_to(self, at: Open) -> None:
        """Go on from where several answers led."""
        self._tell(at.stand.said)
        self._keep(at.stored, at.flow, at.stand, at.scene)

    def back(self, at: Open) -> None:
        """Ask again what was answered last."""
        try:
            log = replay.without_last_answer(at.stand)
        except replay.Barrier:
            self.say(say("bot.back.barrier"))
            self.repeat(at)
            return
        if log is None:
            self.say(say("bot.back.first"))
            self.repeat(at)
            return
        self._go_on(at, log)

    def repeat(self, at: Open) -> None:
        """Ask the open question again; its earlier buttons go on working if it is the same."""
        if at.moved or at.stand.log != at.stored.log:
            self._keep(at.stored, at.flow, at.stand, at.scene)
        else:
            self._ask(at.question, at.stored)

    def resume(self, stored: StoredDialogue) -> None:
        """Come back to a dialogue that something came between."""
        at = self.open(stored)
        if at is not None:
            self.say(say("bot.resumed"))
            self.repeat(at)

    def set_aside(self, name: str) -> StoredDialogue | None:
        """What waits while a dialogue of this name is held above it.

        Whatever gives way to it ends. Only so many wait: more than anybody remembers, so the
        one that has waited longest ends, and they are told.
        """
        below = self.active()
        while below is not None and self._gives_way(below, name):
            self._say_what_stays(below)
            below = dialogues.end(self.tx, below)
        if below is not None and name != _LANGUAGE:
            for forgotten in dialogues.end_deeper(self.tx, below, _MOST_WAITING):
                self.say(say("bot.too_many"))
                self._say_what_stays(forgotten)
        return below

    def _gives_way(self, stored: StoredDialogue, name: str) -> bool:
        flow = self.flow_of(stored)
        if flow is None or flow.passing or flow.name == _LANGUAGE:
            return True
        if flow.name in _BRIEF:
            return name != _LANGUAGE
        return flow.name == name == _ANEW

    def _say_what_stays(self, stored: StoredDialogue) -> None:
        if STAYS in stored.memory:
            self.say(say(stored.memory[STAYS]))

    def drop(self, stored: StoredDialogue) -> None:
        """End a dialogue without finishing it, and come back to the one below."""
        self._say_what_stays(stored)
        below = dialogues.end(self.tx, stored)
        if below is not None:
            self.resume(below)

    def place(self, stored: StoredDialogue) -> asking.Place:
        return asking.Place(self.tx.secret, stored.id, stored.sequence, stored.flow)

    def _scene(self, memory: Mapping[str, Json]) -> Scene:
        return Scene(self.contact_id, self.board_id, self.language, dict(memory))

    def _replay(
        self,
        flow: Flow,
        given: Mapping[str, Json],
        log: Iterable[replay.Entry],
        scene: Scene,
        *,
        lasting: bool = True,
    ) -> replay.Stand:
        def perform(step: Do) -> Json:
            if step.lasting and not lasting:
                raise _Lasting
            return step.effect(self.tx, scene)

        return replay.replay(flow, given, log, perform)

    def _go_on(self, at: Open, log: Sequence[replay.Entry]) -> None:
        stand = self._replay(at.flow, at.stored.given, log, at.scene)
        self._tell(stand.said)
        if stand.finish is not None:
            self._finish(stand.finish, dialogues.end(self.tx, at.stored))
        else:
            self._keep(at.stored, at.flow, stand, at.scene)

    def _end(self, stored: StoredDialogue, stand: replay.Stand) -> None:
        self._tell(stand.said)
        if stand.finish is not None:
            self._finish(stand.finish, dialogues.end(self.tx, stored))

    def _finish(self, finish: Finish, below: StoredDialogue | None) -> None:
        if finish.words is not None:
            self.say(finish.words)
        if finish.then is not None:
            self.begin(finish.then, below)
        elif below is not None:
            self.resume(below)

    def _keep(self, stored: StoredDialogue, flow: Flow, stand: replay.Stand, scene: Scene) -> None:
        if stand.question is None:
            return
        kept = dialogues.save(
            self.tx,
            stored,
            version=flow.version,
            log=stand.log,
            memory=scene.memory,
            awaited=stand.question.key,
            expires_at=self.tx.now + flow.idle,
        )
        self._ask(stand.question, kept)

    def _ask(self, question: Question, stored: StoredDialogue) -> None:
        self.speak(asking.ask(question, self.place(stored)))

    def _tell(self, said: Iterable[Say | Show]) -> None:
        for each in said:
            self.speak(each.speech if isinstance(each, Show) else Speech(words=(each.words,)))


def _is_plain(speech: Speech) -> bool:
    return not (speech.buttons or speech.picture_ids or speech.subject)
