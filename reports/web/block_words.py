"""The blocks of the monthly report in words, for who chooses among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.language import message

if TYPE_CHECKING:
    from reports.language import Language

WORDS = {
    "tiles": message("Key figures"),
    "sentences": message("What happened"),
    "trust": message("Can these figures be trusted?"),
    "contents": message("Contents"),
    "volume_by_day": message("Studies by day"),
    "volume_by_hour": message("Studies by hour and weekday"),
    "volume_by_region": message("Regions and modalities"),
    "volume_by_patient_class": message("Where the patients come from"),
    "volume_by_device": message("Devices"),
    "trend": message("Key figures over thirteen months"),
    "peers": message("Beside its peers"),
    "rates_by_region": message("Positive and doubtful rates by region"),
    "rates_by_age_band": message("Positive and doubtful rates by age"),
    "outside_scope": message("Outside the validated scope"),
    "scores": message("Scores"),
    "time_to_report": message("Share reported, by time since the examination"),
    "turnaround_spread": message("How long do the reported studies take?"),
    "turnaround_table": message("Are positives read sooner? Nights and weekends?"),
    "report_turnaround_by_hour": message("Median by hour of the examination"),
    "reported_within": message("Reported within"),
    "delays": message("Other delays"),
    "cross": message("AI and report"),
    "excluded": message("Studies that cannot be compared"),
    "measures": message("Measures of agreement with the report"),
    "labeller": message("The reading of the reports, and its error"),
    "actions": message("What to do"),
    "discordant_examples": message("Examples of discordant studies"),
    "discordances": message("Discordant studies and their review"),
    "agreement_by_region": message("Agreement with the report by region"),
    "agreement_over_time": message("Agreement over thirteen months"),
    "independence": message("Reports that knew the AI result, and those that did not"),
    "offered": message("Files and messages"),
    "quarantine_reasons": message("Why files and messages were set aside"),
    "nights": message("Nights"),
    "missing": message("Missing halves"),
    "drift": message("Has the mix moved?"),
    "models": message("Models used"),
    "shadow": message("A model in the shadow"),
    "provenance": message("Provenance"),
    "accuracy": message("How well the model and the reading of the reports were measured to work"),
    "notice": message("Not a medical device."),
    "addenda": message("Addenda to months published earlier"),
    "glossary": message("Words"),
    "definitions": message("Definitions"),
}


def block_title(words: Language, name: str) -> str:
    """Return what a block is called."""
    return words.text(WORDS[name])
