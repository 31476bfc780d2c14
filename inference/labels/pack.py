"""Load a language pack: the lists of phrases in ``fr/`` and ``en/``."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from inference.labels.phrases import Lexer, compile_phrase
from inference.labels.text import fold

LANGUAGES = ("en", "fr")
ENGINE = ("assertion.py", "engine.py", "language.py", "markup.py", "phrases.py", "sections.py", "text.py")
FILES = ("assertions.toml", "sections.toml", "triggers.toml")


@dataclass(frozen=True)
class Pack:
    """One language: its lexers, its word lists, and a version that changes with any phrase or rule.

    Attributes
    ----------
    version
        ``fr-`` or ``en-`` and the first 12 hexadecimal digits of the SHA-256 of the engine's modules and
        the pack's files: what gives the same version gives the same labels.
    words
        Triggers and assertions.
    normal
        Statements that the whole examination is normal; they count on a study of bones only.
    not_whole
        Words for a part of the picture that is no bone: "soft tissues normal" says nothing of bones.
    bone_study
        Words that make a study one of bones. `follow_up` tells a follow-up examination.
    advice
        Words by which a sentence speaks of what is to be done; it tells no follow-up.
    headings
        Words that give a heading its role: ``silent``, ``once``, ``findings``, ``conclusion``.
    clinical
        Words by which a sentence without heading goes on with the indication.
    weak
        Words by which a denial is only half one: "no *definite* fracture, but ...".
    link
        Words that may stand between a comma and the adjective of the fracture before it.
    adjective_first
        Whether the adjective stands before its noun (English) or after (French).
    """

    language: str
    version: str
    words: Lexer
    normal: Lexer
    bone_study: Lexer
    other_study: Lexer
    not_whole: Lexer
    follow_up: Lexer
    advice: Lexer
    clinical: Lexer
    headings: Lexer
    bare_headings: re.Pattern[str]
    places: Lexer
    weak: Lexer
    link: re.Pattern[str]
    adjective_first: bool


@cache
def load(language: str) -> Pack:
    """The pack of `language` (``fr`` or ``en``).

    Raises
    ------
    PhraseError
        When a phrase of the pack cannot be read.
    """
    folder = resources.files("inference.labels") / language
    digest = _engine()
    tables: dict[str, dict[str, list[str]]] = {}
    for name in FILES:
        # Line ends must not change the version when a file is checked out on another system.
        content = (folder / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(name.encode() + b"\0" + content + b"\0")
        tables[name] = tomllib.loads(content.decode("utf-8"))
    return _build(language, f"{language}-{digest.hexdigest()[:12]}", tables)


def _engine() -> hashlib._Hash:
    """A digest begun with the modules that read, and the one that masks names in the sentence that is kept.

    A change in them changes what is kept of a report, as one of a phrase does: the next night reads anew.
    """
    digest = hashlib.sha256((resources.files("inference") / "redaction.py").read_bytes().replace(b"\r\n", b"\n"))
    for name in ENGINE:
        content = (resources.files("inference.labels") / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest


def _build(language: str, version: str, tables: dict[str, dict[str, list[str]]]) -> Pack:
    triggers, sections = dict(tables["triggers.toml"]), tables["sections.toml"]
    never_skipped = triggers.pop("never_skipped")
    normal = {"normal": triggers.pop("examination_normal")}
    roles = ("silent", "once", "findings", "conclusion")
    bare = "|".join(re.escape(fold(heading)) for heading in sorted(sections["bare_headings"], key=len, reverse=True))

    def study(name: str) -> Lexer:
        return Lexer({name: sections[name]})

    return Pack(
        language=language,
        version=version,
        words=Lexer({"not_bone": triggers.pop("not_bone"), **triggers, **tables["assertions.toml"]}, never_skipped),
        normal=Lexer(normal),
        bone_study=study("bone_study"),
        other_study=study("other_study"),
        not_whole=study("not_whole"),
        follow_up=study("follow_up"),
        advice=study("advice"),
        clinical=study("clinical"),
        headings=Lexer({role: sections[role] for role in roles}),
        bare_headings=re.compile(rf"(?:{bare})"),
        places=study("places"),
        weak=study("weak"),
        link=compile_phrase(f"({'|'.join(sections['link'])})").pattern,
        adjective_first=language == "en",
    )
