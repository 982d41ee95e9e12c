"""The tokens of the first start."""

import hashlib
import json

from services.chassis.rpc.auth import Identity
from services.profile.handlers.bootstrap import Bootstrap


def write(path, **tokens):
    entries = [
        {
            "subject": name,
            "tenant": "",
            "roles": ["service"],
            "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
        }
        for name, token in tokens.items()
    ]
    path.write_text(json.dumps({"identities": entries}))


def test_a_token_is_found_by_its_digest(tmp_path):
    file = tmp_path / "identities.json"
    write(file, executor="one", scheduler="two")
    bootstrap = Bootstrap(file)
    assert bootstrap.find("two") == Identity("scheduler", "", frozenset({"service"}))
    for token in ("", "three", "ON", "one ", "\udcff", hashlib.sha256(b"one").hexdigest()):
        assert bootstrap.find(token) is None


def test_a_changed_file_is_read_again_and_a_spoiled_one_is_not(tmp_path):
    file = tmp_path / "identities.json"
    bootstrap = Bootstrap(file)
    assert bootstrap.find("one") is None
    write(file, executor="one")
    assert bootstrap.find("one")
    for spoiled in ("", "{ half a fi", "[]", '{"identities": [{"subject": "x"}]}', '{"identities": 7}'):
        file.write_text(spoiled)
        assert bootstrap.find("one")
    write(file, executor="another")
    assert bootstrap.find("one") is None
    assert bootstrap.find("another")
    file.unlink()
    assert bootstrap.find("another")
