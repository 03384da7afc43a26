// The database schema as a row of steps: step N leads from version N to N + 1.
#pragma once

#include <array>

namespace ngplc::hub {

/// Marks the file as ours (PRAGMA application_id): "nPLC".
inline constexpr int kApplicationId = 0x6E504C43;

/// A released step is never edited; a change is a new step.
inline constexpr std::array<const char*, 7> kMigrations = {R"sql(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY,
  receiver TEXT NOT NULL,
  run INTEGER NOT NULL,              -- 64 random bits, as a signed number
  sample_rate_hz REAL NOT NULL,
  time_source TEXT NOT NULL,
  first_seen_ns INTEGER NOT NULL,
  UNIQUE(receiver, run));
CREATE TABLE frames(
  id INTEGER PRIMARY KEY,            -- rises with the commits: the cursor of the API
  run_id INTEGER NOT NULL REFERENCES runs(id),
  sequence INTEGER NOT NULL,
  device INTEGER,                    -- NULL when the payload is not a reading
  payload_status INTEGER NOT NULL,   -- 0: a reading
  profile TEXT NOT NULL,
  direction INTEGER NOT NULL,        -- 0 up, 1 down
  received_ns INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  sample_index INTEGER NOT NULL,
  payload BLOB NOT NULL,
  snr_db REAL NOT NULL, ebn0_db REAL NOT NULL, carrier_offset_hz REAL NOT NULL, clock_offset_ppm REAL NOT NULL,
  delay_spread_s REAL NOT NULL, residual_db REAL NOT NULL, corrected_bits INTEGER NOT NULL, list_used INTEGER NOT NULL);
CREATE UNIQUE INDEX frames_once ON frames(run_id, sequence);
CREATE INDEX frames_device ON frames(device) WHERE device IS NOT NULL;
CREATE TABLE registers(
  id INTEGER PRIMARY KEY,
  obis TEXT NOT NULL, unit TEXT NOT NULL, exponent INTEGER NOT NULL,
  UNIQUE(obis, unit, exponent));
CREATE TABLE readings(
  id INTEGER PRIMARY KEY,
  frame_id INTEGER NOT NULL REFERENCES frames(id),
  device INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  register INTEGER NOT NULL REFERENCES registers(id),
  mantissa INTEGER NOT NULL,         -- value = mantissa * 10^exponent of the register, exact
  time_ns INTEGER NOT NULL);
CREATE INDEX readings_device ON readings(device);
CREATE TABLE devices(
  address INTEGER PRIMARY KEY,
  first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
  frames INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  receiver TEXT NOT NULL, profile TEXT NOT NULL,
  snr_db REAL NOT NULL, ebn0_db REAL NOT NULL, clock_offset_ppm REAL NOT NULL);
CREATE TABLE last_readings(
  device INTEGER NOT NULL,
  register INTEGER NOT NULL REFERENCES registers(id),
  mantissa INTEGER NOT NULL, time_ns INTEGER NOT NULL, frame_id INTEGER NOT NULL,
  PRIMARY KEY(device, register)) WITHOUT ROWID;
)sql",
                                                           R"sql(
