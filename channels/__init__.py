"""One folder per provider, behind the contract in channels.base."""
