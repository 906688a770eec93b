"""Pictures: the only importer of matplotlib, which takes 0.3 s, so import this package where a picture is asked for."""

from accelsim.report.plot.comparison import plot_comparison
from accelsim.report.plot.network import plot_latency, plot_links
from accelsim.report.plot.sweep import plot_sweep
from accelsim.report.plot.timeline import plot_timeline

__all__ = ["plot_comparison", "plot_latency", "plot_links", "plot_sweep", "plot_timeline"]
