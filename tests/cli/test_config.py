import json
from pathlib import Path

import pytest

from cobalt_link.cli.main import main
from cobalt_link.settings import DECLARED


def test_config_shows_each_value_with_its_origin_and_masks_secrets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cobalt.toml").write_text('operator = "Larkspur IT"\n')
    monkeypatch.setenv("COBALT_DATABASE_URL", "postgresql://me:canary-pw@db.example/link")
    monkeypatch.setenv("COBALT_MASTER_KEY", "canary-key")
    assert main(["config", "--json", "--data", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)["settings"]
    assert set(found) == {each.name for each in DECLARED}
    assert found["operator"] | {"help": ""} == {
        "value": "Larkspur IT",
        "origin": str(tmp_path / "cobalt.toml"),
        "help": "",
    }
    assert found["data"]["origin"] == "--data"
    assert found["database_url"]["value"] == "postgresql://me:********@db.example/link"
    assert main(["config", "--data", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "canary" not in text + json.dumps(found)
    assert "COBALT_DATABASE_URL" in text
