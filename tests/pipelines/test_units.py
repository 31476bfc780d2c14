"""systemd units as systemd itself reads them, and the container file as far as it can be read without building it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipelines import config, units
from pipelines.config import Config
from pipelines.init import init
from pipelines.units import UnitError

ROOT = Path(__file__).parents[2]
PROGRAMS = Path("/opt/bilan/bin")


def site(tmp_path: Path, *sources: dict[str, object]) -> Config:
    init(tmp_path / "home", "here")
    path = tmp_path / "home/sites/here.yaml"
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    text["sources"] = [*text["sources"], *sources]
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    return config.load(tmp_path / "home")


CSTORE = {"name": "modality", "type": "cstore", "port": 104, "calling": ["ROOM1"]}
MLLP = {"name": "hl7", "type": "mllp", "port": 2575}


def services(files: dict[str, str]) -> dict[str, str]:
    return {Path(name).stem: text for name, text in files.items() if name.endswith(".service")}


def test_each_program_has_its_unit_and_receivers_only_where_a_site_has_one(tmp_path: Path) -> None:
    loaded = site(tmp_path)
    made = services(units.units(loaded, "bilan", PROGRAMS))
    assert set(made) == {"bilan-scheduler", "bilan-page", "bilan-serve"}
    assert "-h 127.0.0.1" in made["bilan-page"] and "--host" not in made["bilan-serve"]
    (tmp_path / "two").mkdir()
    files = units.units(site(tmp_path / "two", CSTORE, MLLP), "bilan", PROGRAMS)
    found = services(files)
    assert set(found) == {*made, "bilan-receive", "bilan-listen"}
    # A port below 1024 asks for one capability, in that unit alone.
    assert [name for name, text in found.items() if "CAP_NET_BIND_SERVICE" in text] == ["bilan-receive"]
    assert set(re.findall(r"([a-z-]+)\.service", files["systemd/system/bilan.target"])) == set(found)
    for text in found.values():
        assert {"NoNewPrivileges=true", "ProtectSystem=strict", f"ReadWritePaths={tmp_path}/two/home"} <= set(
            text.split("\n")
        )
        assert "User=bilan" in text and "LogNamespace=bilan" in text


@pytest.mark.parametrize(
    ("user", "programs"), [("root user", PROGRAMS), ("bilan\nExecStart=x", PROGRAMS), ("bilan", Path("/a b"))]
)
def test_what_would_need_quoting_is_refused(tmp_path: Path, user: str, programs: Path) -> None:
    with pytest.raises(UnitError):
        units.units(site(tmp_path), user, programs)


def test_installing_twice_changes_nothing(tmp_path: Path) -> None:
    files = units.units(site(tmp_path), "bilan", PROGRAMS)
    assert len(units.install(files, tmp_path / "etc")) == len(files)
    assert units.install(files, tmp_path / "etc") == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_reads_the_units_without_a_warning(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bilan", "dagster-daemon", "dagster-webserver"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    made = units.units(site(tmp_path, CSTORE, MLLP), "root", programs)
    units.install(made, tmp_path / "etc")
    found = sorted(str(path) for path in (tmp_path / "etc/systemd/system").glob("bilan*"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *found], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "bilan" in line]
    assert (done.returncode, said) == (0, [])


def test_the_container_file_runs_without_root_and_copies_what_is_there() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    known = {"FROM", "ARG", "RUN", "COPY", "WORKDIR", "ENV", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD", "LABEL"}
    assert {step for step, _ in steps} <= known
    assert steps[0][0] == "FROM" and ":latest" not in steps[0][1] and ":" in steps[0][1]
    copied = [part for step, rest in steps if step == "COPY" and "--from" not in rest for part in rest.split()[:-1]]
    assert copied and [name for name in copied if not (ROOT / name).exists()] == []
    assert [rest for step, rest in steps if step == "USER"][-1] not in ("root", "0")
    assert not re.search(r"curl|wget|ADD\s", "\n".join(lines))
