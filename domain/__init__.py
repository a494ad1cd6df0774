"""Pure rules: no Flask, no SQL, no network, no clock."""
