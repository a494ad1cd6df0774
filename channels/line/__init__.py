"""LINE official accounts by the Messaging API; the only folder that imports line-bot-sdk."""
