# SPDX-License-Identifier: Apache-2.0
"""How the API server is found, and that a rotated token is noticed."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from genapps.cluster.connection import TokenFile, connect, from_kubeconfig
from genapps.environment import SettingsError


def kubeconfig(folder: Path, user: dict[str, Any], server: str = "http://127.0.0.1:1/") -> Path:
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_current_context_of_a_kubeconfig_is_used(tmp_path: Path) -> None:
    connection = connect({"KUBECONFIG": str(kubeconfig(tmp_path, {"token": "t"}))})
    assert (connection.server, connection.tls, connection.token.current()) == ("http://127.0.0.1:1", None, "t")


def test_a_token_file_is_taken_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n", encoding="ascii")
    assert from_kubeconfig(kubeconfig(tmp_path, {"tokenFile": "token"})).token.current() == "from-file"


@pytest.mark.parametrize("user", [{"exec": {"command": "aws"}}, {"auth-provider": {"name": "gcp"}}])
def test_credentials_by_plug_in_are_refused_with_a_reason(tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="plug-in"):
        from_kubeconfig(kubeconfig(tmp_path, user))


def test_a_context_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("current-context: lost\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="lost"):
        from_kubeconfig(path)


def test_without_cluster_and_kubeconfig_the_message_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=str(tmp_path)):
        connect({"HOME": str(tmp_path)})


def test_a_token_is_read_again_after_a_minute_and_when_it_was_refused(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "token"
    path.write_text("one", encoding="ascii")
    token = TokenFile(path, clock=lambda: now)
    assert token.current() == "one"
    path.write_text("two", encoding="ascii")
    assert token.current() == "one"
    now = 61.0
    assert token.current() == "two"
    path.write_text("three", encoding="ascii")
    token.forget()
    assert token.current() == "three"


def test_a_token_is_not_shown_when_a_connection_is_printed(tmp_path: Path) -> None:
    assert "hidden" not in repr(from_kubeconfig(kubeconfig(tmp_path, {"token": "hidden"})))
