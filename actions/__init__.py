"""Use cases: one function, one audit entry, in the open transaction, never committing."""
