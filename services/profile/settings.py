"""The settings of profile."""

from pathlib import Path

from pydantic import Field, SecretStr

from services.chassis.settings import Settings


class ProfileSettings(Settings):
    """The settings of profile."""

    service: str = "profile"
    master_key_file: Path = Field(default_factory=lambda data: data["home"] / "master.key")
    """The key that credentials are sealed with; made on the first start. Without it they are lost: back it up."""
    master_key: SecretStr = SecretStr("")
    """The key itself, 32 bytes in base64, where it is not to be in a file: the file is then neither read nor made."""
    master_key_lost: str = ""
    """Id of a master key that is lost for good: what is sealed with it is deleted at the start, to go on without."""
    private_identity_providers: bool = False
    """Whether providers' keys may be fetched from addresses that are not public, and by http from this machine."""
