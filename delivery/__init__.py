"""The delivery engine: freezes, leases, sends, journals, records, recovers."""
