// The store: one SQLite file that holds frames, readings and devices.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command_row.h"
#include "config.h"
#include "ngwire/link/link_frame.h"
#include "ngwire/link/reading_codec.h"
#include "ngwire/wire/frame_record.h"
#include "ngwire/wire/result.h"

namespace SQLite {
class Database;
}

namespace ngplc::hub {

/// What a payload turned out to be. The first values are those of ngwire::ReadingError.
enum class PayloadStatus : std::uint8_t {
  ok = 0,
  empty,
  other_type,
  version,
  size,
  set,
  padding,
  relay,   ///< carried other frames
  answer,  ///< to a command
  content  ///< authentic, but its content makes no sense
};
PayloadStatus status_of(ngwire::ReadingError error);
const char* to_string(PayloadStatus status);

/// A frame whose tag was checked.
struct LinkMark {
  std::int64_t node = 0;  ///< nodes.id
  std::uint32_t address = 0;
  std::uint32_t epoch = 0;
  std::uint32_t counter = 0;
  bool late = false;  ///< a newer frame of the device came before
  bool copy = false;  ///< this counter was taken before
};

/// One frame with what the hub made of it.
struct FrameRow {
  ngwire::FrameRecord record;
  std::uint8_t part = 0;         ///< 1 and up: carried inside a relay frame of the same record
  std::int64_t received_ns = 0;  ///< Unix time at the hub
  std::int64_t time_ns = 0;      ///< capture time of the frame, or received_ns when that is unknown
  PayloadStatus payload_status = PayloadStatus::ok;
  std::optional<ngwire::Reading> reading;
  std::optional<LinkMark> link;

  /// Order in which the device sent its frames, whatever the clocks say.
  std::int64_t rank() const;
};

/// One line of the journal.
struct EventRow {
  std::int64_t time_ns = 0;
  std::optional<std::uint32_t> device;  ///< address
  std::optional<std::int64_t> node;
  std::string kind;
  std::string detail;
};

/// A counter range, both ends in it.
struct Hole {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

struct SessionRow {
  std::int64_t node = 0;
  ngwire::SessionParameters session;
  std::uint32_t next_counter = 0;
  std::uint32_t next_down = 0;  ///< counter of the next frame to the device
  bool gone = false;            ///< to be deleted
  bool holes_changed = false;   ///< `holes` replaces those stored
  std::vector<Hole> holes;
};

struct JoinRow {
  std::int64_t node = 0;
  std::uint32_t join_nonce = 0;
  std::uint32_t epoch = 0;
  std::uint32_t address = 0;
  ngwire::Bytes accept;
};

struct StateRow {
  std::int64_t node = 0;
  int state = 0;
};

/// How far a sink has come.
struct SinkRow {
  std::string name;
  std::int64_t cursor = 0;   ///< readings.id of the last value delivered
  std::int64_t lost = 0;     ///< values given up because the sink was too far behind
  std::int64_t refused = 0;  ///< values that the other side does not take, set aside
};

/// What goes into the same transaction as the frames.
struct Changes {
  std::vector<SessionRow> sessions;
  std::vector<JoinRow> joins;
  std::vector<StateRow> states;
  std::vector<EventRow> events;
  std::vector<SinkRow> sinks;
  std::vector<CommandRow> commands;  ///< state, tries and answer of those in the table
  std::vector<GroupRow> groups;      ///< their counters

  bool empty() const {
    return sessions.empty() && joins.empty() && states.empty() && events.empty() && sinks.empty() &&
           commands.empty() && groups.empty();
  }
};

/// A device of the registry as the link needs it.
struct NodeRow {
  std::int64_t id = 0;
  ngwire::Eui eui = 0;
  std::uint32_t address = 0;  ///< 0: none yet
  int state = 0;
  std::int64_t join_until_ns = 0;
  std::uint32_t next_epoch = 1;
  ngwire::Bytes sealed_key;
  std::vector<SessionRow> sessions;  ///< by epoch
  std::vector<JoinRow> joins;
  std::string receiver, profile;  ///< that heard its newest reading; empty: none
  std::string model;
};

/// What became of a batch. When `error` is not empty nothing of the batch was stored.
struct CommitOutcome {
  std::string error;
  std::string reason;          ///< of the error: "full", "io", "busy", "readonly", "corrupt" or "other"
  std::size_t stored = 0;      ///< new frames
  std::size_t duplicates = 0;  ///< records that were stored before
  std::size_t copies = 0;      ///< the same frame over another way
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

  /// One durable transaction for the whole batch: frames (each (receiver, run, sequence, part) once),
  /// readings, devices, and `changes`. Each (device, epoch, counter) comes once by LinkMark::copy, which
  /// LinkGate sets.
  CommitOutcome commit(const std::vector<FrameRow>& batch, const Changes& changes = {});

