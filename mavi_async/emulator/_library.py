"""What is known of each asset: whether it may be used, and who speaks in it."""

from collections.abc import Mapping

from mavi_async.emulator._answers import OVER_THE_LIMIT, plain_error
from mavi_async.emulator._conversation import Conversation, invent_conversation
from mavi_async.emulator._jobs import Ledger
from mavi_async.emulator._requests import Refused
from mavi_async.emulator._settings import Settings

__all__ = ["Library"]


class Library:
    """Finds what stands behind an asset id.

    Args:
        settings: Says which assets are unknown, and how long an upload is processed.
        replay: The conversation of each known asset or file; all others are invented.
        ledger: Where uploads are written down.
    """

    def __init__(
        self, settings: Settings, replay: Mapping[str, Conversation], ledger: Ledger
    ) -> None:
        self._settings = settings
        self._replay = replay
        self._ledger = ledger

    def check_known(self, asset_id: str) -> None:
        """Refuse what the account does not have.

        Raises:
            Refused: It is unknown, said ambiguously.
        """
        if asset_id in self._settings.unknown_assets:
            raise Refused(plain_error(400, OVER_THE_LIMIT))

    def check_usable(self, asset_id: str) -> None:
        """Refuse what no job can be made of.

        Raises:
            Refused: It is unknown, or its upload is not through.
        """
        self.check_known(asset_id)
        asset = self._ledger.assets.get(asset_id)
        if asset is not None and asset.status(self._settings.upload_delay) != "SUCCESS":
            raise Refused(plain_error(400, OVER_THE_LIMIT))

    def conversation(self, asset_id: str) -> Conversation:
        """The conversation of an asset, or of the file that it was uploaded from."""
        asset = self._ledger.assets.get(asset_id)
        found = self._replay.get(asset_id) or (asset and self._replay.get(asset.stem))
        return found or invent_conversation(asset_id)
