#!/usr/bin/python3
"""Reads every #include and checks it against the layer table of docs/architecture.md.

usage: layers.py [ROOT]        exit code 0 clean, 1 findings (one line each), 2 nothing to check
       layers.py --self-test   builds a tree with one breach of every rule and expects exactly those findings
"""
import pathlib
import re
import sys
import tempfile

# Which rooms a room may include. `base` carries the types that every room of ngdsp speaks in.
ROOMS = {
    "base": set(),
    "waveform": {"base"},
    "fec": {"base"},
    "tx": {"base", "waveform", "fec"},
    "channel": {"base", "waveform", "tx"},
    "rx": {"base", "waveform", "fec", "tx"},
    "io": {"base"},
    "eval": {"base", "waveform", "fec", "tx", "channel", "rx", "io"},
    "wire": set(),
    "link": set(),
}
LIBRARY = {room: "ngwire" if room in ("wire", "link") else "ngdsp" for room in ROOMS}

# Libraries, recognised by how an include begins.
OUTSIDE = {
    "volk": r"volk/", "fftw": r"fftw3", "liquid": r"liquid/", "json": r"nlohmann/", "toml": r"toml\+\+/|toml\.hpp",
    "openssl": r"openssl/", "sodium": r"sodium", "zmq": r"zmq", "sockets": r"sys/socket\.h|netinet/|arpa/|netdb\.h",
    "gnuradio": r"gnuradio/|pmt/", "uhd": r"uhd", "sound": r"alsa/", "boost": r"boost/", "spdlog": r"spdlog/",
    "fmt": r"fmt/", "sqlite": r"sqlite3|SQLiteCpp/", "http": r"httplib", "mqtt": r"mqtt/", "metrics": r"prometheus/",
    "modbus": r"modbus", "serial": r"libserialport", "systemd": r"systemd/", "postgres": r"libpq|postgresql/",
    "nats": r"nats", "eigen": r"Eigen/", "gtest": r"gtest/|gmock/", "benchmark": r"benchmark/",
}
# What a room may use of them: in its sources, and in its public headers.
SOURCES_USE = {
    "base": {"volk", "fftw"}, "waveform": {"volk", "toml"}, "fec": {"volk"}, "tx": {"volk"},
    "channel": {"volk", "toml", "eigen"}, "rx": {"volk"}, "io": {"volk", "openssl", "json"}, "eval": {"volk", "boost"},
    "wire": {"json"}, "link": {"openssl"},
}
SOURCES_USE = {room: used | ({"liquid"} if LIBRARY[room] == "ngdsp" else set()) for room, used in SOURCES_USE.items()}
HEADERS_USE = {room: {"json"} if room == "wire" else set() for room in ROOMS}
# What the programs never use: everything not named here is theirs to choose.
NEVER = {
    "hub": {"ngdsp", "gnuradio", "uhd", "sound", "volk", "fftw", "liquid"},
    "apps": {"gnuradio"},
    "gr-ngplc": {"uhd", "sound", "sqlite", "http"},
}
# Devices are a layer of their own inside the program: only they use drivers, and of the modem they know samples alone.
DEVICE = "apps/device"
DEVICE_ROOMS = {"base", "io"}
DRIVERS = {"uhd", "sound"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".hpp", ".cc", ".cpp", ".cxx", ".c"}


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def outside_of(name):
    for library, pattern in OUTSIDE.items():
        if re.match(pattern, name):
            return library
    return None


def room_of(name, quoted):
    """The room an include reaches into: "ngdsp/rx/..." and, private, "rx/..."."""
    parts = name.split("/")
    if parts[0] in ("ngdsp", "ngwire"):
        return parts[1] if len(parts) > 2 else None, parts[0]
    if quoted and len(parts) > 1 and parts[0] in ROOMS:
        return parts[0], LIBRARY[parts[0]]
    return None, None


