// The database schema as a row of steps: step N leads from version N to N + 1.
#pragma once

#include <array>

namespace ngplc::hub {

/// Marks the file as ours (PRAGMA application_id): "nPLC".
inline constexpr int kApplicationId = 0x6E504C43;

/// A released step is never edited; a change is a new step.
inline constexpr std::array<const char*, 1> kMigrations = {R"sql(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY,
  receiver TEXT NOT NULL,
  run INTEGER NOT NULL,              -- 64 random bits, as a signed number
  sample_rate_hz REAL NOT NULL,
  time_source TEXT NOT NULL,
  first_seen_ns INTEGER NOT NULL,
  UNIQUE(receiver, run));
CREATE TABLE frames(
  id INTEGER PRIMARY KEY,            -- rises with the commits: the cursor of the API and of the sinks
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
)sql"};

}  // namespace ngplc::hub
