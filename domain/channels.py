"""What holds of a channel whatever its provider's software looks like."""

from __future__ import annotations

# Its provider can prove that a browser and a conversation are one person's, so a code that
# invites staff counts there only with that proof: who reads along in a chat is not it.
LINKS_ACCOUNTS = frozenset({"line"})

# Nothing is sent there: the browser fetches what lies ready.
FETCHED = frozenset({"webchat"})

# A message pops up on a screen that others see: what it shows there is the board's choice.
CHATS = frozenset({"line", "telegram"})
