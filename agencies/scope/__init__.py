"""Row-level security: who is asking, and the doors through which they ask.

`acting_as` is the door of people and their jobs; `scope.counting` the door of measures; `scope.linking`
(with the linkage engine) that of tokens. Visibility itself is written in PostgreSQL by `AgencyRows`.
"""

from agencies.scope.actor import Actor, NotAllowed, ScopeError, acting_as, current_actor
from agencies.scope.rows import OfAgency, Scoped, ScopedManager

__all__ = [
    "Actor",
    "NotAllowed",
    "OfAgency",
    "ScopeError",
    "Scoped",
    "ScopedManager",
    "acting_as",
    "current_actor",
]