  /// Somebody else has written to the database since the last call, or it is the first.
  bool changed_outside();

  /// The registry. Fails with one line.
  ngwire::Result<std::vector<NodeRow>> nodes();
  /// Commands that are open, or expired after `since_ns`: an answer may still come.
  ngwire::Result<std::vector<CommandRow>> commands(std::int64_t since_ns);
  /// Groups that have a key.
  ngwire::Result<std::vector<GroupRow>> groups();

  /// For parts that write in the same thread, with statements of their own.
  SQLite::Database& database();

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
  std::int64_t until_ns = 0;  ///< only captures before this Unix time; 0: all
  std::optional<std::uint32_t> device;
  std::string name;  ///< of readings the OBIS code, of events the kind; empty: all
  bool newest_first = false;
};

struct StoredFrame {
  std::int64_t id = 0;
  FrameRow row;
  std::optional<std::uint32_t> device;
  std::int64_t copies = 1;
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
  std::int64_t base = 0;  ///< base + mantissa never falls
};

struct StoredEvent {
  std::int64_t id = 0;
  EventRow row;
};

/// A reading with what sinks say about it.
struct Delivery {
  std::int64_t frame = 0;   ///< frames.id
  std::int64_t cursor = 0;  ///< readings.id of its last value
  std::int64_t received_ns = 0;
  std::uint32_t device = 0;
  std::uint32_t epoch = 0;  ///< 0: in the clear
  std::uint32_t counter = 0;
  std::int64_t time_ns = 0;
  bool late = false;
  std::int64_t copies = 1;
  double snr_db = 0;
  std::vector<StoredReading> values;
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

/// When a device was last heard, and the newest value of one register.
struct LastSeen {
  std::uint32_t device = 0;
  std::int64_t last_seen_ns = 0;
  bool has_value = false;
  std::string unit;
  std::int64_t mantissa = 0;
  int exponent = 0;
  std::int64_t base = 0;
  std::int64_t time_ns = 0;  ///< of the value
};

/// What the readings of one register came to in an hour, a day or a month.
struct StoredRollup {
  std::int64_t start_s = 0;  ///< Unix time
  std::int64_t count = 0;
  std::int64_t low = 0, high = 0, sum = 0, first = 0, last = 0;  ///< totals of cumulative registers, sum 0
  std::int64_t before = 0;  ///< `last` of the roll-up before, or `first` of this one when it is the first
  int exponent = 0;
  std::string unit;
};

/// Read side, on a connection of its own. Thread-safe; readers wait for each other, never for the writer.
class StoreReader {
 public:
  /// `most`: a call that takes longer fails with "interrupted"; 0: as long as it takes.
  static ngwire::Result<std::unique_ptr<StoreReader>> open(const std::string& file,
                                                           std::chrono::milliseconds most = {});
  ~StoreReader();
  StoreReader(const StoreReader&) = delete;
  StoreReader& operator=(const StoreReader&) = delete;
  /// Values, totals, roll-ups: stored as the meter said them, given out times the register's Multiplier now.
  ngwire::Result<std::vector<StoredFrame>> frames(const Page& page);
  ngwire::Result<std::vector<StoredReading>> readings(const Page& page);
  ngwire::Result<std::vector<StoredEvent>> events(const Page& page);
  /// Frames with their readings after readings.id `cursor`, in order; about `limit` values, whole frames.
  ngwire::Result<std::vector<Delivery>> deliveries(std::int64_t cursor, std::int64_t limit);
  /// readings.id of the newest value, 0 without any.
  ngwire::Result<std::int64_t> newest_reading();
  ngwire::Result<std::vector<SinkRow>> sinks();
  ngwire::Result<std::vector<CommandRow>> commands(const Page& page);
  /// Of one register of one device, begun in [since_s, until_s), oldest first, at most `limit`. `level`: 0
  /// hour, 1 day, 2 month.
  ngwire::Result<std::vector<StoredRollup>> rollups(std::uint32_t device, const std::string& obis, int level,
                                                    std::int64_t since_s, std::int64_t until_s,
                                                    std::int64_t limit);
  /// By address, ascending; the cursor is the last address seen.
  ngwire::Result<std::vector<StoredDevice>> devices(const Page& page);
  /// The same devices in short, `page.limit` unbounded. `obis`: the register wanted, empty: none.
  ngwire::Result<std::vector<LastSeen>> last_seen(const Page& page, const std::string& obis);

 private:
  struct State;
  explicit StoreReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ngplc::hub
