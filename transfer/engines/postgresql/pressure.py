"""How busy a PostgreSQL server is, by its statistics views."""

from __future__ import annotations

from ...engine import Asked

# What others do is NULL in these views for who is not a member of pg_read_all_stats, as pg_monitor is.
_OTHERS = "backend_type = 'client backend' AND application_name <> current_setting('application_name')"
_SINCE = "coalesce(max(extract(epoch FROM clock_timestamp() - {})), 0)"
_ACTIVITY = f"""
SELECT count(*) FILTER (WHERE state = 'active'), greatest({_SINCE.format("xact_start")},
       (SELECT {_SINCE.format("prepared")} FROM pg_prepared_xacts))
FROM pg_stat_activity WHERE {_OTHERS}"""
# The last transaction that a standby replayed is old where nobody writes: it is behind only while something is left.
_STANDBY = f"""
SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver)
       THEN 0 ELSE (SELECT {_SINCE.format("pg_last_xact_replay_timestamp()")}) END"""
_REPLICAS = "SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication"


def pressure(session: Asked) -> dict[str, float]:
    """The statements and the oldest transaction of others, how far replication is behind; what the account may see."""
    ((standby, sees),) = session.ask("SELECT pg_is_in_recovery(), pg_has_role('pg_read_all_stats', 'USAGE')")
    said: dict[str, float] = {}
    if sees:
        ((running, transaction),) = session.ask(_ACTIVITY)
        said |= {"running": float(str(running)), "transaction": float(str(transaction))}
    if standby or sees:
        ((lag,),) = session.ask(_STANDBY if standby else _REPLICAS)
        said["lag"] = float(str(lag))
    return said
