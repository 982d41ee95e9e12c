"""Channels over SSH, by fabric: one kept connection a site, with pinned host keys and a key that is not here."""

from services.executor.channels.ssh.keys import Signer
from services.executor.channels.ssh.login import SshLogins
from services.executor.channels.ssh.pool import SshChannels, SshOptions

__all__ = ["Signer", "SshChannels", "SshLogins", "SshOptions"]
