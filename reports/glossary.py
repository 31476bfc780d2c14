"""The words of the report that a reader may not know, each with its meaning in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.language import Language


def glossary(words: Language) -> list[tuple[str, str]]:
    """Return words and meanings in the language, in the order of the report."""
    return [
        (
            words.text("Study in scope"),
            words.text("a radiographic study of the modalities and body regions that the site has analysed."),
        ),
        (
            words.text("Positive, doubtful, negative"),
            words.text("the result of the AI: its highest score against the two thresholds given above."),
        ),
        (
            words.text("95 %% interval"),
            words.text("what the figure could be, given how few or many studies it rests on."),
        ),
        (
            words.text("Median, 90th percentile"),
            words.text("half, and nine out of ten, are at most this long."),
        ),
        (
            words.text("Usual variation"),
            words.text(
                "the month is within the usual spread of the months shown, itself among them: no point outside of the"
                " limits, no seven in a row on one side or in one direction, no two of three near a limit (XmR and p"
                " charts)."
            ),
        ),
        (
            words.text("Funnel limits"),
            words.text("the rates between which chance alone keeps a group of this size, 998 times in 1,000."),
        ),
        (
            words.text("Kaplan–Meier"),
            words.text("an estimate of the share reported in time that counts studies without a report as waiting."),
        ),
        (
            words.text("Agreement, kappa, AC1"),
            words.text("how often AI and report say the same; the coefficients take chance out, 1 being perfect."),
        ),
        (
            words.text("Discordant"),
            words.text("AI and report do not say the same; which of them is right is for a clinician to say."),
        ),
        (
            words.text("Safety net"),
            words.text("fractures flagged by the AI, not in the report, and confirmed by a clinician."),
        ),
        (
            words.text("Stability index (PSI)"),
            words.text(
                "how far a mix has moved from the first three months: 0 not at all, above 0.2 to be looked into."
            ),
        ),
        (
            words.text("Data cut"),
            words.text("the time up to which data count; what comes later is told as an addendum."),
        ),
        (
            words.text("Pseudonym"),
            words.text("a code in the place of an identity; only the site can turn it back."),
        ),
    ]
