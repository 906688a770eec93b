"""The report of a network alone, as text of at most 120 columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.report.table import Column, count, percent, plain, table

Report = dict[str, Any]


def render_network(report: Report) -> str:
    """The whole report as text. `report` is what noc.json holds."""
    body = _replay(report) if "replay" in report else _load(report)
    title = _title(report)
    return "\n".join([title, "=" * len(title), "", *body]) + "\n"


def _title(report: Report) -> str:
    noc = report["noc"]
    size = f"{noc['columns']}x{noc['rows']}" + (f"x{noc['concentration']}" if noc["concentration"] > 1 else "")
    channels = (
        f"{noc['virtual_channels']} VC{'s' if noc['virtual_channels'] > 1 else ''} of {noc['buffer_flits']} flits"
    )
    return f"{report['arch']}: {size} {noc['topology']}, {noc['routing']}, {channels}, {_traffic(report)}"


def _traffic(report: Report) -> str:
    if "replay" in report:
        return f"replaying {Path(report['replay']['input']).name}"
    traffic = report["traffic"]
    flits = traffic["packet_flits"]
    return f"{traffic['pattern']} traffic, packets of {flits} flit{'s' if flits > 1 else ''}"


def _replay(report: Report) -> list[str]:
    found = report["replay"]
    rows = [
        _latency_row("creation to tail", found["latency_cycles"]),
        _latency_row("injection to tail", found["network_latency_cycles"]),
    ]
    return [
        f"  {count(found['packets'])} packets, {count(found['flits'])} flits, {count(found['flit_hops'])} flit-hops "
        f"in {count(found['cycles'])} cycles: {plain(found['accepted_rate'])} flits a node and cycle",
        f"  {plain(found['hops'])} routers on the way; links busy {percent(found['link_utilisation']['mean'])} "
        f"of the time, the busiest {percent(found['link_utilisation']['max'])}",
        "",
        *table([Column("latency, cycles", "<"), *map(Column, ("mean", "p50", "p95", "p99", "max"))], rows),
    ]


def _latency_row(title: str, latency: Report) -> list[str]:
    return [title, plain(latency["mean"]), *(count(latency[key]) for key in ("p50", "p95", "p99", "max"))]


POINT_COLUMNS = (
    *("rate", "offered", "accepted", "latency", "p50", "p95", "p99", "max"),
    *("in network", "hops", "links", "busiest", "dispersion", ""),
)


def _load(report: Report) -> list[str]:
    lines = table([Column(title) for title in POINT_COLUMNS], [_point(point) for point in report["points"]])
    lines += ["", f"  alone a packet takes {plain(report['zero_load_latency_cycles'])} cycles on average"]
    saturation = report["saturation"]
    if saturation is not None:
        factor = saturation["latency_factor"]
        rate = saturation["rate"]
        reached = "at none of these rates" if rate is None else f"up to {rate:g} flits a node and cycle"
        most = "at most"
        if not saturation["reached"]:
            reached += ", the highest rate measured"
            most = "so far"
        lines += [
            f"  mean latency of at most {factor} times that: {reached}",
            f"  accepted {most}: {plain(saturation['max_accepted_rate'])} flits a node and cycle, "
            f"{plain(saturation['max_accepted_gb_per_s'])} GB/s in all",
        ]
    return lines


def _point(point: Report) -> list[str]:
    latency, inside = point["latency_cycles"], point["network_latency_cycles"]
    cells = [f"{point['rate']:g}", f"{point['offered_rate']:.4f}", f"{point['accepted_rate']:.4f}"]
    if latency is None:
        cells += ["-"] * 7
    else:
        cells += [f"{latency['mean']:.2f}", *(count(latency[key]) for key in ("p50", "p95", "p99", "max"))]
        cells += [f"{inside['mean']:.2f}", f"{point['hops']:.2f}"]
    links = point["link_utilisation"]
    cells += [percent(links["mean"]), percent(links["max"]), plain(point["dispersion"])]
    return [*cells, "" if point["stable"] else "unstable"]
