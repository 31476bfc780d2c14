"""Reason codes: stable, upper snake case, each with a French and an English sentence.

The codes are written to the ledger and shown to people; a code is never renamed or reused.
"""

from __future__ import annotations

from dataclasses import dataclass

OUTCOMES = (
    "accepted",
    "accepted_flagged",
    "accepted_not_inferred",
    "quarantined",
    "duplicate",
    "conflict",
    "unmatched",
    "not_dicom",
    "not_hl7",
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason in words; `outcome` is the outcome that it leads to.

    `accepted` marks a mere note: it is kept with the image and changes no outcome.
    """

    outcome: str
    fr: str
    en: str


REASONS: dict[str, Reason] = {
    # Files
    "TRUNCATED": Reason("quarantined", "Fichier coupé avant la fin.", "The file ends too early."),
    "PARSE_ERROR": Reason(
        "quarantined", "Fichier illisible : structure incorrecte.", "Unreadable: its structure is broken."
    ),
    "NESTING_TOO_DEEP": Reason(
        "quarantined", "Séquences imbriquées trop profondément.", "Sequences are nested too deeply."
    ),
    "FILE_TOO_LARGE": Reason(
        "quarantined", "Fichier plus grand que la limite du site.", "The file is larger than the site's limit."
    ),
    "EXECUTABLE_PREAMBLE": Reason(
        "quarantined", "Préambule contenant un programme exécutable.", "The preamble holds an executable program."
    ),
    "DUPLICATE_TAG": Reason(
        "quarantined", "Un même attribut figure deux fois.", "The same attribute is present twice."
    ),
    "BAD_UID": Reason(
        "quarantined",
        "Identifiant unique (UID) absent ou mal formé.",
        "A unique identifier (UID) is missing or malformed.",
    ),
    "BAD_PIXEL_FORMAT": Reason(
        "quarantined", "Description des pixels incohérente.", "The description of the pixels is inconsistent."
    ),
    "BAD_NUMBER_OF_FRAMES": Reason("quarantined", "Nombre d'images incorrect.", "The number of frames is wrong."),
    "PIXEL_LENGTH": Reason(
        "quarantined", "Données de pixels de longueur inattendue.", "The pixel data have an unexpected length."
    ),
    "PIXEL_DECODE": Reason("quarantined", "Pixels impossibles à décoder.", "The pixels cannot be decoded."),
    "DECODE_TIMEOUT": Reason("quarantined", "Décodage arrêté : trop long.", "Decoding took too long and was stopped."),
    "DECODE_CRASH": Reason(
        "quarantined", "Décodage arrêté : le décodeur s'est interrompu.", "The decoder died on this image."
    ),
    "DECOMPRESSION_BOMB": Reason(
        "quarantined",
        "Image compressée annonçant une taille démesurée.",
        "The compressed image announces an absurd size.",
    ),
    "IMAGE_TOO_LARGE": Reason("quarantined", "Image plus grande que la limite.", "The image is larger than the limit."),
    "TS_UNSUPPORTED": Reason(
        "quarantined", "Syntaxe de transfert non prise en charge.", "The transfer syntax is not supported."
    ),
    "NO_PIXEL_DATA": Reason("quarantined", "Aucune image dans le fichier.", "The file holds no image."),
    "BAD_RESCALE": Reason(
        "quarantined", "Pente ou ordonnée de rééchelonnage incorrecte.", "The rescale slope or intercept is wrong."
    ),
    "BAD_WINDOW": Reason("accepted_flagged", "Fenêtrage incorrect, ignoré.", "The window is wrong and was ignored."),
    "BAD_DATE": Reason(
        "quarantined",
        "Date absente du calendrier, ou dans le futur.",
        "A date that does not exist, or lies in the future.",
    ),
    "CHARSET": Reason(
        "accepted_flagged",
        "Jeu de caractères inconnu ou non respecté.",
        "Unknown character set, or text that does not follow it.",
    ),
    "SUSPICIOUS_TEXT": Reason(
        "accepted_flagged",
        "Texte d'attribut suspect (code ou caractères de commande).",
        "Suspicious text in an attribute (markup or control characters).",
    ),
    "PHI_IN_TEXT": Reason(
        "accepted_flagged", "Identité possible dans un texte libre.", "Possible identity in free text."
    ),
    "BURNED_IN": Reason(
        "accepted_flagged",
        "Inscriptions déclarées dans l'image.",
        "The image is declared to carry burned-in annotations.",
    ),
    "TEXT_FOUND": Reason(
        "accepted",
        "Texte repéré dans l'image : pas de vignette.",
        "Text was found within the image: no thumbnail is kept.",
    ),
    "CLOCK_SKEW": Reason("accepted_flagged", "Horloges incohérentes.", "Clocks disagree."),
    "AMBIGUOUS_TIME": Reason(
        "accepted",
        "Heure d'examen que l'horloge a montrée deux fois ou jamais (changement d'heure) : durée inconnue.",
        "A time of examination that the clocks showed twice or never (clock change): durations unknown.",
    ),
    "MISSING_TIME": Reason("accepted", "Heure d'examen inconnue.", "The time of the examination is unknown."),
    "MISSING_PATIENT_ID": Reason("accepted", "Identifiant du patient absent.", "The patient identifier is missing."),
    "LOSSY": Reason("accepted", "Image compressée avec pertes.", "The image was compressed with loss."),
    "LOSSY_UNDECLARED": Reason(
        "accepted_flagged",
        "Image compressée avec pertes sans le déclarer.",
        "The image was compressed with loss and does not say so.",
    ),
    "MULTI_FRAME": Reason(
        "accepted",
        "Plusieurs images dans le fichier : la première est analysée.",
        "Several frames in the file: the first one is analysed.",
    ),
    "DUPLICATE": Reason("duplicate", "Déjà reçu, contenu identique.", "Received before, with the same content."),
    "UID_CONFLICT": Reason(
        "conflict",
        "Même identifiant que reçu auparavant, contenu différent.",
        "Same identifier as one received before, other content.",
    ),
    "NOT_DICOM": Reason("not_dicom", "Ce n'est pas un fichier DICOM.", "This is not a DICOM file."),
    # Scope
    "NOT_ELIGIBLE_MODALITY": Reason(
        "accepted_not_inferred", "Modalité hors du périmètre.", "The modality is out of scope."
    ),
    "NOT_ELIGIBLE_BODY_PART": Reason(
        "accepted_not_inferred", "Région anatomique hors du périmètre.", "The body region is out of scope."
    ),
    "NOT_ELIGIBLE_SOP_CLASS": Reason(
        "accepted_not_inferred", "Type d'objet DICOM hors du périmètre.", "The kind of DICOM object is out of scope."
    ),
    "DERIVED_IMAGE": Reason(
        "accepted_not_inferred", "Image dérivée ou capture secondaire.", "A derived image or a secondary capture."
    ),
    "TEST_PATIENT": Reason("accepted_not_inferred", "Fantôme ou patient de test.", "A phantom or a test patient."),
    # Messages
    "NOT_HL7": Reason("not_hl7", "Ce n'est pas un message HL7.", "This is not an HL7 message."),
    "BAD_MSH": Reason("quarantined", "En-tête MSH absent ou incorrect.", "The MSH header is missing or wrong."),
    "MISSING_SEGMENT": Reason("quarantined", "Segment obligatoire absent.", "A required segment is missing."),
    "MISSING_IDENTIFIER": Reason(
        "quarantined",
        "Identifiant du patient ou de l'examen absent.",
        "The patient's or the examination's identifier is missing.",
    ),
    "MESSAGE_TYPE": Reason("quarantined", "Type de message non pris en charge.", "The message type is not supported."),
    "BAD_VERSION": Reason("quarantined", "Version HL7 non prise en charge.", "The HL7 version is not supported."),
    "BAD_ESCAPE": Reason(
        "accepted_flagged",
        "Séquence d'échappement incorrecte, laissée telle quelle.",
        "A malformed escape sequence, left as it stands.",
    ),
    "BAD_STATUS": Reason(
        "quarantined", "État du compte rendu absent ou inconnu.", "The report's status is missing or unknown."
    ),
    "BATCH_COUNT": Reason(
        "quarantined",
        "Le nombre de messages du lot ne correspond pas.",
        "The batch does not hold the number of messages it announces.",
    ),
    "MESSAGE_TOO_LARGE": Reason(
        "quarantined", "Message plus grand que la limite.", "The message is larger than the limit."
    ),
    "EMPTY_REPORT": Reason("quarantined", "Compte rendu sans texte.", "The report has no text."),
    "FRAGMENT": Reason(
        "quarantined",
        "Partie d'un message envoyé en plusieurs fois.",
        "One part of a message that was sent in several.",
    ),
    "MISSING_COLUMN": Reason(
        "quarantined", "Colonne attendue absente de l'export.", "The export lacks a column that the site's file names."
    ),
    "UNREADABLE_FILE": Reason("quarantined", "Le fichier ne peut pas être ouvert.", "The file cannot be opened."),
    "NOT_A_REPORT": Reason(
        "accepted_not_inferred", "Message valide, sans compte rendu.", "A valid message that carries no report."
    ),
    "STUDY_WITHDRAWN": Reason(
        "accepted_not_inferred",
        "Examen annulé ou supprimé à la source : ni analysé, ni compté.",
        "Examination cancelled, or deleted at its source: neither analysed nor counted.",
    ),
    "OPPOSITION": Reason(
        "accepted_not_inferred",
        "Le patient s'oppose à l'analyse : ni analysé, ni compté.",
        "The patient objects to the analysis: neither analysed nor counted.",
    ),
    "ERASED": Reason(
        "accepted_not_inferred",
        "Données effacées à la demande du patient ; rien n'en est gardé.",
        "The patient's data were erased on request; nothing of them is kept.",
    ),
    "EMPTY_BATCH": Reason("accepted_not_inferred", "Lot valide, sans message.", "A valid batch without messages."),
    "UNREADABLE_ATTACHMENT": Reason(
        "accepted_flagged",
        "Document joint dont le texte n'est pas lu (PDF, image, lien).",
        "An attached document whose text is not read (PDF, image, link).",
    ),
    "SHARED_REPORT": Reason(
        "accepted_flagged", "Un même texte pour plusieurs examens.", "One text for several examinations."
    ),
    "PATIENT_MISMATCH": Reason(
        "quarantined",
        "Le patient du compte rendu n'est pas celui de l'étude.",
        "The report's patient is not the study's.",
    ),
    "WITHDRAWN": Reason("accepted_flagged", "Compte rendu retiré.", "The report was withdrawn."),
    "OUT_OF_ORDER": Reason(
        "accepted_flagged", "Message arrivé après un état plus récent.", "Arrived after a more recent state."
    ),
    "LATE_REPORT": Reason("accepted_flagged", "Compte rendu arrivé très tard.", "The report came very late."),
    "UNMATCHED": Reason("unmatched", "Aucune étude correspondante à ce jour.", "No matching study so far."),
    # Transport: what never became a whole file
    "WRONG_OBJECT": Reason(
        "quarantined",
        "Le PACS a envoyé un autre objet que celui demandé.",
        "The PACS sent another object than the one asked for.",
    ),
    "NOT_FETCHED": Reason(
        "quarantined",
        "Annoncé par le PACS, qui ne l'a pas remis.",
        "Listed by the PACS, which did not hand it over.",
    ),
    "BAD_LISTING": Reason(
        "quarantined",
        "Annoncé par le PACS sous un identifiant impossible.",
        "Listed by the PACS under an impossible identifier.",
    ),
    "CALLER_REFUSED": Reason(
        "quarantined",
        "Connexion refusée : titre AE inconnu ou non autorisé.",
        "Connection refused: an AE title that is unknown or not allowed.",
    ),
    "TOO_MANY_CONNECTIONS": Reason(
        "quarantined",
        "Connexion refusée : trop de connexions à la fois.",
        "Connection refused: too many connections at once.",
    ),
    "BAD_PROTOCOL": Reason(
        "quarantined",
        "Octets reçus qui ne suivent pas le protocole.",
        "Bytes received that do not follow the protocol.",
    ),
    "INCOMPLETE_TRANSFER": Reason(
        "quarantined",
        "Transfert interrompu avant la fin.",
        "The transfer ended before all was there.",
    ),
    # Inference
    "MODEL_FAILED": Reason(
        "accepted_flagged", "Le modèle n'a pas pu analyser l'image.", "The model could not analyse the image."
    ),
    "MODEL_TIMEOUT": Reason(
        "accepted_flagged",
        "Le modèle a mis trop de temps sur l'image.",
        "The model took too long over the image.",
    ),
    "MODEL_CRASH": Reason(
        "accepted_flagged",
        "Le modèle s'est interrompu sur l'image.",
        "The model died on the image.",
    ),
    "BUNDLE_REFUSED": Reason(
        "accepted_flagged",
        "Le modèle installé n'est pas utilisable : l'image n'est pas analysée.",
        "The installed model cannot be used: the image was not analysed.",
    ),
    "CLUSTER_FAILED": Reason(
        "accepted_flagged",
        "Les machines qui partagent l'analyse n'ont pas répondu : l'image n'est pas analysée.",
        "The machines that share the analysis gave no answer: the image was not analysed.",
    ),
}


def sentence(code: str, language: str) -> str:
    """Return the sentence for a reason code in ``fr`` or ``en``."""
    reason = REASONS[code]
    return reason.fr if language == "fr" else reason.en


def table() -> str:
    """Return docs/outcomes.md: every outcome and every reason code in both languages."""
    lines = [
        "# Outcomes and reasons",
        "",
        "Generated by `python -m inference.reasons > docs/outcomes.md`; a test compares it.",
        "",
        "Every file or message offered gets exactly one outcome, and the sum of outcomes equals what was offered.",
        "A reason whose outcome is *accepted* is a note: it is kept with the image and changes nothing.",
        "",
    ]
    for outcome in OUTCOMES:
        rows = [(code, reason) for code, reason in REASONS.items() if reason.outcome == outcome]
        lines += [f"## {outcome}", "", f"{OUTCOME_WORDS[outcome]}", ""]
        if rows:
            lines += ["| code | français | English |", "|---|---|---|"]
            lines += [f"| `{code}` | {reason.fr} | {reason.en} |" for code, reason in rows]
            lines.append("")
    return "\n".join(lines)


OUTCOME_WORDS = {
    "accepted": "Usable, nothing to say.",
    "accepted_flagged": "Usable, with reason codes.",
    "accepted_not_inferred": "Valid, out of scope of inference.",
    "quarantined": "Kept apart, with the reason; never inferred.",
    "duplicate": "The same content was received before.",
    "conflict": "Another content under the same identifier: the first image received stays, the first message sent.",
    "unmatched": "A report without its study, so far.",
    "not_dicom": "Offered as DICOM, and is not.",
    "not_hl7": "Offered as HL7, and is not.",
}


if __name__ == "__main__":
    import sys

    sys.stdout.write(table())
