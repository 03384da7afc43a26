#!/usr/bin/env python3
"""Every path of the served OpenAPI description is requested on a running hub, and every answer is validated against its schema; promtool reads the
metrics where it is installed. No answer and no file of the hub, a backup among them, holds a key, password or token in clear.

usage: openapi_test.py NGPLC_HUB
"""
import http.client
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jsonschema

EUI = "00000000000000a1"
PASSWORD = "correct horse"
KEY = "00112233445566778899aabbccddeeff"
# Requests by operation, in this order: state follows. (method, path, body, status)
CALLS = [
    ("post", "/api/v1/nodes", f"eui,key,gtin,serial\n{EUI},{KEY},04650067291901,17500142\n", 201),
    ("post", "/api/v1/nodes", "eui\nx\n", 400),
    ("post", "/api/v1/claim", {"code": "(01)04650067291901(21)17500142", "name": "cellar"}, 200),
    ("post", "/api/v1/claim", {"code": "nonsense"}, 400),
    ("post", f"/api/v1/nodes/{EUI}/join", {"minutes": 10}, 200),
    ("put", f"/api/v1/nodes/{EUI}/state", {"state": "suspended"}, 409),
    ("put", f"/api/v1/nodes/{EUI}/state", {"state": "retired"}, 200),
    ("put", f"/api/v1/nodes/{EUI}/tenant", {"tenant": "ann"}, 200),
    ("put", f"/api/v1/nodes/{EUI}/groups/floor%201", None, 200),
    ("put", f"/api/v1/nodes/{EUI}/multipliers", {"multipliers": {"1-0:1.8.0": "40", "1-0:32.7.0": "0.001"}}, 200),
    ("put", f"/api/v1/nodes/{EUI}/multipliers", {"multipliers": {"1-0:1.8.0": "-40"}}, 400),
    ("put", "/api/v1/nodes/00000000000000b2/multipliers", {"multipliers": {}}, 404),
    ("post", f"/api/v1/nodes/{EUI}/exchange", {"obis": "1-0:1.8.0", "end": 5, "start": 0}, 409),
    ("post", f"/api/v1/nodes/{EUI}/commands", {"command": "send_reading 1", "expires_s": 60}, 409),
    ("post", f"/api/v1/nodes/{EUI}/commands", {"command": "fly 1", "expires_s": 60}, 400),
    ("post", "/api/v1/nodes/00000000000000b2/commands", {"command": "send_reading 1", "expires_s": 60}, 404),
    ("post", "/api/v1/sinks/zeromq/replay", {"after": 0}, 200),
    ("post", "/api/v1/sinks/none/replay", {"after": 0}, 404),
    ("post", "/api/v1/users", {"name": "bob", "role": "viewer", "password": "0123456789"}, 201),
    ("post", "/api/v1/users", {"name": "bob", "role": "viewer", "password": "0123456789"}, 409),
    ("put", "/api/v1/users/bob", {"role": "operator"}, 200),
    ("post", "/api/v1/tokens", {"user": "bob", "name": "t", "role": "viewer", "days": 1}, 201),
    ("post", "/api/v1/login", {"user": "chief", "password": PASSWORD}, 200),
    ("post", "/api/v1/login", {"user": "chief", "password": "wrong"}, 401),
    ("post", "/api/v1/logout", None, 200),
    ("put", "/api/v1/me/password", {"old": PASSWORD, "new": "battery staple"}, 200),
    ("get", "/api/v1/frames?limit=1", None, 200), ("get", "/api/v1/frames?limit=0", None, 400),
    ("get", "/api/v1/readings?limit=3&order=desc", None, 200), ("get", "/api/v1/readings", None, 200),
    ("get", "/api/v1/readings.csv", None, 200), ("get", "/api/v1/events", None, 200),
    ("get", "/api/v1/devices", None, 200), ("get", "/api/v1/devices/12345678", None, 404),
    ("get", "/api/v1/devices/2a", None, 200), ("get", "/api/v1/devices/2b/energy_data", None, 200),
    ("get", "/api/v1/devices/2a/energy_data", None, 404), ("get", "/api/v1/devices/x/energy_data", None, 400),
    ("get", "/api/v1/last", None, 200), ("get", "/api/v1/last?obis=1-0:1.8.0", None, 200), ("get", "/api/v1/last?x=1", None, 400),
    ("get", "/api/v1/rollups?device=2a&obis=1-0:1.8.0&level=hour", None, 200), ("get", "/api/v1/rollups?device=2a", None, 400),
    ("get", "/api/v1/commands", None, 200), ("get", "/api/v1/commands?device=zz", None, 400),
    ("get", "/api/v1/nodes", None, 200), ("get", f"/api/v1/nodes/{EUI}", None, 200),
    ("get", "/api/v1/nodes/00000000000000b2", None, 404), ("get", "/api/v1/groups", None, 200),
    ("get", "/api/v1/sinks", None, 200), ("get", "/api/v1/me", None, 200), ("get", "/api/v1/users", None, 200),
    ("get", "/api/v1/tokens", None, 200), ("get", "/api/v1/audit?order=desc", None, 200),
    ("delete", "/api/v1/tokens/2", None, 200), ("delete", "/api/v1/tokens/99", None, 404),
    ("delete", "/api/v1/users/bob", None, 200), ("delete", "/api/v1/users/chief", None, 409),
    ("get", "/api/v1/backup", None, 200), ("get", "/api/v1/openapi.json", None, 200), ("get", "/healthz", None, 200),
    ("get", "/metrics", None, 200), ("get", "/", None, 200), ("get", "/page.css", None, 200), ("get", "/page.js", None, 200),
]


