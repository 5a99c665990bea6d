"""`vaivem rules`: the plan is shown first, and programs get one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from tests.hub.workplace import DEFINITION, SYSTEMS, Workplace


def vaivem(database: str, folder: Path, *arguments: str, typed: str = "") -> tuple[int, Any, str]:
    environment = os.environ | {
        "DATABASE_URL": database,
        "VAIVEM_DATA_DIR": str(folder),
        "VAIVEM_CONNECTORS": str(SYSTEMS),
    }
    done = subprocess.run(
        [sys.executable, "-m", "vaivem.cli", "rules", *arguments, "--workspace", "raiar-solar", "--json"],
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_a_file_is_planned_asked_about_and_applied(
    workplace: Workplace, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"rules": [DEFINITION]}, allow_unicode=True), "utf-8")
    code, report, shown = vaivem(database, tmp_path, "apply", str(file), typed="n\n")
    assert (code, report["ok"]) == (1, False), report
    assert f"+ {DEFINITION['title']}" in shown
    code, report, _ = vaivem(database, tmp_path, "apply", str(file), "--plan")
    assert (code, report["applied"], report["plan"][0]["act"]) == (0, False, "create")
    code, report, _ = vaivem(database, tmp_path, "apply", str(file), "--yes")
    assert (code, report["applied"], report["rules"][0]["state"]) == (0, True, "on")
    code, report, _ = vaivem(database, tmp_path, "show")
    assert yaml.safe_load(report["file"])["rules"][0]["title"] == DEFINITION["title"]


def test_a_wrong_file_is_refused_with_its_problems_in_words(
    workplace: Workplace, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    wrong = {**DEFINITION, "when": {"connection": "assinaturas", "trigger": "nunca"}}
    file.write_text(yaml.safe_dump([wrong], allow_unicode=True), "utf-8")
    code, report, shown = vaivem(database, tmp_path, "apply", str(file), "--yes")
    assert (code, report["applied"]) == (1, False)
    assert report["plan"][0]["problems"][0]["code"] == "trigger_unknown"
    assert "“nunca”" in shown
    file.write_text("rules: [", "utf-8")
    code, report, _ = vaivem(database, tmp_path, "apply", str(file))
    assert code == 1
    assert "YAML" in report["problem"]
