// The store: one SQLite file that holds frames, readings and devices.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "ngwire/link/reading_codec.h"
#include "ngwire/wire/frame_record.h"
#include "ngwire/wire/result.h"

namespace ngplc::hub {

/// One record with what the hub made of it.
struct FrameRow {
  ngwire::FrameRecord record;
  std::int64_t received_ns = 0;  ///< Unix time at the hub
  std::int64_t time_ns = 0;      ///< capture time of the frame, or received_ns when that is unknown
  ngwire::ReadingError payload_status = ngwire::ReadingError::none;
  std::optional<ngwire::Reading> reading;
};

/// What became of a batch. When `error` is not empty nothing of the batch was stored.
struct CommitOutcome {
  std::string error;
  std::string reason;      ///< of the error: "full", "io", "busy", "readonly", "corrupt" or "other"
  std::size_t stored = 0;  ///< new frames
  std::size_t duplicates = 0;
  std::size_t readings = 0;
};

/// The only writer. Not thread-safe: owned by the ingest thread. Holds a lock beside the file, so that a
/// second hub is refused.
class Store {
 public:
  /// Opens, creates or migrates. Fails with one line: unreadable, not a database, another program's, of a
  /// newer version, in use.
  static ngwire::Result<std::unique_ptr<Store>> open(const DatabaseConfig& config);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// One durable transaction for the whole batch: frames (each (receiver, run, sequence) once), readings,
  /// devices.
  CommitOutcome commit(const std::vector<FrameRow>& batch);

  /// Folds the write-ahead log into the file. Called at the end.
  void checkpoint();

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct Page {
  std::int64_t limit = 100;   ///< 1..1000
  std::int64_t cursor = -1;   ///< ids after it (before it when newest first); -1: from the beginning (end)
  std::int64_t since_ns = 0;  ///< only captures at this Unix time or later
  std::optional<std::uint32_t> device;
  bool newest_first = false;
};

struct StoredFrame {
  std::int64_t id = 0;
  FrameRow row;
  std::optional<std::uint32_t> device;
};

struct StoredReading {
  std::int64_t id = 0;
  std::int64_t frame_id = 0;
  std::uint32_t device = 0;
  std::uint16_t counter = 0;
  std::int64_t time_ns = 0;
  std::string obis;
  std::string unit;
  std::int64_t mantissa = 0;
  int exponent = 0;
};

struct StoredDevice {
  std::uint32_t device = 0;
  std::int64_t first_seen_ns = 0;
  std::int64_t last_seen_ns = 0;
  std::int64_t frames = 0;
  std::uint16_t counter = 0;
  std::string receiver;
  std::string profile;
  double snr_db = 0;
  double ebn0_db = 0;
  double clock_offset_ppm = 0;
  std::vector<StoredReading> last;  ///< newest value of each register; id and counter are 0
};

/// Read side, on a connection of its own. Thread-safe; readers wait for each other, never for the writer.
class StoreReader {
 public:
  static ngwire::Result<std::unique_ptr<StoreReader>> open(const std::string& file);
  ~StoreReader();
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;

  ngwire::Result<std::vector<StoredFrame>> frames(const Page& page);
  ngwire::Result<std::vector<StoredReading>> readings(const Page& page);
  /// By address, ascending; the cursor is the last address seen.
  ngwire::Result<std::vector<StoredDevice>> devices(const Page& page);

 private:
  struct State;
  explicit StoreReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ngplc::hub
