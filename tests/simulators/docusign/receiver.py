"""An address to which Connect delivers, on this machine."""

from __future__ import annotations

from typing import Any

from tests.simulators import receiver


class Receiver(receiver.Receiver):
    """Reads messages in the order in which they were made: many are sent at once."""

    async def messages(self, count: int) -> list[Any]:
        """Wait until so many have come; return what they say."""
        return sorted(await self.documents(count), key=lambda one: one.get("generatedDateTime", ""))
