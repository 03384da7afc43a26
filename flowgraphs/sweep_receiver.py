#!/usr/bin/python3
"""Sweeps the receiver from a script: the share of frames lost over E_b/N0, for a few numbers of nodes.

usage: sweep_receiver.py [--seconds 30] [--ebn0 0 1 2 3 4] [--nodes 20 100] [--plot sweep.png]

The same blocks as loopback.grc, made in Python: nodes, line, receiver; as fast as the machine can.
"""
import argparse

import pmt
from gnuradio import blocks, gr, ngplc

RATE = 192_000


def lost(ebn0_db, nodes, seconds, seed):
    """Frames lost and sent of one run; those that the end of the run cuts are not counted."""
    graph = gr.top_block()
    population = ngplc.node_population_f(nodes=nodes, interval_s=10.0, ebn0_db=ebn0_db, seed=seed)
    line = ngplc.mains_channel_f(seed=seed)
    receiver = ngplc.random_access_receiver_f()
    sent, received = blocks.message_debug(), blocks.message_debug()
    graph.connect(population, line, blocks.head(gr.sizeof_float, int(seconds * RATE)), receiver)
    graph.msg_connect(population, "sent", sent, "store")
    graph.msg_connect(receiver, "frames", received, "store")
    graph.run()

    def payloads(messages):
        pdus = [messages.get_message(k) for k in range(messages.num_messages())]
        return {bytes(pmt.u8vector_elements(pmt.cdr(p))): pmt.to_python(pmt.car(p))["sample_index"] for p in pdus}

    length = ngplc.frame_lengths_s("cenelec-a")[0]
    whole = {p for p, at in payloads(sent).items() if at + (length + 0.01) * RATE < seconds * RATE}
    return len(whole - set(payloads(received))), len(whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="of signal a point, s (30)")
    parser.add_argument("--ebn0", type=float, nargs="+", default=[0, 0.5, 1, 1.5, 2, 2.5, 3], help="dB")
    parser.add_argument("--nodes", type=int, nargs="+", default=[20, 200], help="each sends once in 10 s (20 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", help="PNG of the curves, needs matplotlib")
    options = parser.parse_args()
    curves = {}
    for nodes in options.nodes:
        for ebn0_db in options.ebn0:
            count, of = lost(ebn0_db, nodes, options.seconds, options.seed)
            curves.setdefault(nodes, []).append(count / max(of, 1))
            print(f"{nodes:4d} nodes  {ebn0_db:5.1f} dB  {count:5d} of {of:5d} lost")
    if options.plot:
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import pyplot
        for nodes, shares in curves.items():
            pyplot.semilogy(options.ebn0, [share or float("nan") for share in shares], marker="o", label=f"{nodes} nodes")
        pyplot.xlabel("$E_b/N_0$, dB")
        pyplot.ylabel("share of frames lost")
        pyplot.grid(True, which="both", alpha=0.3)
        pyplot.legend()
        pyplot.savefig(options.plot, dpi=120)


if __name__ == "__main__":
    main()
