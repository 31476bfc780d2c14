"""Tell French from English, and both from anything else, by counting everyday words."""

from __future__ import annotations

import re

_WORDS = re.compile(r"[a-z]+")
_EVERYDAY = {
    "fr": """le la les des du une un et est pas sans avec au aux dans sur pour ni par ce cette il
        absence aucun aucune droit droite gauche poignet cheville genou coude epaule hanche main
        pied radiographie radiographies cliche cliches trait deplacee deplacement lesion osseuse
        osseux normale face profil gche dte resultat examen luxation""",
    "en": """the of and is are no not with without there in to from for was were has seen this
        right left wrist ankle knee elbow shoulder hip hand foot rib ribs views view findings
        impression normal acute evidence bone bones displaced fractures dislocation unremarkable
        intact healed old x ray""",
    "de": """der die das und ist nicht kein keine keinen mit ohne von des im zum zur eine einer
        nachweis fraktur beidseits sowie rechts links befund beurteilung aufnahme bei auf""",
    "es": """el los las del una y sin con por se no en fractura hallazgos derecha izquierda
        observa observan radiografia para que su""",
    "it": """il lo gli della del dei delle e non con senza per una frattura destra sinistra si
        nella nel esame presenza assenza di""",
    "nl": "de het een van en geen niet met zonder voor bij rechts links fractuur is zijn op",
    "pt": "o os as do da dos das uma e sem com nao fratura direita esquerda no na em para",
    "pl": "w i nie z na bez sie po prawej lewej zlamania zlamanie oraz jest widoczne stan",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _list in _EVERYDAY.items():
    for _word in set(_list.split()):
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)
# A few hundred words decide; the rest of a long report would not change the answer.
_ENOUGH = 4000


def detect(folded: str) -> str | None:
    """Language of a folded text: ``fr``, ``en``, another code, or None when no word tells.

    Parameters
    ----------
    folded
        Text from :func:`inference.labels.text.normalise`.
    """
    votes = dict.fromkeys(_EVERYDAY, 0)
    for word in _WORDS.findall(folded, 0, _ENOUGH):
        for language in _LANGUAGES_OF.get(word, ()):
            votes[language] += 1
    best = max(votes, key=votes.__getitem__)
    return best if votes[best] else None
