#!/usr/bin/python3
"""Draws mains-noise.png: what single impairments look like, from recordings that ngplc made of them.

usage: mains_noise.py NGPLC       needs gnuplot
"""
import array
import cmath
import math
import pathlib
import subprocess
import sys
import tempfile

RATE_HZ = 192000
LEVEL_DB = -60  # background, dB of full scale: 60 dB of room for what stands out of it
ROWS = [  # scenario, title
    ("katayama", "breathing with the mains"),
    ("bursts-10pct-20db-jittered", "bursts twice a cycle, jittered"),
    ("impulses-10ms-30db", "impulses at random times"),
    ("ringing", "ringing supply"),
    ("keyed-carrier", "keyed data carrier"),
    ("lamp-comb", "lamp ballast, swept twice a cycle"),
    ("pwm-comb", "charger, harmonics of 10 kHz"),
    ("slope-20db", "sloping background"),
]


def fft(x):
    if len(x) == 1:
        return x
    even, odd = fft(x[::2]), fft(x[1::2])
    half = len(x) // 2
    turned = [cmath.exp(-2j * math.pi * k / len(x)) * odd[k] for k in range(half)]
    return [even[k] + turned[k] for k in range(half)] + [even[k] - turned[k] for k in range(half)]


def spectrum(x, size=1024, windows=120):
    """Density over that of the background, dB, at bins 0 ... size/2."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / size) for i in range(size)]
    power = sum(w * w for w in window)
    total = [0.0] * (size // 2)
    step = (len(x) - size) // windows
    for at in range(0, step * windows, step):
        bins = fft([x[at + i] * window[i] for i in range(size)])
        for k in range(size // 2):
            total[k] += abs(bins[k]) ** 2
    scale = power * windows * 10 ** (LEVEL_DB / 10)
    return [10 * math.log10(t / scale) for t in total]


def main():
    ngplc = str(pathlib.Path(sys.argv[1]).resolve())
    out = pathlib.Path(__file__).resolve().parent / "mains-noise.png"
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        run = lambda *args: subprocess.run(args, cwd=work, check=True, stderr=subprocess.DEVNULL)
        run(ngplc, "tx", "silence", "--random", "0", "--gap-s", "2", "--datatype", "rf32_le")
        plot = [
            f"set terminal pngcairo size 1100,{150 * len(ROWS) + 40} font 'sans,9'", f"set output '{out}'",
            f"set multiplot layout {len(ROWS)},2 margins 0.07,0.98,0.05,0.97 spacing 0.07,0.035", "unset key",
            "set grid lc rgb '#dddddd'", "set tics scale 0.3",
        ]
        for row, (name, title) in enumerate(ROWS):
            run(ngplc, "channel", "silence", name, "--scenario", name, "--noise-dbfs", str(LEVEL_DB), "--seed", "2")
            x = array.array("f", (work / f"{name}.sigmf-data").read_bytes())
            first = RATE_HZ // 2
            unit = 10 ** (LEVEL_DB / 20)
            with open(work / f"{name}.time", "w") as file:
                for k in range(int(0.04 * RATE_HZ)):
                    file.write(f"{1e3 * k / RATE_HZ} {x[first + k] / unit}\n")
            with open(work / f"{name}.psd", "w") as file:
                for k, db in enumerate(spectrum(x)):
                    if k > 0:
                        file.write(f"{k * RATE_HZ / 1024 / 1000} {db}\n")
            last = row == len(ROWS) - 1
            plot += [
                f"set label 1 '{title}' at graph 0.01,0.92 font 'sans,10' front",
                f"set xlabel '{'time / ms (two cycles of 50 Hz)' if last else ''}'", "set xrange [0:40]",
                f"set ylabel 'x / sigma'", "set autoscale y",
                f"plot '{work}/{name}.time' with lines lc rgb '#1f5fa8' lw 0.6",
                "unset label 1",
                f"set xlabel '{'frequency / kHz' if last else ''}'", "set xrange [0:96]", "set ylabel 'dB over N0'",
                "set yrange [-20:50]", "set ytics 20",
                "set object 1 rect from 39,graph 0 to 87,graph 1 fc rgb '#f4f0dd' fs solid noborder behind",
                f"plot '{work}/{name}.psd' with lines lc rgb '#a83a1f'", "unset object 1", "set ytics autofreq",
            ]
        subprocess.run(["gnuplot"], input="\n".join(plot), text=True, check=True)


if __name__ == "__main__":
    main()
