"""Codes of the warehouse in words: regions, results, states, outcomes, reasons of exclusion.

Each entry is the English text; French is the catalogue's translation in the context of its kind.
A code that is not listed is shown as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.language import Language

TERMS: dict[str, dict[str, str]] = {
    "region": {
        "finger": "finger",
        "hand": "hand",
        "wrist": "wrist",
        "forearm": "forearm",
        "elbow": "elbow",
        "upper_arm": "upper arm",
        "shoulder": "shoulder",
        "clavicle": "clavicle",
        "pelvis": "pelvis",
        "hip": "hip",
        "thigh": "thigh",
        "knee": "knee",
        "lower_leg": "lower leg",
        "ankle": "ankle",
        "foot": "foot",
        "toe": "toe",
        "chest": "chest",
        "ribs": "ribs",
        "spine": "spine",
        "skull": "skull",
        "abdomen": "abdomen",
        "unknown": "region not given",
    },
    "laterality": {"L": "left", "R": "right", "B": "both sides"},
    "view": {"AP": "AP", "PA": "PA", "LL": "lateral", "RL": "lateral", "LAT": "lateral", "OBL": "oblique"},
    "sex": {"F": "F", "M": "M", "O": "other"},
    "age_band": {
        "0-4": "0–4 years",
        "5-14": "5–14 years",
        "15-24": "15–24 years",
        "25-44": "25–44 years",
        "45-64": "45–64 years",
        "65-79": "65–79 years",
        "80+": "80 and over",
        "unknown": "age not given",
    },
    "ai_result": {
        "positive": "positive",
        "doubtful": "doubtful",
        "negative": "negative",
        "failed": "analysis failed",
        "not_processed": "not analysed",
    },
    "report_state": {
        "unreported": "not reported yet",
        "preliminary": "preliminary",
        "final": "final",
        "corrected": "corrected",
        "withdrawn": "withdrawn",
    },
    "report_label": {
        "present": "fracture",
        "absent": "no fracture",
        "uncertain": "uncertain",
        "not_addressed": "fracture not addressed",
    },
    "verdict": {"fracture": "fracture", "no_fracture": "no fracture", "unsure": "unsure"},
    "patient_class": {
        "E": "emergency",
        "I": "inpatient",
        "O": "outpatient",
        "P": "pre-admission",
        "R": "recurring",
        "unknown": "not given",
    },
    "kind": {"dicom": "DICOM files", "message": "HL7 messages"},
    "outcome": {
        "accepted": "accepted",
        "accepted_flagged": "accepted with a remark",
        "accepted_not_inferred": "accepted, out of scope",
        "unmatched": "reports still without their study",
        "duplicate": "received before",
        "conflict": "in conflict with an earlier one",
        "quarantined": "set aside",
        "not_dicom": "not DICOM",
        "not_hl7": "not HL7",
    },
    "status": {
        "complete": "complete",
        "late": "late",
        "failed": "failed",
        "running": "unfinished",
        "missed": "missed",
    },
    "excluded": {
        "failed": "analysis failed",
        "not_processed": "not analysed",
        "withdrawn": "report withdrawn",
        "unreported": "no final report yet",
        "not_read": "report not read",
        "followup": "follow-up examination",
        "old": "old fracture",
        "uncertain": "uncertain report",
        "not_addressed": "fracture not addressed in the report",
        "no_exam_time": "time of examination unknown",
        "no_report_time": "time of report unknown",
        "clock_skew": "clocks disagree",
        "too_long": "duration out of range",
        "after_cut": "after the data cut",
        "unusable": "unusable times",
        "no_result": "no result of the AI",
        "no_order_time": "time of order unknown",
        "no_score": "no score",
        "no_model": "no model",
        "without_result": "without result",
        "out_of_scope": "out of scope",
        "no_patient_id": "no patient identifier",
        "not_reviewed": "not reviewed",
        "duplicate": "received before",
        "set_aside": "set aside",
    },
    "duration": {
        "report_turnaround": "report turnaround",
        "ai_delay": "AI delay",
        "order_to_exam": "order to examination",
    },
    "mix": {
        "region": "regions",
        "age_band": "age bands",
        "modality": "modalities",
        "patient_class": "patient classes",
    },
    "reading": {
        "positive_or_doubtful": "doubtful counts as positive",
        "positive_only": "doubtful counts as negative",
    },
    "measure": {
        "auroc": "area under the ROC curve",
        "sensitivity": "sensitivity",
        "specificity": "specificity",
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "peak_in_box": "highest point of the heat map within a marked fracture",
        "calibration_error": "calibration error",
    },
    "action": {
        "positive_report_absent": "read again: AI positive, report without fracture",
        "positive_unreported": "report first: AI positive, no report yet",
        "doubtful": "look at: AI doubtful",
        "negative_report_present": "for information: fracture in the report, AI negative",
        "report_undecided": "look at: AI flagged, report uncertain or silent",
        "settled": "nothing more to do",
        "not_analysed": "not analysed by the AI",
    },
    "column": {
        "action": "To do",
        "time": "Time of the examination",
        "region": "Region",
        "laterality": "Side",
        "age_band": "Age band",
        "sex": "Sex",
        "ai_result": "AI result",
        "score": "Score",
        "report_state": "Report",
        "report_label": "Fracture in the report",
        "evidence": "Deciding sentence",
        "waiting": "Waiting (hours)",
        "scope": "Remark",
        "link": "Viewer",
        "study": "Study (pseudonym)",
    },
    "subject": {"model": "Model", "labeller": "Reading of the reports"},
}


def term(words: Language, kind: str, code: object) -> str:
    """Return the word for a code of a kind; the code itself, as text, where none is known."""
    english = TERMS[kind].get(str(code))
    return str(code) if english is None else words.meaning(kind, english)