def check_library_file(room, name, quoted, public):
    target, library = room_of(name, quoted)
    if library is not None:
        if target not in ROOMS or LIBRARY[target] != library:
            return f"{name} is in no room of {library}"
        if target != room and target not in ROOMS[room]:
            allowed = ", ".join(sorted(ROOMS[room])) or "no other room"
            return f"room {room} includes room {target}; it may include {allowed}"
        if public and not name.startswith(library + "/"):
            return f"public header includes the private {name}"
        return None
    outside = outside_of(name)
    if outside is not None and outside not in (HEADERS_USE if public else SOURCES_USE)[room]:
        return f"{'public header' if public else 'room'} of {room} includes {name} ({outside})"
    return None


def check_program_file(folder, name, quoted, device):
    target, library = room_of(name, False)
    if device and (library == "ngwire" or (library == "ngdsp" and target not in DEVICE_ROOMS)):
        return f"{DEVICE} includes {name}; it may include rooms {', '.join(sorted(DEVICE_ROOMS))}"
    if folder == "apps" and not device and outside_of(name) in DRIVERS:
        return f"{folder} includes {name}: drivers are for {DEVICE}"
    if library in NEVER[folder]:
        return f"{folder} includes {name}: {folder} never uses {library}"
    outside = outside_of(name)
    if outside in NEVER[folder]:
        return f"{folder} includes {name}: {folder} never uses {outside}"
    if quoted and (name.startswith("../") or "/../" in name):
        return f"{name} leaves its folder"
    if quoted and LIBRARY.get(name.split("/")[0]) and name.count("/") == 1 and folder != "gr-ngplc":
        return f"{name} looks like a private header of a room"
    return None


def files_under(folder):
    if folder.is_dir():
        yield from (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES)


def findings(root):
    """Yields (path, line, text); line 0 is for the file as a whole. Counts files in findings.seen."""
    findings.seen = 0
    trees = [(root / "lib/include/ngdsp", True), (root / "lib/include/ngwire", True), (root / "lib/src", False)]
    for tree, public in trees:
        for path in files_under(tree):
            findings.seen += 1
            room = path.relative_to(tree).parts[0]
            shown = path.relative_to(root)
            if room not in ROOMS or (public and LIBRARY[room] != tree.name):
                yield shown, 0, "is in no room of the layer table"
                continue
            for number, name, quoted in includes(path):
                text = check_library_file(room, name, quoted, public)
                if text:
                    yield shown, number, text
    for folder in NEVER:
        for path in files_under(root / folder):
            findings.seen += 1
            for number, name, quoted in includes(path):
                text = check_program_file(folder, name, quoted, path.is_relative_to(root / DEVICE))
                if text:
                    yield path.relative_to(root), number, text


