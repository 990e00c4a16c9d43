"""Who may do what: accounts, passwords, second factors, API keys, sessions, the set-up link, the limit on
guessing.
"""

from stenobox.access.accounts import Accounts, Removal
from stenobox.access.keys import DEFAULT_SCOPES, KeyInfo, Keys
from stenobox.access.passwords import Passwords
from stenobox.access.ratelimit import AttemptLimiter
from stenobox.access.requestlimits import RequestLimits
from stenobox.access.second_factors import SecondFactors
from stenobox.access.sessions import SessionInfo, Sessions
from stenobox.access.setup import SetupLink
from stenobox.access.users import Users

__all__ = [
    "DEFAULT_SCOPES",
    "Accounts",
    "AttemptLimiter",
    "KeyInfo",
    "Keys",
    "Passwords",
    "Removal",
    "RequestLimits",
    "SecondFactors",
    "SessionInfo",
    "Sessions",
    "SetupLink",
    "Users",
]
