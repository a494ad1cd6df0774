"""Conversations: the engine and its dialogues; knows no provider."""
