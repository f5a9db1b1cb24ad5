"""Oracle's wire protocol, as far as drivers need it to read and load tables: TNS packets that carry TTC messages."""

from .conduct import VERIFIER_11G, VERIFIER_12C, Conduct
from .rows import encoded
from .serve import Server, serve

__all__ = ["VERIFIER_11G", "VERIFIER_12C", "Conduct", "Server", "encoded", "serve"]
