"""Snapshots and the ledger of everything shown."""
