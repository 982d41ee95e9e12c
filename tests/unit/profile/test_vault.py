import os
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from services.profile.vault import keys, master, seal

KEY = master.MasterKey(b"m" * 32)


def sealed():
    return seal.seal(KEY, "default", "cred-1", b"the private key")


def test_what_was_sealed_opens_again():
    assert seal.unseal(KEY, "default", "cred-1", sealed()) == b"the private key"


def test_no_two_seals_are_alike():
    one, two = sealed(), sealed()
    assert one.wrapped_data_key != two.wrapped_data_key
    assert one.ciphertext != two.ciphertext


@pytest.mark.parametrize(
    ("key", "tenant", "credential_id"),
    [
        (KEY, "other", "cred-1"),
        (KEY, "default", "cred-2"),
        (master.MasterKey(b"n" * 32), "default", "cred-1"),
    ],
)
def test_a_seal_is_bound_to_key_tenant_and_credential(key, tenant, credential_id):
    with pytest.raises(seal.SealBroken):
        seal.unseal(key, tenant, credential_id, sealed())


@pytest.mark.parametrize("part", ["wrapped_data_key", "ciphertext"])
def test_a_changed_or_exchanged_part_does_not_open(part):
    one, two = sealed(), sealed()
    changed = bytearray(getattr(one, part))
    changed[-1] ^= 1
    for wrong in (bytes(changed), getattr(two, part), b""):
        with pytest.raises(seal.SealBroken):
            seal.unseal(KEY, "default", "cred-1", replace(one, **{part: wrong}))


def test_no_repr_shows_a_secret():
    assert "m" * 32 not in repr(KEY)
    assert "\\x" not in repr(sealed())


def test_a_master_key_is_made_whole_and_never_replaced(tmp_path):
    file = tmp_path / "deep" / "master.key"
    old = os.umask(0)
    try:
        master.create(file)
    finally:
        os.umask(old)
    first = master.load(file)
    master.create(file)
    assert master.load(file).key == first.key
    assert len(first.key) == 32
    assert [path.name for path in file.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("content", [b"", b"hunter2", b"aHVudGVyMg==\n", b"\xff" * 44])
def test_a_spoiled_master_key_is_told_and_not_repeated(tmp_path, content):
    file = tmp_path / "master.key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(master.MasterKeyError, match="restore it") as told:
        master.load(file)
    assert "hunter2" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize("mode", [0o601, 0o610, 0o640, 0o644])
def test_a_master_key_open_to_others_is_refused(tmp_path, mode):
    file = tmp_path / "master.key"
    master.create(file)
    file.chmod(mode)
    with pytest.raises(master.MasterKeyError, match=f"{mode:04o}"):
        master.load(file)


def test_an_absent_master_key_is_told(tmp_path):
    with pytest.raises(master.MasterKeyError, match="No such file"):
        master.load(tmp_path / "master.key")


def test_a_key_given_is_written_as_it_is(tmp_path):
    file = tmp_path / "master.key"
    master.create(file, KEY)
    assert master.load(file).key == master.parse(file.read_text(), "somewhere").key == KEY.key
    with pytest.raises(master.MasterKeyError, match="somewhere holds no master key"):
        master.parse("hunter2", "somewhere")


def test_the_next_key_takes_the_place_of_the_one_in_the_file(tmp_path):
    file = tmp_path / "master.key"
    master.create(file)
    old, new = master.load(file), master.MasterKey(b"n" * 32)
    master.create(master.next_file(file), new)
    master.backup_file(file, old).hardlink_to(file)  # as a change that was cut short left it
    master.promote(file)
    assert (master.load(file).key, master.load(master.backup_file(file, old)).key) == (new.key, old.key)
    assert not master.next_file(file).exists()


def test_a_data_key_is_wrapped_by_another_master_key():
    new = master.MasterKey(b"n" * 32)
    before = sealed()
    again = seal.rewrap(KEY, new, "default", "cred-1", before.wrapped_data_key)
    after = replace(before, master_key_id=new.key_id, wrapped_data_key=again)
    assert seal.unseal(new, "default", "cred-1", after) == b"the private key"
    for key, tenant, credential_id in (
        (new, "default", "cred-1"),
        (KEY, "other", "cred-1"),
        (KEY, "default", "cred-2"),
    ):
        with pytest.raises(seal.SealBroken):
            seal.rewrap(key, new, tenant, credential_id, before.wrapped_data_key)


def test_a_key_is_restored_as_it_was():
    key = keys.generate()
    assert keys.public_blob(keys.restore(keys.dump(key))) == keys.public_blob(key)


def test_an_ecdsa_signature_is_two_numbers_that_verify():
    # Numbers whose first bit is set get a leading zero; over many signatures both kinds come up.
    key = ec.generate_private_key(ec.SECP256R1())
    for number in range(50):
        data = bytes([number])
        name, inner = strings(keys.sign(key, "ecdsa-sha2-nistp256", data))
        r, s = strings(inner)
        assert name == b"ecdsa-sha2-nistp256"
        for part in (r, s):
            assert part[0] < 128
            assert part[0] or part[1] >= 128
        signature = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        key.public_key().verify(signature, data, ec.ECDSA(SHA256()))
        with pytest.raises(InvalidSignature):
            key.public_key().verify(signature, data + b"x", ec.ECDSA(SHA256()))


def strings(data):
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found
