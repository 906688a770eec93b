"""The sole place that names concrete parts together: the schema of a chip, and the chip itself."""

from accelsim.build.network import Network, NetworkOnly, load_network
from accelsim.build.planning import check
from accelsim.build.schema import Arch, ArchSettings, load_arch

__all__ = ["Arch", "ArchSettings", "Network", "NetworkOnly", "check", "load_arch", "load_network"]
