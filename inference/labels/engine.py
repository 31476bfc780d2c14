"""A radiology report's text to one label: fracture present, absent, uncertain or not addressed.

>>> label("Fracture non déplacée de la malléole externe. Pas de luxation.", "fr").label
'present'
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference.labels.assertion import FRACTURES, Mention, mentions
from inference.labels.language import detect
from inference.labels.pack import LANGUAGES, Pack, load
from inference.labels.sections import Sentence, split
from inference.labels.text import Plain, normalise

# No report speaks of a fracture so often; beyond, a person must look.
MOST_MENTIONS = 200
# Characters of a sentence that asks for a fracture and says nothing else.
_BARE = 24


@dataclass(frozen=True)
class Label:
    """What a report says of a fracture.

    Attributes
    ----------
    label
        ``present``, ``absent``, ``uncertain`` or ``not_addressed``.
    acuity
        ``acute`` (recent or of unstated age), ``followup`` (known, healing, in plaster or freshly
        fixed), ``old``, or ``none``.
    tier
        ``decided``, or ``review``: a person must read the report.
    evidence
        The deciding sentence, as it stands in the report; empty when none decided.
    start, end
        Character offsets of `evidence` in the report: ``text[start:end] == evidence``.
    rules
        The phrases of the pack that decided, or ``engine: ...`` for the engine's own rules.
    pack
        Language and version of the pack, e.g. ``fr-0123456789ab``; empty when none was used.
    language
        ``fr``, ``en``, or what the text seems to be.
    """

    label: str
    acuity: str
    tier: str
    evidence: str
    start: int
    end: int
    rules: tuple[str, ...]
    pack: str
    language: str


def label(text: str, language: str | None = None) -> Label:
    """Read one report.

    Parameters
    ----------
    text
        The report: plain, or with HL7 escapes, RTF or HTML.
    language
        ``fr`` or ``en``; None or ``auto`` to detect it. Any other language is not read.

    Returns
    -------
    Label
        Never raises for a report; time linear in its length, of which at most
        `inference.labels.text.LONGEST_READ` characters are read.
    """
    plain = normalise(text)
    if language is None or language == "auto":
        language = detect(plain.text) or "unknown"
    language = language.lower()[:2] if language[:2].lower() in LANGUAGES else language
    if language not in LANGUAGES:
        reason = "engine: unknown language" if plain.text.strip() else "engine: empty"
        return Label("not_addressed", "none", "review", "", 0, 0, (reason,), "", language)
    pack = load(language)
    sentences = split(plain.text, pack)
    found = _read(plain.text, sentences, pack)
    decision = _decide(plain.text, sentences, found[:MOST_MENTIONS], pack)
    if plain.truncated or len(found) > MOST_MENTIONS:
        decision = replace(decision, tier="review", rules=(*decision.rules, "engine: too long"))
    return _located(decision, text, plain, pack)


@dataclass(frozen=True)
class _Decision:
    label: str
    acuity: str
    tier: str
    rules: tuple[str, ...]
    sentence: Sentence | None = None


def _read(text: str, sentences: list[Sentence], pack: Pack) -> list[Mention]:
    """Mentions of the voting sentences."""
    found: list[Mention] = []
    for sentence in sentences:
        if sentence.section != "silent":
            read = mentions(text, sentence, pack)
            found += [mention for mention in read if mention.status != "ignored"]
        if len(found) > MOST_MENTIONS:
            break
    return found


def _decide(text: str, sentences: list[Sentence], found: list[Mention], pack: Pack) -> _Decision:
    by_status: dict[str, list[Mention]] = {}
    for mention in found:
        by_status.setdefault(mention.status, []).append(mention)
    present, healing = by_status.get("present", []), by_status.get("healing", [])
    old, absent = by_status.get("old", []), by_status.get("absent", [])
    if healing and not present and (healed := _healed_since(text, healing, old, pack)):
        return _decision("absent", "old", healed, "engine: healed since")
    if present or healing:
        if against := _contradiction(text, present + healing, absent, pack):
            return _decision("uncertain", "none", against, "engine: findings against conclusion")
        return _present(text, sentences, present, healing, pack)
    hedged, suspicious = by_status.get("hedged", []), by_status.get("suspicious", [])
    if hedged or old or absent:
        return _not_affirmed(hedged, old, absent)
    return _nothing_said(text, sentences, suspicious, pack)


def _not_affirmed(hedged: list[Mention], old: list[Mention], absent: list[Mention]) -> _Decision:
    if hedged and not _answered(hedged, absent):
        return _decision("uncertain", "none", hedged[-1])
    if old:
        return _decision("absent", "old", old[-1])
    explicit = [mention for mention in absent if mention.trigger.kind in FRACTURES]
    return _decision("absent", "none", (explicit or absent)[0])


def _answered(hedged: list[Mention], absent: list[Mention]) -> bool:
    """Whether the doubts are the bare question of the request, and a denial follows: "Fracture? No bony injury."."""
    asked = all(
        "question mark" in mention.rules and mention.sentence.end - mention.sentence.start <= _BARE
        for mention in hedged
    )
    return asked and any(not m.other and m.sentence.start > hedged[-1].sentence.start for m in absent)


def _healed_since(text: str, healing: list[Mention], old: list[Mention], pack: Pack) -> Mention | None:
    """The statement that the followed fracture, not another, has healed."""
    followed = {place for mention in healing for place in _places(text, mention, pack)}
    for mention in old:
        own = _places(text, mention, pack)
        if not own or not followed or own & followed:
            return mention
    return None


def _decision(value: str, acuity: str, mention: Mention, *rules: str) -> _Decision:
    tier = "review" if value == "uncertain" else "decided"
    return _Decision(value, acuity, tier, (*mention.rules, *rules), mention.sentence)


def _present(
    text: str,
    sentences: list[Sentence],
    acute: list[Mention],
    healing: list[Mention],
    pack: Pack,
) -> _Decision:
    if not acute:
        return _decision("present", "followup", healing[0])
    explicit = [mention for mention in acute if mention.trigger.kind == "fracture"]
    deciding = (explicit or acute)[0]
    if any(mention.recent for mention in acute):
        return _decision("present", "acute", deciding)
    if rule := _known_before(text, sentences, pack):
        return _decision("present", "followup", deciding, rule)
    places = {place for mention in healing for place in _places(text, mention, pack)}
    if healing and all(_places(text, mention, pack) <= places for mention in acute):
        return _decision("present", "followup", healing[0])
    return _decision("present", "acute", deciding)


def _known_before(text: str, sentences: list[Sentence], pack: Pack) -> str | None:
    """The words by which the report, its indication included, is one of a known fracture."""
    for sentence in sentences:
        cue = pack.follow_up.search(text, sentence.start, sentence.end)
        if cue and not pack.advice.search(text, sentence.start, sentence.end):
            return cue.rule
    return None


def _contradiction(text: str, affirmed: list[Mention], denied: list[Mention], pack: Pack) -> Mention | None:
    """A denial in the conclusion of what the findings affirm, or the reverse.

    Only a denial of any fracture, or of one at the same place, contradicts; "no other" does not.
    """
    concluded = {mention.sentence.section == "conclusion" for mention in affirmed}
    if len(concluded) != 1:
        return None
    affirmed_in_conclusion = concluded.pop()
    places = {place for mention in affirmed for place in _places(text, mention, pack)}
    for mention in denied:
        if mention.other or mention.trigger.kind not in FRACTURES:
            continue
        in_conclusion = mention.sentence.section == "conclusion"
        if in_conclusion == affirmed_in_conclusion or "findings" == mention.sentence.section == "body":
            continue
        own = _places(text, mention, pack)
        if not own or own & places:
            return mention
    return None


def _places(text: str, mention: Mention, pack: Pack) -> set[str]:
    sentence = mention.sentence
    tokens = pack.places.tokens(text, sentence.start, sentence.end)
    return {text[token.start : token.end][:5] for token in tokens}


def _nothing_said(text: str, sentences: list[Sentence], suspicious: list[Mention], pack: Pack) -> _Decision:
    """No word on fractures: perhaps a normal study of bones, perhaps a sign that is not named."""
    if suspicious:
        return _decision("uncertain", "none", suspicious[0])
    voting = [sentence for sentence in sentences if sentence.section != "silent"]
    spoken = [(sentence.start, sentence.end) for sentence in voting]
    bones = any(pack.bone_study.search(text, *span) for span in spoken)
    whole = bones and not any(pack.other_study.search(text, *span) for span in spoken)
    before = (0, 0)
    for sentence, span in zip(voting, spoken, strict=True):
        token = pack.normal.search(text, *span)
        if token and not pack.not_whole.search(text, *span) and (whole or _names_bones(text, before, span, pack)):
            alone = token.rule.count(" ") > 1 or _short_or_placed(text, span, pack)
            if alone:
                return _Decision("absent", "none", "decided", (token.rule,), sentence)
        before = span
    tier = "review" if whole or not sentences else "decided"
    return _Decision("not_addressed", "none", tier, ("engine: no statement",))


def _names_bones(text: str, before: tuple[int, int], span: tuple[int, int], pack: Pack) -> bool:
    """Whether the sentence, or the few words of title before it, names a limb: "Ribs. Normal."."""
    if pack.other_study.search(text, *span):
        return False
    if pack.bone_study.search(text, *span):
        return True
    title = text[slice(*before)].count(" ") < 5
    return title and pack.bone_study.search(text, *before) is not None


def _short_or_placed(text: str, span: tuple[int, int], pack: Pack) -> bool:
    words = text[slice(*span)].split()
    return len(words) <= 2 or (len(words) <= 6 and pack.bone_study.search(text, *span) is not None)


def _located(decision: _Decision, text: str, plain: Plain, pack: Pack) -> Label:
    start = end = 0
    if decision.sentence is not None:
        start, end = plain.origin(decision.sentence.start, decision.sentence.end)
    return Label(
        label=decision.label,
        acuity=decision.acuity,
        tier=decision.tier,
        evidence=text[start:end],
        start=start,
        end=end,
        rules=decision.rules,
        pack=pack.version,
        language=pack.language,
    )
