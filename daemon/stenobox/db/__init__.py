"""SQLite: the connection that writes, the ones that read, and the versions of the schema."""

from stenobox.db.connection import Database, Reader, Transaction

__all__ = ["Database", "Reader", "Transaction"]
