import os
from pathlib import Path

import pytest

from cobalt_link.kit.private_files import NotPrivate, check_private


@pytest.fixture(params=["file", "folder"])
def private(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "ours"
    if request.param == "file":
        path.touch()
    else:
        path.mkdir()
    path.chmod(0o700 if path.is_dir() else 0o600)
    return path


@pytest.mark.parametrize("bit", [1 << number for number in range(6)])
def test_no_other_user_may_have_any_access(private: Path, bit: int) -> None:
    check_private(private)
    private.chmod((0o700 if private.is_dir() else 0o600) | bit)
    with pytest.raises(NotPrivate, match=f"chmod {'700' if private.is_dir() else '600'} {private}"):
        check_private(private)


@pytest.mark.parametrize("me", [0, 4711])
def test_what_belongs_to_another_user_is_refused_for_root_too(
    private: Path, me: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = list(private.stat())
    status[4] = 4712  # the owner
    monkeypatch.setattr(os, "geteuid", lambda: me)
    with pytest.raises(NotPrivate, match="belongs to the user 4712") as refused:
        check_private(private, os.stat_result(status))
    assert ("chown -R" if private.is_dir() else "chown ") in str(refused.value)
