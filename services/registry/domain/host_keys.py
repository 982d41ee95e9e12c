"""Host keys in the form `ssh-ed25519 AAAA…`."""

import base64
import binascii

_CURVES = {
    # name of the curve: length of one coordinate in bytes
    "nistp256": 32,
    "nistp384": 48,
    "nistp521": 66,
}
_WAY_OUT = "take the line 'ssh-keyscan' or the host's /etc/ssh/ssh_host_*_key.pub shows, without its comment"


def host_key_fault(line: str) -> str:
    """Why the line is no host key, with the way out; "" where it is one."""
    prefix, _, encoded = line.partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return f"its second word is not base64: {_WAY_OUT}"
    try:
        fields = _strings(blob)
    except ValueError as broken:
        return f"its base64 is no SSH key ({broken}): {_WAY_OUT}"
    embedded = fields[0].decode("ascii", "replace") if fields else ""
    if embedded != prefix:
        return f"it says '{prefix}' and holds a key of type '{embedded}': {_WAY_OUT}"
    if not _well_formed(prefix, fields[1:]):
        return f"it holds no whole '{prefix}' key: {_WAY_OUT}"
    return ""


def _strings(blob: bytes) -> list[bytes]:
    """The strings an SSH wire blob consists of, each led by its length in four bytes."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError("it is cut short")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _well_formed(key_type: str, fields: list[bytes]) -> bool:
    match key_type, fields:
        case "ssh-ed25519", [point]:
            return len(point) == 32
        case "ssh-rsa", [exponent, modulus]:
            return len(exponent) >= 1 and len(modulus) >= 128
        case _, [curve, point] if key_type.startswith("ecdsa-sha2-"):
            name = curve.decode("ascii", "replace")
            size = _CURVES.get(name, 0)
            return key_type == f"ecdsa-sha2-{name}" and point[:1] == b"\x04" and len(point) == 2 * size + 1
    return False
