"""Why a hub did not take a bundle, or a site what the hub gave back, in words."""

from __future__ import annotations

from reports.language import Language, message

REFUSALS = {
    "UNREADABLE": message("The file is not a bundle of Bilan. Ask the site for the file again."),
    "TOO_LARGE": message("The file is far larger than a bundle can be. Ask the site for the file again."),
    "SEALED_FOR_ANOTHER": message(
        "The file is encrypted for another hub, or was altered. The site must set this hub's key (export.hub_key)."
    ),
    "UNSIGNED": message("The bundle carries no signature. It did not come from the program as it is."),
    "UNKNOWN_SITE": message("The site is not registered here. Register its card first: bilan hub register."),
    "OTHER_KEY": message(
        "Signed with another key than the one registered for this site: two sites use one name, or the site has lost "
        "its key. Compare fingerprints by telephone before anything is changed."
    ),
    "BAD_SIGNATURE": message("The signature does not match: the bundle was altered after it was signed."),
    "OLDER_SCHEMA": message("The bundle is of an older schema. Update Bilan at the site and export the month again."),
    "NEWER_SCHEMA": message("The bundle is of a newer schema. Update Bilan here, then import it again."),
    "OUTSIDE_SCHEMA": message("The bundle holds fields that the schema does not allow. Nothing of it was kept."),
    "BAD_VALUE": message("A field is missing or has a value that the schema does not allow."),
    "OTHER_SITE": message("The signed text names another site than the file."),
    "SMALL_CELL": message("The bundle tells a count below the threshold, or lets one be worked out."),
    "SMALL_DIFFERENCE": message("The difference to what was told before of this month would give away a small count."),
    "FUTURE": message("The bundle comes from the future, or its month was not over. Check the clock of the site."),
    "REPLAYED": message("This very bundle was taken before. Nothing was changed."),
    "RESTARTED": message(
        "The site begins to count anew, but bundles of it were taken before: its record was lost. Restore the site's "
        "back-up, or register it under a new name."
    ),
    "FORKED": message("Another bundle with this number was taken before: two copies of the site are sending."),
    "MISSING_BUNDLE": message("A bundle before this one is missing. Import that one first, then this one again."),
    "OLDER_STATUS": message("A later daily status of the site was taken before this one. Nothing was changed."),
    "OUT_OF_CHAIN": message("The bundle does not follow the last one taken from this site."),
}


RETURNS = {
    "NO_HUB_KEY": message(
        "This machine knows no hub. Put the key that `bilan hub card` prints there under export.hub_signs, after "
        "comparing fingerprints by telephone."
    ),
    "NO_RETURN": message("The file is not what a hub gives back to a site. Ask for it again."),
    "OTHER_HUB": message("The file comes from another hub than the one in export.hub_signs."),
    "ALTERED": message("The signature does not match: the file was altered after the hub signed it."),
    "OTHER_VERSION": message("The file is of another version. Update Bilan here and at the hub."),
    "OTHER_CONTENT": message("The file holds something that the schema does not allow. Nothing of it was kept."),
    "WRONG_SITE": message("The file is for another site than those of this machine."),
    "FEW_PEERS": message("The file compares with fewer than five peers: they would not be anonymous."),
    "FUTURE": message("The file comes from the future, or compares a month that was not over. Check the clocks."),
    "REPLAYED": message("This very file was imported before. Nothing was changed."),
    "OLDER": message("A later file of the hub was imported before this one. Nothing was changed."),
}


def refusal(words: Language, code: str) -> str:
    """Return the sentence for the code of a refusal."""
    return words.text(REFUSALS[code])


def refused_return(words: Language, code: str) -> str:
    """Return the sentence for a file of the hub that a site refuses."""
    return words.text(RETURNS[code])