ALTER TABLE frames ADD COLUMN part INTEGER NOT NULL DEFAULT 0;     -- 1.. : frames carried inside a relay frame
ALTER TABLE frames ADD COLUMN epoch INTEGER;                       -- of the link session; NULL: in the clear
ALTER TABLE frames ADD COLUMN counter INTEGER;                     -- all 32 bits
ALTER TABLE frames ADD COLUMN late INTEGER NOT NULL DEFAULT 0;     -- 1: came after a newer one of its device
ALTER TABLE frames ADD COLUMN copies INTEGER NOT NULL DEFAULT 1;   -- heard so often, by any receiver
ALTER TABLE frames ADD COLUMN best_snr_db REAL;                    -- of all copies; NULL: of this one
DROP INDEX frames_once;
CREATE UNIQUE INDEX frames_once ON frames(run_id, sequence, part);
DROP INDEX frames_device;
CREATE UNIQUE INDEX frames_device ON frames(device, epoch, counter) WHERE device IS NOT NULL;
-- base + mantissa never falls: base takes in rollovers, resets and exchanges.
ALTER TABLE readings ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE last_readings ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
-- rank: the order in which a device sent; time_ns in the clear, 2^62 + epoch * 2^31 + counter when sealed.
ALTER TABLE last_readings ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE last_readings ADD COLUMN base_before INTEGER NOT NULL DEFAULT 0;  -- of readings older than base_rank
ALTER TABLE last_readings ADD COLUMN base_rank INTEGER NOT NULL DEFAULT 0;
UPDATE last_readings SET rank = time_ns;
ALTER TABLE devices ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
UPDATE devices SET rank = last_seen_ns;
CREATE TABLE tenants(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE groups(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE nodes(
  id INTEGER PRIMARY KEY,
  eui INTEGER NOT NULL UNIQUE,       -- 64 bits, as a signed number
  address INTEGER UNIQUE,            -- NULL until the first join
  gtin TEXT, serial TEXT, model TEXT NOT NULL, name TEXT NOT NULL DEFAULT '',
  time_zone TEXT NOT NULL, verify_by TEXT NOT NULL,
  tenant INTEGER REFERENCES tenants(id),
  state INTEGER NOT NULL,            -- 0 created, 1 claimed, 2 joining, 3 active, 4 suspended, 5 retired
  join_until_ns INTEGER NOT NULL DEFAULT 0,
  next_epoch INTEGER NOT NULL DEFAULT 1,
  sealed_key BLOB NOT NULL,
  UNIQUE(gtin, serial));
CREATE TABLE members(
  group_id INTEGER NOT NULL REFERENCES groups(id), node INTEGER NOT NULL REFERENCES nodes(id),
  PRIMARY KEY(group_id, node)) WITHOUT ROWID;
CREATE TABLE sessions(
  node INTEGER NOT NULL REFERENCES nodes(id), epoch INTEGER NOT NULL,
  join_nonce INTEGER NOT NULL, net_nonce INTEGER NOT NULL,
  next_counter INTEGER NOT NULL,     -- one more than the newest taken
  PRIMARY KEY(node, epoch)) WITHOUT ROWID;
CREATE TABLE holes(                  -- counters below next_counter that were not heard
  node INTEGER NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY(node, epoch, first)) WITHOUT ROWID;
CREATE TABLE joins(                  -- every join nonce a device ever used, with the answer
  node INTEGER NOT NULL, join_nonce INTEGER NOT NULL, epoch INTEGER NOT NULL, accept BLOB NOT NULL,
  PRIMARY KEY(node, join_nonce)) WITHOUT ROWID;
CREATE TABLE events(
  id INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,
  device INTEGER,                    -- address
  node INTEGER,                      -- of the registry
  kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE sinks(
  name TEXT PRIMARY KEY,
  cursor INTEGER NOT NULL,           -- readings.id of the last value delivered
  lost INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                                           R"sql(
CREATE TABLE commands(
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- its low 16 bits are on air
  node INTEGER NOT NULL REFERENCES nodes(id),
  opcode INTEGER NOT NULL,
  arguments BLOB NOT NULL,           -- without the key of a group
  state INTEGER NOT NULL,            -- 0 queued, 1 sent, 2 acknowledged, 3 rejected, 4 expired
  created_ns INTEGER NOT NULL, not_after_ns INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  next_ns INTEGER NOT NULL DEFAULT 0,  -- the next try not before
  result INTEGER, detail INTEGER,    -- of the answer
  request TEXT UNIQUE);              -- the asker's name for it: asked twice it is one command
CREATE INDEX commands_node ON commands(node);
CREATE INDEX commands_open ON commands(state) WHERE state < 2;
ALTER TABLE sessions ADD COLUMN next_down INTEGER NOT NULL DEFAULT 0;  -- counter of the next frame down
ALTER TABLE groups ADD COLUMN sealed_key BLOB;                         -- NULL: the group takes no frames
ALTER TABLE groups ADD COLUMN next_counter INTEGER NOT NULL DEFAULT 0;
CREATE TABLE rollups(
  device INTEGER NOT NULL,
  register INTEGER NOT NULL REFERENCES registers(id),
  level INTEGER NOT NULL,            -- 0 hour, 1 day, 2 month, in the time zone of the device
  start_s INTEGER NOT NULL,          -- Unix time
  count INTEGER NOT NULL,
  low INTEGER NOT NULL, high INTEGER NOT NULL, sum INTEGER NOT NULL,  -- cumulative: of totals, sum 0
  first_ns INTEGER NOT NULL, first INTEGER NOT NULL, last_ns INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY(device, register, level, start_s)) WITHOUT ROWID;
)sql",
                                                           R"sql(
-- What is written together lies together: a transaction writes whole pages, so an index by device alone, with
-- a page for each device, would cost a page a frame. Blocks of 1024 ids, as kBlockBits says.
DROP INDEX readings_device;
CREATE INDEX readings_device ON readings(id >> 10, device);
-- That a counter of a device is stored once is the gate's doing: its counters are in the same transactions.
DROP INDEX frames_device;
CREATE INDEX frames_device ON frames(id >> 10, device, counter) WHERE device IS NOT NULL;
ALTER TABLE rollups RENAME TO old_rollups;
CREATE TABLE rollups(
  level INTEGER NOT NULL,            -- 0 hour, 1 day, 2 month, in the time zone of the device
  start_s INTEGER NOT NULL,          -- Unix time
  device INTEGER NOT NULL,
  register INTEGER NOT NULL REFERENCES registers(id),
  count INTEGER NOT NULL,
  low INTEGER NOT NULL, high INTEGER NOT NULL, sum INTEGER NOT NULL,  -- cumulative: of totals, sum 0
  first_ns INTEGER NOT NULL, first INTEGER NOT NULL, last_ns INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY(level, start_s, device, register)) WITHOUT ROWID;
INSERT INTO rollups SELECT level, start_s, device, register, count, low, high, sum, first_ns, first, last_ns, last
  FROM old_rollups;
DROP TABLE old_rollups;
)sql",
                                                           R"sql(
ALTER TABLE sinks ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;  -- values that the other side does not take
)sql",
                                                           R"sql(
ALTER TABLE nodes ADD COLUMN multipliers TEXT NOT NULL DEFAULT '';  -- "OBIS=FACTOR OBIS=FACTOR ..."
)sql",
                                                           R"sql(