# Rows as the store writes them, so that every list has something to show.
ROWS = """
INSERT INTO runs VALUES(1, 'cellar', -5, 192000, 'system', 1);
INSERT INTO frames(id, run_id, sequence, device, payload_status, profile, direction, received_ns, time_ns, sample_index, payload, snr_db,
  ebn0_db, carrier_offset_hz, clock_offset_ppm, delay_spread_s, residual_db, corrected_bits, list_used, epoch, counter)
  VALUES(1, 1, 7, 42, 0, 'cenelec-a', 0, 1763667000000000000, 1763667000000000000, 9, x'1100', -7.5, 2, 0.1, 12, 0, -20, 3, 1, 2, 70000),
  (2, 1, 8, NULL, 1, 'cenelec-a', 0, 1763667000000000000, 1763667000000000000, 9, x'', -7.5, 2, 0, 12, 0, -20, 3, 1, NULL, NULL);
INSERT INTO registers VALUES(1, '1-0:1.8.0', 'Wh', 0), (2, '1-0:32.7.0', 'V', -1);
INSERT INTO readings(id, frame_id, device, counter, register, mantissa, time_ns, base)
  VALUES(1, 1, 42, 4464, 1, 12, 1763667000000000000, 5), (2, 1, 42, 4464, 2, -2301, 1763667000000000000, 0);
INSERT INTO kept_devices VALUES(42, 1, 2, 4464, 'cellar', 'cenelec-a', -7.5, 2, 12, 1);
INSERT INTO newest_frames VALUES(42, 3, 4464, 0, 0, 0), (43, 3, 4464, 0, 0, 0);
INSERT INTO kept_readings(device, register, mantissa, time_ns, frame_id, base) VALUES(42, 1, 12, 2, 1, 5), (42, 2, -2301, 2, 1, 0);
INSERT INTO kept_devices VALUES(43, 1, 2, 4464, 'cellar', 'cenelec-a', -7.5, 2, 12, 1);
INSERT INTO registers VALUES(3, '1-0:1.7.0', 'W', -1), (4, '1-0:31.7.0', 'A', -2), (5, '1-0:1.8.1', 'Wh', 1), (6, '1-0:1.8.2', 'Wh', 1),
  (7, '1-0:1.8.3', 'Wh', 1), (8, '1-0:1.8.4', 'Wh', 1), (9, '1-0:3.8.0', 'varh', 1);
INSERT INTO kept_readings(device, register, mantissa, time_ns, frame_id, base)
  SELECT 43, id, 1000 + id, 2, 1, 0 FROM registers;
INSERT INTO rollups(device, register, level, start_s, count, low, high, sum, first_ns, first, last_ns, last)
  VALUES(42, 1, 0, 1763600400, 2, 10, 12, 0, 1763600401000000000, 10, 1763603999000000000, 12);
INSERT INTO commands(id, node, opcode, arguments, state, created_ns, not_after_ns) VALUES(1, 1, 3, x'01', 4, 1763667000000000000, 1763667060000000000);
INSERT INTO events VALUES(NULL, 1, 42, NULL, 'reset', 'from 5 to 0');
"""


def resolve(item, api):
    """The item, or what its reference names."""
    if "$ref" not in item:
        return item
    for key in item["$ref"].split("/")[1:]:
        api = api[key]
    return api


