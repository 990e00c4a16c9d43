"""The audit trail: who did what, in rows that are only added and that prove each other.

`record` adds a row inside the transaction of what it tells of. `verifying` says what can be proved.
"""

from stenobox.audit.acting import BOX, OPERATOR, Actor, acting
from stenobox.audit.actions import SUBJECTS, Action
from stenobox.audit.chain import GENESIS, Row, record
from stenobox.audit.failures import LoginFailures
from stenobox.audit.reading import AuditPage, Filter, Head, Trail, filter_by_action
from stenobox.audit.reads import Kind, Reads
from stenobox.audit.retention import AuditRetention

__all__ = [
    "BOX",
    "GENESIS",
    "OPERATOR",
    "SUBJECTS",
    "Action",
    "Actor",
    "AuditPage",
    "AuditRetention",
    "Filter",
    "Head",
    "Kind",
    "LoginFailures",
    "Reads",
    "Row",
    "Trail",
    "acting",
    "filter_by_action",
    "record",
]