# --- self-test: (file, its include, what the finding must say; None for clean) ---
CASES = [
    ("lib/src/rx/a.cc", '"ngdsp/tx/x.h"', None),
    ("lib/src/rx/b.cc", '"rx/private.h"', None),
    ("lib/src/rx/c.cc", '<volk/volk.h>', None),
    ("lib/src/base/fft.cc", '<fftw3.h>', None),
    ("lib/src/io/a.cc", '<nlohmann/json.hpp>', None),
    ("lib/src/link/a.cc", '<openssl/evp.h>', None),
    ("lib/src/channel/b.cc", '<Eigen/Dense>', None),
    ("lib/src/eval/a.cc", '<boost/math/distributions/binomial.hpp>', None),
    ("lib/include/ngwire/wire/a.h", '<nlohmann/json_fwd.hpp>', None),
    ("lib/include/ngdsp/eval/a.h", '"ngdsp/channel/x.h"', None),
    ("hub/src/a.cc", '"ngwire/wire/frame_record.h"', None),
    ("hub/src/b.cc", '<zmq.hpp>', None),
    ("apps/device/a.cc", '<uhd/usrp/multi_usrp.hpp>', None),
    ("apps/device/b.cc", '"ngdsp/io/sigmf_reader.h"', None),
    ("gr-ngplc/lib/a.cc", '<gnuradio/sync_block.h>', None),
    ("gr-ngplc/lib/b.cc", '"ngdsp/rx/receiver.h"', None),
    ("lib/src/waveform/a.cc", '"ngdsp/rx/x.h"', "room waveform includes room rx"),
    ("lib/src/fec/a.cc", '"waveform/private.h"', "room fec includes room waveform"),
    ("lib/include/ngdsp/io/a.h", '"ngdsp/waveform/profile.h"', "room io includes room waveform"),
    ("lib/src/channel/a.cc", '"ngdsp/fec/crc.h"', "room channel includes room fec"),
    ("lib/src/rx/d.cc", '"ngdsp/channel/awgn.h"', "room rx includes room channel"),
    ("lib/src/wire/a.cc", '"ngwire/link/frame.h"', "room wire includes room link"),
    ("lib/src/wire/b.cc", '"ngdsp/base/types.h"', "room wire includes room base"),
    ("lib/src/wire/c.cc", '<openssl/evp.h>', "room of wire includes openssl/evp.h"),
    ("lib/src/link/b.cc", '<nlohmann/json.hpp>', "room of link includes nlohmann/json.hpp"),
    ("lib/src/base/b.cc", '"ngwire/wire/x.h"', "room base includes room wire"),
    ("lib/src/rx/e.cc", '<fftw3.h>', "room of rx includes fftw3.h"),
    ("lib/src/tx/a.cc", '<zmq.h>', "(zmq)"),
    ("lib/src/tx/b.cc", '<boost/math/distributions/binomial.hpp>', "(boost)"),
    ("lib/src/wire/d.cc", '<sys/socket.h>', "(sockets)"),
    ("lib/src/rx/h.cc", '<Eigen/Dense>', "(eigen)"),
    ("lib/src/rx/f.cc", '<gnuradio/block.h>', "(gnuradio)"),
    ("lib/src/io/b.cc", '<uhd/version.hpp>', "(uhd)"),
    ("lib/include/ngdsp/base/a.h", '<volk/volk.h>', "public header of base includes volk/volk.h"),
    ("lib/include/ngdsp/base/b.h", '<fftw3.h>', "public header of base includes fftw3.h"),
    ("lib/include/ngdsp/rx/c.h", '  <liquid/liquid.h>', "public header of rx includes liquid/liquid.h"),
    ("lib/include/ngdsp/io/d.h", '<nlohmann/json.hpp>', "public header of io includes nlohmann/json.hpp"),
    ("lib/include/ngdsp/rx/e.h", '"rx/private.h"', "public header includes the private"),
    ("lib/include/ngdsp/radio/a.h", '<vector>', "is in no room"),
    ("lib/include/ngdsp/rx/g.h", '"ngdsp/wire/a.h"', "is in no room of ngdsp"),
    ("hub/src/c.cc", '"ngdsp/base/types.h"', "hub never uses ngdsp"),
    ("hub/src/d.cc", '<volk/volk.h>', "hub never uses volk"),
    ("hub/src/e.cc", '<fftw3.h>', "hub never uses fftw"),
    ("hub/src/f.cc", '<gnuradio/block.h>', "hub never uses gnuradio"),
    ("hub/src/g.cc", '<uhd/version.hpp>', "hub never uses uhd"),
    ("hub/src/h.cc", '"../../apps/options.h"', "leaves its folder"),
    ("apps/b.cc", '<gnuradio/block.h>', "apps never uses gnuradio"),
    ("apps/c.cc", '"io/sha512.h"', "looks like a private header"),
    ("apps/d.cc", '<alsa/asoundlib.h>', "drivers are for apps/device"),
    ("apps/device/c.cc", '"ngdsp/rx/receiver.h"', "it may include rooms base, io"),
    ("apps/device/d.cc", '"ngwire/wire/frame_record.h"', "it may include rooms base, io"),
]


def self_test():
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, include, _ in CASES:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"// #include <fftw3.h> in a comment is no include\n#include {include}\n")
        found = {}
        for path, number, text in findings(root):
            found.setdefault(str(path), []).append(text)
        for name, include, expected in CASES:
            texts = found.get(name, [])
            if len(texts) != (expected is not None) or (expected and expected not in texts[0]):
                print(f"self-test: {name} with {include}: expected {expected}, found {texts}")
                wrong += 1
    print(f"self-test: {len(CASES)} cases, {wrong} wrong")
    return 1 if wrong else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    count = 0
    for path, number, text in findings(root):
        print(f"{path}:{number}: {text}")
        count += 1
    print(f"layers: {findings.seen} files, {count} findings")
    return 2 if findings.seen == 0 else 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
