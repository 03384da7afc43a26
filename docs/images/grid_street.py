#!/usr/bin/python3
"""Draws grid-street.png: what the houses of the scenario grid-street send through, measured on recordings.

usage: grid_street.py NGPLC       needs gnuplot

White noise passes ngplc channel from each house; left its spectrum against what went in, right its power over the mains
cycle.
"""
import array
import math
import pathlib
import subprocess
import sys
import tempfile

from mains_noise import RATE_HZ, fft

SECONDS = 4
SIZE = 512
SLOTS = 120  # of a half cycle
CYCLE = RATE_HZ / 50
HOUSES = ["house-1", "house-4", "house-7", "house-8"]
GRID = pathlib.Path(__file__).resolve().parents[2] / "testvectors/grids/grid-street.toml"


def spectrum(x):
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / SIZE) for i in range(SIZE)]
    total = [0.0] * (SIZE // 2)
    for at in range(0, len(x) - SIZE, SIZE):
        bins = fft([x[at + i] * window[i] for i in range(SIZE)])
        for k in range(SIZE // 2):
            total[k] += abs(bins[k]) ** 2
    return total


def over_cycle(x):
    power, count = [0.0] * SLOTS, [0] * SLOTS
    for k, v in enumerate(x):
        slot = int(2 * SLOTS * k / CYCLE) % SLOTS
        power[slot] += v * v
        count[slot] += 1
    return [10 * math.log10(p / n) for p, n in zip(power, count)]


def main():
    ngplc = str(pathlib.Path(sys.argv[1]).resolve())
    out = pathlib.Path(__file__).resolve().parent / "grid-street.png"
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        run = lambda *args: subprocess.run(args, cwd=work, check=True, stderr=subprocess.DEVNULL)
        read = lambda name: array.array("f", (work / f"{name}.sigmf-data").read_bytes())
        run(ngplc, "tx", "silence", "--random", "0", "--gap-s", str(SECONDS), "--datatype", "rf32_le")
        run(ngplc, "channel", "silence", "white", "--noise-dbfs", "-20")
        sent = spectrum(read("white"))
        plots = {"psd": [], "cycle": []}
        for house in HOUSES:
            (work / f"{house}.toml").write_text(
                f'[mains]\ndeviation_hz = 0\n[line]\ngrid = "{GRID}"\nnode = "{house}"\n')
            run(ngplc, "channel", "white", house, "--scenario", f"{house}.toml", "--noise-dbfs", "-150", "--seed", "1")
            heard = read(house)
            with open(work / f"{house}.psd", "w") as file:
                for k, power in enumerate(spectrum(heard)):
                    if 35 <= k * RATE_HZ / SIZE / 1000 <= 91:
                        file.write(f"{k * RATE_HZ / SIZE / 1000} {10 * math.log10(power / sent[k])}\n")
            level = over_cycle(heard)
            mean = 10 * math.log10(sum(10 ** (v / 10) for v in level) / SLOTS)
            with open(work / f"{house}.cycle", "w") as file:
                for slot, v in enumerate(level):
                    file.write(f"{180 * (slot + 0.5) / SLOTS} {v - mean}\n")
            for kind, lines in plots.items():
                lines.append(f"'{work}/{house}.{kind}' with lines lw 1.6 title '{house}'")
        subprocess.run(["gnuplot"], text=True, check=True, input="\n".join([
            "set terminal pngcairo size 1000,380 font 'sans,10'", f"set output '{out}'",
            "set multiplot layout 1,2 margins 0.07,0.98,0.14,0.95 spacing 0.09,0", "set grid lc rgb '#dddddd'",
            "set key bottom left", "set xlabel 'frequency / kHz'", "set ylabel '|H|^2 over its mean / dB'",
            "plot " + ", ".join(plots["psd"]), "unset key", "set xlabel 'within half a mains cycle / degrees'",
            "set xrange [0:180]", "set xtics 30", "set ylabel 'power over its mean / dB'",
            "plot " + ", ".join(plots["cycle"])]))


if __name__ == "__main__":
    main()
