"""Who may do what: accounts, passwords, API keys, sessions, the set-up link, the limit on guessing."""

from stenobox.access.accounts import Accounts, Removal
from stenobox.access.keys import KeyInfo, Keys
from stenobox.access.passwords import Passwords
from stenobox.access.ratelimit import AttemptLimiter
from stenobox.access.requestlimits import RequestLimits
from stenobox.access.sessions import Sessions
from stenobox.access.setup import SetupLink
from stenobox.access.users import Users

__all__ = [
    "Accounts",
    "AttemptLimiter",
    "KeyInfo",
    "Keys",
    "Passwords",
    "Removal",
    "RequestLimits",
    "Sessions",
    "SetupLink",
    "Users",
]
