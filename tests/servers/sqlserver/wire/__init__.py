"""TDS 7.2 to 7.4 over TCP on 127.0.0.1, as far as the drivers of Microsoft, FreeTDS and their kin speak it.

`packets` cuts messages into packets, inside TLS or not; `octets` reads and writes numbers and texts; `types` knows how
a type and its values lie; `tokens` are the parts of a reply. `login`, `calls` and `bulk` read what clients send,
`described` and `datatypes` answer what they ask about statements and types. `talk` holds the conversation of one
connection, `serve` listens, `conduct` says how all of it behaves, and `apart` runs it in a process of its own.

Not spoken: MARS, integrated and token logins, cursors (sp_cursor*), output parameters other than handles, table-valued
parameters, the types json and vector, distributed transactions, savepoints, session recovery, TDS 8.
"""

from .conduct import Conduct
from .serve import Server, serve

__all__ = ["Conduct", "Server", "serve"]
