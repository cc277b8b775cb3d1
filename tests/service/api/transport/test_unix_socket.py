from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from glossator.service.api.transport.unix_socket import unix_listener
from glossator.service.errors import ConfigError


def test_any_user_can_connect_and_the_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with unix_listener(path, 4), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert not path.exists()


def test_file_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with unix_listener(path, 4), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_socket_in_use_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    with unix_listener(path, 4), pytest.raises(ConfigError, match="in use"), unix_listener(path, 4):
        pass
    path.write_text("notes")
    with pytest.raises(ConfigError, match="another file"), unix_listener(path, 4):
        pass
    assert path.read_text() == "notes"
    with pytest.raises(ConfigError, match="cannot be created"), unix_listener(tmp_path / "none" / "a.sock", 4):
        pass
