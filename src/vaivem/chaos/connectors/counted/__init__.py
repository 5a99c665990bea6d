"""The system that chaos runs deliver from and to. Known only where VAIVEM_CONNECTORS names its folder."""
