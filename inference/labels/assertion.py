"""What each mention of a fracture in a sentence asserts.

One pass of the lexer gives triggers, cues and punctuation in order; descriptors ("non déplacée",
"no other") were longer phrases and are already masked, so no negation sees inside them. Then each
trigger looks left and right for the cue that governs it, up to a stop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from inference.labels.pack import Pack
from inference.labels.phrases import Token
from inference.labels.sections import Sentence

FRACTURES = frozenset(("fracture", "equivalent", "definite"))
TRIGGERS = FRACTURES | {"suspicion", "bone"}
STATEMENTS = frozenset(("healed", "healing", "intact"))
_NEGATIONS = frozenset(("negation", "negation_other"))
# After a comma these go on with an enumeration that a negation opened.
_GOES_ON = re.compile(r"\s*(?:de|d|du|des|ni|ou|or|nor|and|et|no|pas)\b")
_HAS_OWN_OBJECT = re.compile(r"[^,]{0,80}?\b(?:of|de|du|des|d|a|in|at|involving|with|avec|is|are|est|sont)\b")
_COORDINATED = re.compile(r",?[^,]{0,80}\b(?:or|nor|ou|ni|and|et)\b")
_VERB = re.compile(r"\b(?:is|are|was|were|remains?|appears?|seems?|be)\s*$")
_MARK = re.compile(r"[,()?]|$")
_COMMA = re.compile(r"[,()]")
# Words, then a colon: what follows is said for itself ("not a sprain: fracture").
_COLON = re.compile(r"\w\s*:")
# "Bones free of fracture": a statement that governs the word after it.
_OF = frozenset(("", "of", "from", "de", "d"))
_PLACED = re.compile(r"\s+(?:at|in|of|on|along|through|involving|de|du|des|d|au)\b")
_ARTICLE = 6
_ONE_WORD = 16
_ASKED = re.compile(r"\?\s{0,2}(?:[\w/'-]{1,20}\s+){0,4}\Z")


@dataclass(frozen=True)
class Mention:
    """One statement about a fracture.

    `status` is ``present``, ``healing``, ``old``, ``hedged``, ``absent``, ``suspicious`` (a sign
    that counts only when nothing else was said) or ``ignored``. `other` marks a negation of
    *further* fractures, `recent` a fracture called so.
    """

    status: str
    sentence: Sentence
    rules: tuple[str, ...]
    trigger: Token
    other: bool = False
    recent: bool = False


def mentions(text: str, sentence: Sentence, pack: Pack) -> list[Mention]:
    """All mentions of one sentence, in order."""
    tokens = pack.words.tokens(text, sentence.start, sentence.end)
    if not any(t.kind in TRIGGERS or t.kind in STATEMENTS for t in tokens):
        return []
    if any(t.kind == "ignore_sentence" for t in tokens):
        return []
    reading = _Reading(text, sentence, tokens, pack)
    found = [
        reading.mention(at) for at, token in enumerate(tokens) if token.kind in TRIGGERS or token.kind in STATEMENTS
    ]
    return _signs_of_hedged(text, found, pack)


def _signs_of_hedged(text: str, found: list[Mention], pack: Pack) -> list[Mention]:
    """A sign explained by a hedged fracture is as uncertain: "cortical step, possible fracture"."""
    hedged = [mention for mention in found if mention.status == "hedged" and mention.trigger.kind == "fracture"]
    if not hedged:
        return found
    last = hedged[-1].trigger
    return [
        replace(mention, status="hedged", rules=(*mention.rules, *hedged[-1].rules))
        if mention.status == "present"
        and mention.trigger.kind == "equivalent"
        and mention.trigger.end < last.start
        and not pack.places.search(text, last.start, hedged[-1].sentence.end)
        else mention
        for mention in found
    ]


class _Reading:
    """The tokens of one sentence, with the adjectives given to their owners."""

    def __init__(self, text: str, sentence: Sentence, tokens: list[Token], pack: Pack) -> None:
        self.text, self.sentence, self.tokens = text, sentence, tokens
        self.adjective_first, self.link, self.not_whole = pack.adjective_first, pack.link, pack.not_whole
        self.weak = pack.weak
        self.cues: dict[int, dict[str, str]] = {i: {} for i in range(len(tokens))}
        for at, token in enumerate(tokens):
            if token.kind in ("old", "recent", "follow_up", "hedge"):
                for owner in self._owners(at):
                    self.cues[owner].setdefault(token.kind, token.rule)

    def _between(self, a: Token, b: Token) -> str:
        return self.text[a.end : b.start]

    def _neighbour(self, at: int, step: int) -> int | None:
        """Index of the nearest fracture trigger in direction `step`, not past a stop."""
        i = at + step
        while 0 <= i < len(self.tokens):
            kind = self.tokens[i].kind
            if kind in TRIGGERS:
                return i
            if kind == "stop":
                return None
            i += step
        return None

    def _owners(self, at: int) -> list[int]:
        cue, left, right = self.tokens[at], self._neighbour(at, -1), self._neighbour(at, 1)
        if right is not None and ("," in self._between(cue, self.tokens[right])):
            right = None if left is not None or cue.kind == "hedge" else right
        if left is not None and right is not None:
            gap = self._between(cue, self.tokens[right]).split()
            comma_before = "," in self._between(self.tokens[left], cue)
            if comma_before or len(gap) == 0 or (self.adjective_first and len(gap) <= 5):
                left = None
            else:
                right = None
        if left is not None:
            if not self._may_follow(self.tokens[left], cue):
                return []
            return [left]
        return [] if right is None else self._with_coordinated(right, cue)

    def _may_follow(self, trigger: Token, cue: Token) -> bool:
        """Whether an adjective after the fracture is the fracture's.

        After a comma it must come at once ("fracture, old"). A hedge must not begin a noun phrase
        of its own: in English it ends its segment or follows a verb ("fracture is possible").
        """
        if cue.kind == "follow_up":
            return True
        between = self._between(trigger, cue)
        if cue.kind == "old" and "," in between and self._linked(between.rpartition(",")[2]):
            return self._ends_segment(cue)
        if "," in between or "(" in between:
            return between.rstrip()[-1:] in (",", "(") and self._ends_segment(cue)
        if cue.kind != "hedge" or (not between.strip() and _PLACED.match(self.text, cue.end)):
            return True
        verb = _VERB.search(between) is not None
        return (not self.adjective_first or verb or self._ends_segment(cue)) and len(between.split()) <= 9

    def _linked(self, words: str) -> bool:
        return all(word.isdigit() or self.link.match(word) for word in words.split())

    def _ends_segment(self, cue: Token) -> bool:
        """Nothing but a word or two follows before the next mark: no noun of its own."""
        after = _MARK.split(self.text[cue.end : self.sentence.end], maxsplit=1)[0].split()
        return len(after) <= (0 if cue.kind == "hedge" else 3)

    def _with_coordinated(self, first: int, cue: Token) -> list[int]:
        owners = [first]
        for i in range(first + 1, len(self.tokens)):
            token = self.tokens[i]
            if token.kind in TRIGGERS:
                joint = self._between(self.tokens[owners[-1]], token)
                if "," in joint or (cue.kind in ("old", "recent") and "(" in joint):
                    break
                owners.append(i)
            elif token.kind in ("stop", "recent", "old", "negation", cue.kind):
                break
        return owners

    def mention(self, at: int) -> Mention:
        """Status of the trigger or statement at index `at`."""
        token = self.tokens[at]
        rules = [token.rule]
        cues = self.cues[at]
        if ignored := self._set_aside(at):
            return Mention("ignored", self.sentence, (token.rule, ignored.rule), token)
        negation = self._negation(at)
        if negation and negation.kind == "unseen" and self._left(at, ("hedge_before",), commas=False):
            # "Suspicion of a fracture that is not visible" denies nothing.
            negation = None
        if token.kind in STATEMENTS:
            return self._statement(token, negation)
        if negation is not None:
            rules.append(negation.rule)
            if doubt := self._doubted_denial(at, negation):
                return Mention("hedged", self.sentence, (*rules, doubt.rule), token)
            # "The known fracture is not visible through the plaster" is no denial.
            known = token.kind == "definite" and "follow_up" in cues
            other = negation.kind == "negation_other"
            status = "healing" if known else "absent"
            return Mention(status, self.sentence, tuple(rules), token, other)
        if token.kind == "bone":
            return Mention("ignored", self.sentence, tuple(rules), token)
        status, cue = self._affirmed(at, token, cues)
        named = (*rules, cue) if cue else tuple(rules)
        return Mention(status, self.sentence, named, token, recent="recent" in cues)

    def _set_aside(self, at: int) -> Token | None:
        """The words by which the fracture is looked for, spoken of or once suspected, not seen."""
        if before := self._left(at, ("ignore_before", "request"), commas=False):
            return before
        after = self._right(at, ("ignore_after", "request"))
        if after and after.kind == "request" and "," not in self._between(self.tokens[at], after):
            return None
        return after

    def _affirmed(self, at: int, token: Token, cues: dict[str, str]) -> tuple[str, str | None]:
        """Status of a trigger that is not denied, and the cue that gave it."""
        if said := self._said_of_it(at):
            return said
        before = self._left(at, ("old_before",))
        old = cues.get("old") or (before.rule if before else None)
        if token.kind == "suspicion":
            return ("old", old) if old else ("suspicious", None)
        if undated := next((t.rule for t in self.tokens if t.kind == "undated"), None):
            return "hedged", undated
        hedge = self._hedge(at, cues)
        healing = cues.get("follow_up")
        if old and not self._said_recent(cues, old, hedge):
            # "Healing or old" leaves the age open; "possibly old" is an old fracture all the same.
            return ("hedged", hedge) if healing and hedge else ("old", old)
        return self._current(cues, hedge, healing)

    @staticmethod
    def _said_recent(cues: dict[str, str], old: str, hedge: str | None) -> bool:
        """Both "old" and "acute" stand near: recent, unless healed or only supposed."""
        return "recent" in cues and hedge is None and "healed" not in old

    @staticmethod
    def _current(cues: dict[str, str], hedge: str | None, healing: str | None) -> tuple[str, str | None]:
        if hedge:
            return "hedged", hedge
        if healing and "recent" not in cues:
            return "healing", healing
        return "present", None

    def _said_of_it(self, at: int) -> tuple[str, str] | None:
        """The statement just before the fracture as its own: "complete union of the fracture"."""
        if at == 0 or self.tokens[at - 1].kind not in ("healed", "healing"):
            return None
        before = self.tokens[at - 1]
        if self._between(before, self.tokens[at]).strip():
            return None
        return ("old" if before.kind == "healed" else "healing"), before.rule

    def _statement(self, token: Token, negation: Token | None) -> Mention:
        status = {"intact": "absent", "healed": "old", "healing": "healing"}
        if negation is None:
            return Mention(status[token.kind], self.sentence, (token.rule,), token)
        if token.kind == "healed":
            return Mention("healing", self.sentence, (token.rule, negation.rule), token)
        return Mention("ignored", self.sentence, (token.rule, negation.rule), token)

    def _left(self, at: int, kinds: tuple[str, ...], commas: bool = True) -> Token | None:
        """The nearest cue of `kinds` before the trigger, not past a stop."""
        for token in reversed(self.tokens[:at]):
            if token.kind in kinds:
                apart = "," in self._between(token, self.tokens[at])
                return token if commas or not apart else None
            if token.kind == "stop":
                return None
        return None

    def _right(self, at: int, kinds: tuple[str, ...]) -> Token | None:
        """The nearest cue of `kinds` after the trigger, before the next trigger."""
        for token in self.tokens[at + 1 :]:
            if token.kind in kinds:
                return token
            if token.kind == "stop" or token.kind in TRIGGERS:
                return None
        return None

    def _hedge(self, at: int, cues: dict[str, str]) -> str | None:
        trigger = self.tokens[at]
        if self._asked(trigger):
            return "question mark"
        if "hedge" in cues:
            return cues["hedge"]
        for token in reversed(self.tokens[:at]):
            if token.kind == "hedge_before" and "," not in self._between(token, trigger):
                return token.rule
            if token.kind == "stop":
                break
        other = self._left(at, ("alternative",), commas=False) or self._right(at, ("alternative",))
        if other:
            return other.rule
        for token in self.tokens[at + 1 :]:
            if token.kind == "hedge_after":
                between = self._between(trigger, token)
                direct = between.rstrip().endswith((",", "("))
                return token.rule if direct or "," not in between else None
            if token.kind == "stop" or token.kind in TRIGGERS:
                break
        return None

    def _doubted_denial(self, at: int, negation: Token) -> Token | None:
        """A denial that is itself denied: "the absence of a fracture cannot be affirmed"."""
        index = self.tokens.index(negation)
        if index and index < at:
            before = self.tokens[index - 1]
            if before.kind == "hedge_before" and len(self._between(before, negation)) <= _ARTICLE:
                return before
        if index < at and (doubt := self._right(at, ("unaffirmed",))):
            return doubt
        return self._but_doubtful(at, negation)

    def _but_doubtful(self, at: int, negation: Token) -> Token | None:
        """The doubt after "no definite fracture, but ..." when nothing else is its object."""
        trigger = self.tokens[at]
        span = min(negation.start, trigger.start), min(trigger.end + _ONE_WORD, self.sentence.end)
        weak = self.weak.search(self.text, *span)
        rest = self.tokens[at + 1 :]
        stop = next((token for token in rest if token.kind == "stop"), None)
        if weak is None or stop is None or any(token.kind in FRACTURES for token in rest):
            return None
        if self.not_whole.search(self.text, stop.end, self.sentence.end):
            return None
        doubts = ("hedge", "hedge_before", "suspicion")
        return next((t for t in rest if t.start > stop.start and t.kind in doubts), None)

    def _asked(self, trigger: Token) -> bool:
        """A question mark closes the trigger's segment, or stands a few words before it."""
        before = self.text[max(self.sentence.start, trigger.start - 60) : trigger.start]
        return (self.sentence.question and self._in_last_segment(trigger)) or _ASKED.search(before) is not None

    def _in_last_segment(self, trigger: Token) -> bool:
        return "," not in self.text[trigger.end : self.sentence.end]

    def _negation(self, at: int) -> Token | None:
        trigger = self.tokens[at]
        if after := self._negation_after(at):
            return after
        if trigger.kind == "definite":
            return None
        for index in range(at - 1, -1, -1):
            token = self.tokens[index]
            if token.kind == "stop":
                return None
            if token.kind == "intact" and self._between(token, trigger).strip() in _OF:
                return token
            if token.kind in _NEGATIONS:
                return token if self._reaches(token, trigger) else None
        return None

    def _negation_after(self, at: int) -> Token | None:
        """A denial after the word: "fracture: none", "fracture is not seen"."""
        trigger = self.tokens[at]
        for token in self.tokens[at + 1 :]:
            between = self._between(trigger, token)
            if token.kind in ("negation_after", "unseen") and "," not in between:
                return token
            if token.kind == "negation" and between.rstrip(" =-")[-1:] in ("", ":"):
                rest = self.text[token.end : self.sentence.end].lstrip()
                return token if not rest or rest[0] in ",)" else None
            if token.kind == "stop" or token.kind in TRIGGERS:
                return None
        return None

    def _reaches(self, negation: Token, trigger: Token) -> bool:
        """Whether a negation reaches over the commas between it and the trigger."""
        if _COLON.search(self.text, negation.end, trigger.start):
            return False
        commas = [m.start() for m in _COMMA.finditer(self.text, negation.end, trigger.start)]
        if not commas:
            return True
        segment = commas[-1] + 1
        if _GOES_ON.match(self.text, segment, trigger.start):
            return True
        if self.text[commas[0] : trigger.start].count("(") > self.text[commas[0] : trigger.start].count(")"):
            return False
        rest = self.text[trigger.end : self.sentence.end]
        if _COORDINATED.match(rest) and "," in rest[:90]:
            return True
        joined = self.text[negation.end : trigger.start]
        if re.search(r"\b(?:or|nor|ou|ni)\b", joined):
            return True
        return not _HAS_OWN_OBJECT.match(rest)
