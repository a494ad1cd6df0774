"""What the commands share: the settings and the parts made from them, each when first used."""

from __future__ import annotations

from functools import cached_property

from actions import boards
from channels.base import Channel
from channels.registry import open_channels
from commands.channel_settings import channel_settings
from commands.printing import fail
from settings import Settings
from storage import schema
from storage.boards import board_by_code
from storage.database import Database
from storage.vault import load_vault


class House:
    """One installation, opened bit by bit, so that `explain` never touches a database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def database(self) -> Database:
        keys = self.settings.data_keys_file or self.settings.var_dir / "keys.json"
        return Database(self.settings.database_url, load_vault(keys), self._secret())

    def _secret(self) -> bytes:
        try:
            return self.settings.secret()
        except ValueError as error:
            raise fail(str(error)) from None

    @cached_property
    def channels(self) -> dict[str, Channel]:
        return open_channels(channel_settings(self.settings))

    @cached_property
    def board_id(self) -> int:
        """The board this installation serves; `prepare` made it."""
        with self.database.reading() as tx:
            board = board_by_code(tx, self.settings.board_code)
        if board is None:
            raise LookupError("the board is not there yet: run `renrakumo init`")
        return board.id

    def prepare(self) -> None:
        """Make the keys, bring the schema to its head and open the board if it is new."""
        if not schema.is_newest(self.database):
            # Alembic takes its share of memory, and is needed once in a release.
            from storage.migrate import upgrade

            upgrade(self.database)
        with self.database.writing() as tx:
            if board_by_code(tx, self.settings.board_code) is None:
                boards.open_board(tx, self.settings.board_code, self.settings.board_name)

    def is_prepared(self) -> bool:
        """Whether the database is there and at this release's schema; so it is where it cannot be
        asked.
        """
        try:
            return schema.is_newest(self.database)
        except Exception:
            return True

    def close(self) -> None:
        """Give back connections; what was never opened stays so."""
        for channel in self.__dict__.get("channels", {}).values():
            channel.close()
        if "database" in self.__dict__:
            self.database.close()
