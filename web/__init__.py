"""HTTP in: health, web chat, message pages, joining, leaving, demo."""
