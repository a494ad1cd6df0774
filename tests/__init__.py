"""The tests, one folder per storey; `house` checks the house itself, `journeys` whole ways."""