def plain(schema, api):
    """An OpenAPI 3.0 schema as JSON Schema: references resolved, `nullable` as a type."""
    if isinstance(schema, list):
        return [plain(item, api) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return plain(resolve(schema, api), api)
    out = {key: plain(value, api) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [out, {"type": "null"}]} if schema.get("nullable") else out


def main():
    hub_program = sys.argv[1]
    failures = []
    secrets = [PASSWORD, KEY]
    with tempfile.TemporaryDirectory() as folder:
        base = [hub_program, "--database", f"{folder}/hub.sqlite"]
        Path(f"{folder}/hub.toml").write_text(
            f'[feed]\nendpoint = "ipc://{folder}/feed"\n[http]\nlisten = "127.0.0.1:0"\n'
            f'[link]\nkey_file = "{folder}/link.key"\n[zeromq]\nendpoint = "ipc://{folder}/out"\n')
        subprocess.run([hub_program, "--linkkey", f"{folder}/link.key"], check=True)
        with open(f"{folder}/log", "w", encoding="ascii") as log:
            hub = subprocess.Popen(base + ["--config", f"{folder}/hub.toml"], stderr=log)
        try:
            port = None
            for _ in range(400):
                found = re.search(r"ready: .*http port (\d+)", Path(f"{folder}/log").read_text(encoding="ascii"))
                if found:
                    port = int(found.group(1))
                    break
                time.sleep(0.05)
            assert port, "the hub did not start"
            subprocess.run(base + ["user", "add", "chief", "admin"], input=PASSWORD.encode(), check=True)
            token = subprocess.run(base + ["token", "add", "chief", "test", "admin", "0"], check=True,
                                   capture_output=True, text=True).stdout.strip()
            secrets.append(token)

            def ask(method, path, body):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                data = body if isinstance(body, (str, type(None))) else json.dumps(body)
                connection.request(method.upper(), path, data, {"Authorization": f"Bearer {token}"})
                return connection.getresponse()

            api = json.loads(ask("get", "/api/v1/openapi.json", None).read())
            with sqlite3.connect(f"{folder}/hub.sqlite", timeout=10) as database:
                database.executescript(ROWS)
            database.close()
            asked = set()
            for method, path, body, expected in CALLS:
                bare = path.split("?")[0]
                name = next((p for p in sorted(api["paths"], key=lambda p: p.count("{"))
                             if method in api["paths"][p]
                             and re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", p), bare)), None)
                where = f"{method} {path}"
                if name is None:
                    failures.append(f"{where}: not described")
                    continue
                asked.add((method, name))
                answer = ask(method, path, body)
                text = answer.read()
                described = api["paths"][name][method]["responses"].get(str(answer.status))
                described = described and resolve(described, api)
                if answer.status != expected or described is None:
                    failures.append(f"{where}: {answer.status}, expected {expected}: {text[:200]!r}")
                    continue
                content_type = answer.getheader("Content-Type")
                if content_type not in described["content"]:
                    failures.append(f"{where}: Content-Type {content_type} not described")
                elif content_type == "application/json":
                    schema = plain(described["content"][content_type]["schema"], api)
                    try:
                        rows = json.loads(text)
                        jsonschema.validate(rows, schema)
                        if method == "get" and [] in rows.values():
                            failures.append(f"{where}: an empty list proves nothing")
                    except jsonschema.ValidationError as error:
                        failures.append(f"{where}: {error.message}")
                if method == "get" and answer.status == 200:
                    failures += [f"{where}: shows a secret" for secret in secrets if secret.encode() in text]
                if name == "/metrics" and shutil.which("promtool"):
                    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
                    if checked.returncode != 0:
                        failures.append(f"promtool: {checked.stderr.decode()}")
                if name == "/api/v1/backup":
                    Path(f"{folder}/copy").write_bytes(text)
            # The stream does not end: its first bytes.
            answer = ask("get", "/api/v1/stream", None)
            if answer.getheader("Content-Type") != "text/event-stream" or answer.read(1) != b":":
                failures.append("stream: not what is described")
            asked.add(("get", "/api/v1/stream"))
            for path, operations in api["paths"].items():
                failures += [f"{m} {path}: described and not requested" for m in operations if (m, path) not in asked]
                # Without a token: only what is open to all answers.
                for method, operation in operations.items():
                    if operation["x-role"] != "none":
                        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                        connection.request(method.upper(), path.replace("{", "").replace("}", ""))
                        if connection.getresponse().status != 401:
                            failures.append(f"{method} {path}: answers nobody knows whom")
            hub.send_signal(15)
            assert hub.wait(20) == 0, "the hub did not end well"
        finally:
            hub.kill()
        # Keys and passwords in clear: in no file of the hub, the backup among them.
        sealed_with = Path(f"{folder}/link.key").read_text(encoding="ascii").strip()
        if b"chief" not in Path(f"{folder}/copy").read_bytes():
            failures.append("copy: the search finds nothing, not even a name")
        for file in Path(folder).iterdir():
            if not file.is_file() or file.name == "link.key":
                continue
            data = file.read_bytes()
            for secret in secrets + [sealed_with]:
                forms = [secret.encode()]
                if re.fullmatch("[0-9a-f]+", secret):
                    forms.append(bytes.fromhex(secret))
                failures += [f"{file.name}: holds a secret in clear" for form in forms if form in data]
    for failure in failures:
        print(failure)
    print(f"{len(CALLS)} requests, {len(asked)} operations, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
