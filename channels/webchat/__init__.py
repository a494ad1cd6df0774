"""Web chat: messages that a browser fetches from us."""
