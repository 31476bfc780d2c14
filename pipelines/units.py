"""systemd units: the scheduler and its page, the web application, the receivers; each with what it may not do.

Written for one home; made anew after a change of its sources. Everything is written to the journal of its own
name space, which forgets what is old.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.config import Config
from pipelines.errors import BilanError
from pipelines.source_settings import CstoreSource, MllpSource

_PLAIN = re.compile(r"/[A-Za-z0-9._/-]+")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")

# Not MemoryDenyWriteExecute: PyTorch and Chromium compile while they run. Not RestrictNamespaces nor a
# SystemCallFilter: the processes of the model close their own doors (seccomp), which `bilan doctor` proves.
HARDENING = """\
NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
PrivateTmp=true
PrivateDevices=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native
UMask=0077"""

SERVICE = """\
[Unit]
Description=Bilan: {what}
After=network-online.target
Wants=network-online.target
PartOf=bilan.target

[Service]
Type=simple
User={user}
Group={user}
WorkingDirectory={home}
Environment=BILAN_HOME={home}
Environment=DAGSTER_HOME={home}/dagster
Environment=DAGSTER_DISABLE_TELEMETRY=1
ExecStart={command}
Restart=always
RestartSec=5
TimeoutStopSec={stop}
ReadWritePaths={home}
LogNamespace=bilan
{hardening}
{more}
[Install]
WantedBy=bilan.target
"""

TARGET = """\
[Unit]
Description=Bilan
Wants={wants}

[Install]
WantedBy=multi-user.target
"""

JOURNAL = """\
# Log rotation: what is older or more than this goes.
[Journal]
Storage=persistent
SystemMaxUse=500M
MaxRetentionSec=90day
"""

TIDY = """\
# What runs of the scheduler printed, and files that it passed from step to step.
e {home}/dagster/storage - - - 90d
e {home}/logs - - - 90d
"""


class UnitError(BilanError):
    """Units cannot be written as asked: the text says what to change."""


def units(config: Config, user: str, programs: Path, port: int = 8080) -> dict[str, str]:
    """Return the text of each file by its path below ``/etc``, for this home and the account `user`.

    Parameters
    ----------
    programs
        The folder of the virtual environment's commands.

    Raises
    ------
    UnitError
        If a path or the account's name would need quoting.
    """
    home = str(config.home)
    if not _PLAIN.fullmatch(home) or not _PLAIN.fullmatch(str(programs)) or not _ACCOUNT.fullmatch(user):
        raise UnitError("home, programs and account need plain names: letters, digits and . _ - /")
    if home == "/home" or home.startswith(("/home/", "/root", "/run/user")):
        raise UnitError("services cannot see a home below /home, /root or /run/user: move it, such as to /srv/bilan")
    dagster = f"-m pipelines.definitions -d {home}"
    commands = {
        "bilan-scheduler": ("scheduler", f"{programs}/dagster-daemon run {dagster}", 600, ""),
        "bilan-page": (
            "the scheduler's page, this machine alone",
            f"{programs}/dagster-webserver -h 127.0.0.1 -p 3000 {dagster}",
            30,
            "IPAddressDeny=any\nIPAddressAllow=localhost\n",
        ),
        "bilan-serve": ("web application", f"{programs}/bilan serve --home {home} --port {port}", 30, ""),
    }
    sources = [source for site in config.sites.values() for source in site.sources]
    low = "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
    for name, kind, what in (("receive", CstoreSource, "images by C-STORE"), ("listen", MllpSource, "HL7 over MLLP")):
        found = [source for source in sources if isinstance(source, kind)]
        if found:
            more = low if any(source.port < 1024 for source in found) else ""
            commands[f"bilan-{name}"] = (what, f"{programs}/bilan {name} --home {home}", 60, more)
    made = {
        f"systemd/system/{name}.service": SERVICE.format(
            what=what, user=user, home=home, command=command, stop=stop, hardening=HARDENING, more=more
        )
        for name, (what, command, stop, more) in commands.items()
    }
    made["systemd/system/bilan.target"] = TARGET.format(wants=" ".join(f"{name}.service" for name in commands))
    made["systemd/journald@bilan.conf"] = JOURNAL
    made["tmpfiles.d/bilan.conf"] = TIDY.format(home=home)
    return made


def install(files: dict[str, str], root: Path) -> list[Path]:
    """Write the files below `root`; return those that are new or changed."""
    changed = []
    for name, text in files.items():
        path = root / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(path)
    return changed
