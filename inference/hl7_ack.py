"""The answer to an HL7 v2 message: MSH and MSA, with no value of the message but its control id.

References
----------
HL7 v2.5.1 chapter 2: 2.9.2.2 (original mode), 2.14.8 (MSA); table 0008 (AA, AE, AR).
"""

from __future__ import annotations

from datetime import datetime

_LONGEST_CONTROL_ID = 199  # MSH-10 has 20 characters in 2.5.1 and 199 since 2.7
_SEPARATORS = frozenset(b"|^~\\&")


def control_id(message: bytes) -> bytes | None:
    """Return MSH-10 as it stands, None if the message has no usable MSH segment.

    Usable: the message begins with ``MSH``, a field separator and encoding characters, has a
    message type (MSH-9), and a control id of printable characters.
    """
    header = message.lstrip(b"\r\n").split(b"\r", 1)[0].split(b"\n", 1)[0][:4096]
    if not header.startswith(b"MSH") or len(header) < 9 or header[3:4].isalnum():
        return None
    fields = header[3:].split(header[3:4])
    if len(fields) < 10 or not 2 <= len(fields[1]) <= 5 or not fields[8].strip():
        return None
    found = fields[9].strip()
    if not found or len(found) > _LONGEST_CONTROL_ID or any(byte < 0x20 or byte == 0x7F for byte in found):
        return None
    return found


def acknowledgement(code: str, answered: bytes | None, reason: str, now: datetime, own_id: str) -> bytes:
    """Return an ACK message.

    Parameters
    ----------
    code
        ``AA``, ``AE`` or ``AR``.
    answered
        Control id of the message that this answers; None if it has none.
    reason
        Our own words (ASCII); empty for ``AA``.
    now
        Zone-aware.
    own_id
        Control id of the answer.
    """
    stamp = now.strftime("%Y%m%d%H%M%S%z")
    # Characters that would be structure in our own message are none of an honest control id.
    echoed = bytes(byte for byte in answered or b"" if byte not in _SEPARATORS)
    header = f"MSH|^~\\&|BILAN||||{stamp}||ACK|{own_id}|P|2.5\rMSA|{code}|".encode("ascii")
    return header + echoed + (f"|{reason}".encode("ascii") if reason else b"") + b"\r"