-- Newest values lie in the newest frame of a device: a commit writes a few bytes for each device it heard instead
-- of a row for each of its registers. kept_* say what a newest frame does not, or no longer, say.
ALTER TABLE devices RENAME TO kept_devices;
ALTER TABLE last_readings RENAME TO kept_readings;
CREATE TABLE newest_frames(
  device INTEGER PRIMARY KEY,        -- address
  frames INTEGER NOT NULL,           -- of the device, stored so far
  counter INTEGER NOT NULL,
  frame_id INTEGER NOT NULL,         -- 0: none, kept_devices and kept_readings say all
  reading_id INTEGER NOT NULL,       -- its first reading; the others follow
  readings INTEGER NOT NULL);
INSERT INTO newest_frames SELECT address, frames, counter, 0, 0, 0 FROM kept_devices;
ALTER TABLE kept_devices DROP COLUMN frames;
CREATE VIEW devices AS SELECT k.address, k.first_seen_ns, coalesce(f.time_ns, k.last_seen_ns) AS last_seen_ns, n.frames,
    iif(f.id IS NULL, k.counter, n.counter) AS counter, coalesce(r.receiver, k.receiver) AS receiver,
    coalesce(f.profile, k.profile) AS profile, coalesce(f.snr_db, k.snr_db) AS snr_db,
    coalesce(f.ebn0_db, k.ebn0_db) AS ebn0_db, coalesce(f.clock_offset_ppm, k.clock_offset_ppm) AS clock_offset_ppm,
    iif(f.id IS NULL, k.rank, iif(f.epoch IS NULL, f.time_ns, (1 << 62) + (f.epoch << 31) + f.counter)) AS rank,
    n.frame_id, n.reading_id, n.readings
  FROM kept_devices k JOIN newest_frames n ON n.device = k.address
    LEFT JOIN frames f ON f.id = n.frame_id LEFT JOIN runs r ON r.id = f.run_id;
-- kept_readings has a row for every register that a device ever sent. A row that names the newest frame stands
-- for its reading: the register fell, or the meter was exchanged.
CREATE VIEW last_readings AS SELECT k.device, k.register, coalesce(v.mantissa, k.mantissa) AS mantissa,
    coalesce(v.time_ns, k.time_ns) AS time_ns, coalesce(v.frame_id, k.frame_id) AS frame_id,
    coalesce(v.base, k.base) AS base, iif(v.id IS NULL, k.rank, d.rank) AS rank, k.base_before, k.base_rank
  FROM kept_readings k JOIN devices d ON d.address = k.device LEFT JOIN readings v ON v.id >= d.reading_id
    AND v.id < d.reading_id + d.readings AND +v.register = k.register AND v.frame_id <> k.frame_id;
-- What is deleted is kept.
CREATE TRIGGER keep_reading BEFORE DELETE ON readings
  WHEN OLD.frame_id = (SELECT frame_id FROM newest_frames WHERE device = OLD.device) BEGIN
    UPDATE kept_readings SET mantissa = OLD.mantissa, time_ns = OLD.time_ns, frame_id = OLD.frame_id, base = OLD.base,
        rank = (SELECT rank FROM devices WHERE address = OLD.device)
      WHERE device = OLD.device AND register = OLD.register AND frame_id <> OLD.frame_id;
  END;
CREATE TRIGGER keep_device BEFORE DELETE ON frames
  WHEN OLD.id = (SELECT frame_id FROM newest_frames WHERE device = OLD.device) BEGIN
    UPDATE kept_devices SET (last_seen_ns, counter, receiver, profile, snr_db, ebn0_db, clock_offset_ppm, rank) =
        (SELECT last_seen_ns, counter, receiver, profile, snr_db, ebn0_db, clock_offset_ppm, rank FROM devices
          WHERE address = OLD.device)
      WHERE address = OLD.device;
    UPDATE newest_frames SET frame_id = 0, reading_id = 0, readings = 0 WHERE device = OLD.device;
  END;
)sql"};

/// Ids are indexed by device in blocks of 2^10: see the fourth step.
inline constexpr int kBlockBits = 10;

}  // namespace ngplc::hub
