"""What the tables and cells of a month's aggregates are called by people."""

from __future__ import annotations

from reports.language import Language, message
from reports.terms import TERMS, term

TABLES = {
    "studies": message("Studies"),
    "studies_by_region": message("Studies by body region"),
    "studies_by_patient_class": message("Studies by kind of stay"),
    "studies_by_ai_result": message("Studies by AI result"),
    "flagged_by_result": message("Flagged studies by AI result"),
    "flagged_by_report": message("Flagged studies by what the report says"),
    "not_flagged_by_result": message("Studies not flagged, by AI result"),
    "not_flagged_by_report": message("Studies not flagged, by what the report says"),
    "studies_by_turnaround": message("Studies by time to the final report"),
    "within_24_hours": message("Reported within a day, by hours"),
    "not_within_24_hours": message("Not reported within a day"),
    "later": message("Reported later, by hours"),
    "files": message("DICOM files offered"),
    "files_by_outcome": message("DICOM files by outcome"),
    "messages": message("Report messages offered"),
    "messages_by_outcome": message("Report messages by outcome"),
    "sign_ins": message("Sign-ins of clinicians and heads of department"),
    "cases_opened": message("Cases opened"),
    "judged": message("Studies with a verdict"),
    "judged_by_hours": message("Verdicts by hours from the AI result"),
}
CELLS = {
    "all": message("all"),
    "other": message("other"),
    "limb": message("limb, no more said"),
    "emergency": message("emergency"),
    "inpatient": message("inpatient"),
    "outpatient": message("outpatient"),
    "unknown": message("not given"),
    "flagged": message("flagged: positive or doubtful"),
    "not_flagged": message("not flagged: negative or without a result"),
    "fracture": message("fracture"),
    "no_fracture": message("no fracture"),
    "not_compared": message("no report that decides"),
    "within_24_hours": message("within 24 hours"),
    "not_within_24_hours": message("not within 24 hours"),
    "later": message("after 24 hours"),
    "unreported": message("no final report"),
    "unusable": message("times unusable"),
    "up_to_1": message("up to 1 hour"),
    "up_to_4": message("1 to 4 hours"),
    "up_to_12": message("4 to 12 hours"),
    "up_to_24": message("12 to 24 hours"),
    "up_to_48": message("24 to 48 hours"),
    "up_to_168": message("48 hours to 7 days"),
    "over_168": message("more than 7 days"),
}
VERDICT_CELLS = {
    "up_to_8": message("up to 8 hours"),
    "up_to_24": message("8 to 24 hours"),
    "up_to_72": message("24 to 72 hours"),
    "over_72": message("more than 72 hours"),
}


def table_name(words: Language, table: str) -> str:
    """Return the name of a table of `warehouse.aggregates.LAYOUT`."""
    return words.text(TABLES[table])


def cell_name(words: Language, table: str, cell: str) -> str:
    """Return the name of one of its cells."""
    if table == "judged_by_hours":
        return words.text(VERDICT_CELLS[cell])
    if table.endswith(("_by_outcome", "_by_result")):
        return term(words, "outcome" if table.endswith("outcome") else "ai_result", cell)
    if table == "studies_by_region" and cell in TERMS["region"]:
        return term(words, "region", cell)
    return words.text(CELLS[cell])
