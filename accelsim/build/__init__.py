"""The sole place that names concrete parts together: the schema of a chip, and the chip itself."""

from accelsim.build.arch import Arch, load_arch
from accelsim.build.network import Network, NetworkOnly, load_network
from accelsim.build.schema import ArchSettings

__all__ = ["Arch", "ArchSettings", "Network", "NetworkOnly", "load_arch", "load_network"]
