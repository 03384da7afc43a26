#include "store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

#include "multipliers.h"
#include "schema.h"

namespace ngplc::hub {
namespace {

using ngwire::FrameRecord;
using ngwire::Result;

constexpr std::size_t kRunCache = 4096;
constexpr int kPageBytes = 4096;
// How far back the first frame of a copy is looked for, a million frames: what is repeated later is counted,
// and costs no more.
constexpr std::int64_t kCopyBlocks = 1024;

const char* reason_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "full";
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return "io";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "busy";
    case SQLITE_READONLY:
      return "readonly";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "corrupt";
    default:
      return "other";
  }
}

// A statement is ready for reuse however the last use ended. SQLiteCpp's own reset() throws again what the
// step threw.
class Use {
 public:
  explicit Use(SQLite::Statement& statement) : statement_(statement) {}
  ~Use() { statement_.tryReset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  SQLite::Statement& statement_;
};

template <class... Args>
void bind_all(SQLite::Statement& statement, const Args&... args) {
  int index = 0;
  (statement.bind(++index, args), ...);
}

std::int64_t as_signed(std::uint64_t number) {
  std::int64_t out = 0;
  std::memcpy(&out, &number, sizeof out);
  return out;
}
std::uint64_t as_unsigned(std::int64_t number) {
  std::uint64_t out = 0;
  std::memcpy(&out, &number, sizeof out);
  return out;
}

// What a batch knows of a device; written once per batch.
struct DeviceUpdate {
  const FrameRow* newest = nullptr;
  std::int64_t frame_id = 0;            // of `newest`
  std::int64_t reading_id = 0;          // its first
  std::vector<std::int64_t> registers;  // of its readings
  bool stored = false;                  // `newest` is newer than what the store had
  std::int64_t first_seen_ns = 0;
  std::int64_t frames = 0;
};

// What the store has of a device.
struct KnownDevice {
  std::int64_t rank = INT64_MIN;  // of its newest frame
  std::int64_t first_seen_ns = INT64_MAX;
  std::vector<std::int64_t> registers;  // of its newest frame; empty: look there
};

// The newest value of a register.
struct LastValue {
  std::int64_t mantissa = 0;
  std::int64_t time_ns = 0;
  std::int64_t frame_id = 0;  // 0: none yet
  std::int64_t rank = 0;
  std::int64_t base = 0;
  std::int64_t base_before = 0;
  std::int64_t base_rank = 0;
  bool changed = false;  // in this batch
  bool kept = false;     // kept_readings has its row, with the right base_before and base_rank
};
using LastKey = std::pair<std::uint32_t, std::int64_t>;  // device, register
struct LastHash {
  std::size_t operator()(const LastKey& key) const {
    return std::hash<std::uint64_t>()(std::uint64_t{key.first} << 16U ^
                                      static_cast<std::uint64_t>(key.second));
  }
};

// How a cumulative register goes on from `last` to `mantissa`, and the name of what happened if it fell.
const char* follow(LastValue& last, std::int64_t mantissa, const ngwire::RegisterSpec& spec,
                   std::int64_t rank) {
  if (mantissa >= last.mantissa) return nullptr;
  const std::int64_t modulus = ngwire::register_modulus(spec);
  const char* what = nullptr;
  last.base_before = last.base;
  last.base_rank = rank;
  if (last.mantissa - mantissa > modulus / 2) {
    last.base += modulus;
    what = "rollover";
  } else if (mantissa <= last.mantissa / 2) {
    last.base += last.mantissa;  // it began again at zero
    what = "reset";
  } else {
    last.base += last.mantissa - mantissa;  // nothing was consumed in between, as far as anybody knows
    what = "backwards";
  }
  return what;
}

}  // namespace

PayloadStatus status_of(ngwire::ReadingError error) { return static_cast<PayloadStatus>(error); }

const char* to_string(PayloadStatus status) {
  switch (status) {
    case PayloadStatus::relay:
      return "relay";
    case PayloadStatus::answer:
      return "answer";
    case PayloadStatus::content:
      return "content";
    default:
      return ngwire::to_string(static_cast<ngwire::ReadingError>(status));
  }
}

std::int64_t FrameRow::rank() const {
  if (!link) return time_ns;
  return (std::int64_t{1} << 62) + (std::int64_t{link->epoch} << 31) + link->counter;
}

struct Store::State {
  explicit State(const std::string& file) : db(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 2000) {}

  void prepare();
  std::int64_t run_id(const FrameRow& row);
  std::int64_t register_id(const ngwire::RegisterSpec& spec);
  KnownDevice& known_device(std::uint32_t address);
  LastValue& last_value(const LastKey& key);
  void write(const std::vector<FrameRow>& batch, CommitOutcome& outcome);
  void write_readings(const FrameRow& row, std::int64_t frame_id, CommitOutcome& outcome);
  void write_device(std::uint32_t address, DeviceUpdate& update);
  void write_copy(const FrameRow& row, std::int64_t run, CommitOutcome& outcome);
  void write_event(const EventRow& event);
  void write(const Changes& changes);
  std::int64_t read_data_version();

  SQLite::Database db;
  int lock_fd = -1;
  std::int64_t data_version = -1;       // of the last changed_outside()
  std::int64_t last_data_version = -1;  // that `known` and `last` are of
  std::optional<SQLite::Statement> begin, commit, rollback, find_run, add_run, add_frame, add_reading,
      find_register, add_register, find_device, put_device, add_frames, put_newest, keep_others, find_last,
      keep_last, find_copy, find_ends, put_copy, add_event, put_command, put_group, put_session, drop_session,
      drop_holes, add_hole, add_join, put_join, put_state, put_sink, get_data_version;
  using RunKey = std::pair<std::string, std::uint64_t>;
  // Row numbers that are surely in the file; numbers made by an open transaction wait in the second map.
  std::map<RunKey, std::int64_t> runs, new_runs;
  std::map<const ngwire::RegisterSpec*, std::int64_t> registers, new_registers;
  std::map<std::uint32_t, DeviceUpdate> devices;
  // Devices and newest values surely in the file; those of an open transaction wait in the second map.
  std::unordered_map<std::uint32_t, KnownDevice> known, new_known;
  std::unordered_map<LastKey, LastValue, LastHash> last, new_last;
};

void Store::State::prepare() {
  begin.emplace(db, "BEGIN IMMEDIATE");
  commit.emplace(db, "COMMIT");
  rollback.emplace(db, "ROLLBACK");
  find_run.emplace(db, "SELECT id FROM runs WHERE receiver = ? AND run = ?");
  add_run.emplace(
      db, "INSERT INTO runs(receiver, run, sample_rate_hz, time_source, first_seen_ns) VALUES(?,?,?,?,?)");
  add_frame.emplace(
      db,
      "INSERT INTO frames(run_id, sequence, part, device, epoch, counter, late, payload_status, profile, "
      "direction, received_ns, time_ns, sample_index, payload, snr_db, ebn0_db, carrier_offset_hz, "
      "clock_offset_ppm, delay_spread_s, residual_db, corrected_bits, list_used) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  add_reading.emplace(db,
                      "INSERT INTO readings(frame_id, device, counter, register, mantissa, time_ns, base) "
                      "VALUES(?,?,?,?,?,?,?)");
  find_register.emplace(db, "SELECT id FROM registers WHERE obis = ? AND unit = ? AND exponent = ?");
  add_register.emplace(db, "INSERT INTO registers(obis, unit, exponent) VALUES(?,?,?)");
  find_device.emplace(db, "SELECT rank, first_seen_ns FROM devices WHERE address = ?");
  put_device.emplace(
      db,
      "INSERT INTO kept_devices(address, first_seen_ns, last_seen_ns, counter, receiver, profile, snr_db, "
      "ebn0_db, clock_offset_ppm, rank) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) "
      "ON CONFLICT DO UPDATE SET first_seen_ns = ?2");
  add_frames.emplace(db, "UPDATE newest_frames SET frames = frames + ?2 WHERE device = ?1");
  put_newest.emplace(db,
                     "INSERT INTO newest_frames(device, frames, counter, frame_id, reading_id, readings) "
                     "VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT DO UPDATE SET frames = frames + ?2, "
                     "counter = ?3, frame_id = ?4, reading_id = ?5, readings = ?6");
  keep_others.emplace(
      db,
      "UPDATE kept_readings AS k SET mantissa = v.mantissa, time_ns = v.time_ns, frame_id = v.frame_id, "
      "base = v.base, rank = ?2 FROM newest_frames n JOIN readings v ON v.id >= n.reading_id AND v.id < "
      "n.reading_id + n.readings WHERE n.device = ?1 AND k.device = ?1 AND k.register = v.register AND "
      "k.frame_id <> v.frame_id AND NOT EXISTS (SELECT 1 FROM readings w WHERE w.id >= ?3 AND w.id < ?3 + ?4 "
      "AND +w.register = v.register)");
  find_last.emplace(
      db,
      "SELECT mantissa, time_ns, frame_id, rank, base, base_before, base_rank FROM last_readings "
      "WHERE device = ? AND register = ?");
  keep_last.emplace(
      db,
      "INSERT OR REPLACE INTO kept_readings(device, register, mantissa, time_ns, frame_id, rank, "
      "base, base_before, base_rank) VALUES(?,?,?,?,?,?,?,?,?)");
  find_copy.emplace(db, "SELECT id, run_id, sequence, part, payload FROM frames WHERE id >> " +
                            std::to_string(kBlockBits) + " = ? AND device = ? AND epoch = ? AND counter = ?");
  find_ends.emplace(db, "SELECT (SELECT min(id) FROM frames), (SELECT max(id) FROM frames)");
  put_copy.emplace(
      db,
      "UPDATE frames SET copies = copies + 1, best_snr_db = max(coalesce(best_snr_db, snr_db), ?2) "
      "WHERE id = ?1");
  add_event.emplace(db, "INSERT INTO events(time_ns, device, node, kind, detail) VALUES(?,?,?,?,?)");
  put_session.emplace(db,
                      "INSERT INTO sessions(node, epoch, join_nonce, net_nonce, next_counter, next_down) "
                      "VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(node, epoch) DO UPDATE SET next_counter = ?5, "
                      "next_down = ?6");
  drop_session.emplace(db, "DELETE FROM sessions WHERE node = ? AND epoch = ?");
  drop_holes.emplace(db, "DELETE FROM holes WHERE node = ? AND epoch = ?");
  add_hole.emplace(db, "INSERT INTO holes(node, epoch, first, last) VALUES(?,?,?,?)");
  add_join.emplace(db, "INSERT INTO joins(node, join_nonce, epoch, accept) VALUES(?,?,?,?)");
  put_join.emplace(db, "UPDATE nodes SET address = ?2, next_epoch = ?3 WHERE id = ?1");
  put_state.emplace(db, "UPDATE nodes SET state = ?2 WHERE id = ?1");
  put_sink.emplace(db, "INSERT OR REPLACE INTO sinks(name, cursor, lost, refused) VALUES(?,?,?,?)");
  put_command.emplace(db,
                      "UPDATE commands SET state = ?2, tries = ?3, next_ns = ?4, result = ?5, detail = ?6 "
                      "WHERE id = ?1");
  put_group.emplace(db, "UPDATE groups SET next_counter = ?2 WHERE id = ?1");
  get_data_version.emplace(db, "PRAGMA data_version");
}

std::int64_t Store::State::run_id(const FrameRow& row) {
  const FrameRecord& r = row.record;
  const RunKey key{r.receiver, r.run};
  if (const auto it = runs.find(key); it != runs.end()) return it->second;
  if (const auto it = new_runs.find(key); it != new_runs.end()) return it->second;
  std::int64_t id = 0;
  {
    const Use use(*find_run);
    bind_all(*find_run, r.receiver, as_signed(r.run));
    if (find_run->executeStep()) id = find_run->getColumn(0).getInt64();
  }
  if (id == 0) {
    const Use use(*add_run);
    bind_all(*add_run, r.receiver, as_signed(r.run), r.sample_rate_hz, r.time_source, row.received_ns);
    add_run->exec();
    id = db.getLastInsertRowid();
  }
  new_runs.emplace(key, id);
  return id;
}

std::int64_t Store::State::register_id(const ngwire::RegisterSpec& spec) {
  if (const auto it = registers.find(&spec); it != registers.end()) return it->second;
  if (const auto it = new_registers.find(&spec); it != new_registers.end()) return it->second;
  const std::string obis(spec.obis);
  const std::string unit(spec.unit);
  std::int64_t id = 0;
  {
    const Use use(*find_register);
    bind_all(*find_register, obis, unit, static_cast<int>(spec.exponent));
    if (find_register->executeStep()) id = find_register->getColumn(0).getInt64();
  }
  if (id == 0) {
    const Use use(*add_register);
    bind_all(*add_register, obis, unit, static_cast<int>(spec.exponent));
    add_register->exec();
    id = db.getLastInsertRowid();
  }
  new_registers.emplace(&spec, id);
  return id;
}

KnownDevice& Store::State::known_device(std::uint32_t address) {
  if (const auto it = known.find(address); it != known.end())
    return new_known.emplace(address, it->second).first->second;
  KnownDevice device;
  const Use use(*find_device);
  find_device->bind(1, static_cast<std::int64_t>(address));
  if (find_device->executeStep()) {
    device.rank = find_device->getColumn(0).getInt64();
    device.first_seen_ns = find_device->getColumn(1).getInt64();
  }
  return new_known.emplace(address, device).first->second;
}

LastValue& Store::State::last_value(const LastKey& key) {
  if (const auto it = new_last.find(key); it != new_last.end()) return it->second;
  if (const auto it = last.find(key); it != last.end())
    return new_last.emplace(key, it->second).first->second;
  LastValue value;
  const Use use(*find_last);
  bind_all(*find_last, static_cast<std::int64_t>(key.first), key.second);
  if (find_last->executeStep()) {
    const auto column = [this](int i) { return find_last->getColumn(i).getInt64(); };
    value = {column(0), column(1), column(2), column(3), column(4), column(5), column(6), false, true};
  }
  return new_last.emplace(key, value).first->second;
}

void Store::State::write_readings(const FrameRow& row, std::int64_t frame_id, CommitOutcome& outcome) {
  const ngwire::Reading& reading = *row.reading;
  const std::int64_t rank = row.rank();
  DeviceUpdate& device = devices[reading.device];
  const bool newest_of_device = device.newest == nullptr || rank >= device.newest->rank();
  if (newest_of_device) {
    device.newest = &row;
    device.frame_id = frame_id;
    device.registers.clear();
  }
  if (device.frames == 0 || row.time_ns < device.first_seen_ns) device.first_seen_ns = row.time_ns;
  ++device.frames;
  for (const ngwire::RegisterValue& value : reading.values) {
    const std::int64_t reg = register_id(*value.spec);
    LastValue& newest = last_value({reading.device, reg});
    std::int64_t base = newest.base;
    if (newest.frame_id == 0 || rank >= newest.rank) {
      const LastValue before = newest;
      const char* fell = newest.frame_id != 0 && row.link && ngwire::is_cumulative(*value.spec)
                             ? follow(newest, value.mantissa, *value.spec, rank)
                             : nullptr;
      if (fell != nullptr) {
        write_event({row.time_ns, reading.device, row.link->node, fell,
                     std::string(value.spec->obis) + " from " +
                         ngwire::decimal_string(before.mantissa, value.spec->exponent) + " to " +
                         ngwire::decimal_string(value.mantissa, value.spec->exponent)});
      }
      newest.mantissa = value.mantissa;
      newest.time_ns = row.time_ns;
      newest.frame_id = frame_id;
      newest.rank = rank;
      newest.changed = true;
      if (fell != nullptr) newest.kept = false;
      base = newest.base;
    } else if (rank < newest.base_rank) {
      base = newest.base_before;
    }
    const Use use(*add_reading);
    bind_all(*add_reading, frame_id, static_cast<std::int64_t>(reading.device),
             static_cast<int>(reading.counter), reg, value.mantissa, row.time_ns, base);
    add_reading->exec();
    if (newest_of_device) {
      if (device.registers.empty()) device.reading_id = db.getLastInsertRowid();
      device.registers.push_back(reg);
    }
    ++outcome.readings;
  }
}

// The newest frame of the batch becomes that of the device, unless the device has a newer one.
void Store::State::write_device(std::uint32_t address, DeviceUpdate& update) {
  const auto device = static_cast<std::int64_t>(address);
  const FrameRow& row = *update.newest;
  const FrameRecord& r = row.record;
  const auto counter = static_cast<int>(row.reading->counter);
  const auto readings = static_cast<std::int64_t>(update.registers.size());
  const auto run = [](SQLite::Statement& statement, const auto&... values) {
    const Use use(statement);
    bind_all(statement, values...);
    statement.exec();
  };
  KnownDevice& before = known_device(address);
  if (update.first_seen_ns < before.first_seen_ns) {
    run(*put_device, device, update.first_seen_ns, row.time_ns, counter, r.receiver, r.profile,
        r.metrics.snr_db, r.metrics.ebn0_db, r.metrics.clock_offset_ppm, row.rank());
    before.first_seen_ns = update.first_seen_ns;
  }
  update.stored = row.rank() >= before.rank;
  if (!update.stored) {
    run(*add_frames, device, update.frames);
    return;
  }
  // Most devices send the same registers each time.
  if (before.registers.empty() || before.registers != update.registers)
    run(*keep_others, device, before.rank, update.reading_id, readings);
  run(*put_newest, device, update.frames, counter, update.frame_id, update.reading_id, readings);
  before.rank = row.rank();
  before.registers = update.registers;
}

void Store::State::write_copy(const FrameRow& row, std::int64_t run, CommitOutcome& outcome) {
  const LinkMark& link = *row.link;
  const FrameRecord& r = row.record;
  std::int64_t id = 0;
  bool same_record = false;
  bool same_bytes = false;
  const Use use_ends(*find_ends);
  find_ends->executeStep();
  const std::int64_t newest = find_ends->getColumn(1).getInt64() >> kBlockBits;
  const std::int64_t oldest =
      std::max(find_ends->getColumn(0).getInt64() >> kBlockBits, newest - kCopyBlocks + 1);
  for (std::int64_t block = newest; id == 0 && block >= oldest; --block) {
    const Use use(*find_copy);
    bind_all(*find_copy, block, static_cast<std::int64_t>(link.address),
             static_cast<std::int64_t>(link.epoch), static_cast<std::int64_t>(link.counter));
    if (find_copy->executeStep()) {
      id = find_copy->getColumn(0).getInt64();
      same_record = find_copy->getColumn(1).getInt64() == run &&
                    find_copy->getColumn(2).getInt64() == as_signed(r.sequence) &&
                    find_copy->getColumn(3).getInt() == row.part;
      const SQLite::Column payload = find_copy->getColumn(4);
      same_bytes = static_cast<std::size_t>(payload.getBytes()) == r.payload.size() &&
                   std::memcmp(payload.getBlob(), r.payload.data(), r.payload.size()) == 0;
    }
  }
  if (id == 0 || same_record) {
    ++outcome.duplicates;
  } else if (same_bytes) {
    const Use use(*put_copy);
    bind_all(*put_copy, id, r.metrics.snr_db);
    put_copy->exec();
    ++outcome.copies;
  } else {
    // Two frames under one nonce: the device has lost its counter and did not join.
    ++outcome.copies;
    write_event(
        {row.time_ns, link.address, link.node, "counter_reused", "counter " + std::to_string(link.counter)});
  }
}

void Store::State::write_event(const EventRow& event) {
  SQLite::Statement& s = *add_event;
  const Use use(s);
  s.bind(1, event.time_ns);
  if (event.device) {
    s.bind(2, static_cast<std::int64_t>(*event.device));
  } else {
    s.bind(2);
  }
  if (event.node) {
    s.bind(3, *event.node);
  } else {
    s.bind(3);
  }
  s.bind(4, event.kind);
  s.bind(5, event.detail);
  s.exec();
}

void Store::State::write(const std::vector<FrameRow>& batch, CommitOutcome& outcome) {
  for (const FrameRow& row : batch) {
    const FrameRecord& r = row.record;
    const std::int64_t run = run_id(row);
    if (row.link && row.link->copy) {
      write_copy(row, run, outcome);
      continue;
    }
    {
      SQLite::Statement& s = *add_frame;
      const Use use(s);
      int i = 0;
      s.bind(++i, run);
      s.bind(++i, as_signed(r.sequence));
      s.bind(++i, static_cast<int>(row.part));
      if (row.link) {
        s.bind(++i, static_cast<std::int64_t>(row.link->address));
        s.bind(++i, static_cast<std::int64_t>(row.link->epoch));
        s.bind(++i, static_cast<std::int64_t>(row.link->counter));
        s.bind(++i, row.link->late ? 1 : 0);
      } else {
        if (row.reading) {
          s.bind(++i, static_cast<std::int64_t>(row.reading->device));
        } else {
          s.bind(++i);
        }
        s.bind(++i);
        s.bind(++i);
        s.bind(++i, 0);
      }
      s.bind(++i, static_cast<int>(row.payload_status));
      s.bindNoCopy(++i, r.profile);
      s.bind(++i, static_cast<int>(r.direction));
      s.bind(++i, row.received_ns);
      s.bind(++i, row.time_ns);
      s.bind(++i, as_signed(r.sample_index));
      s.bindNoCopy(++i, r.payload.data(), static_cast<int>(r.payload.size()));
      for (const double metric :
           {r.metrics.snr_db, r.metrics.ebn0_db, r.metrics.carrier_offset_hz, r.metrics.clock_offset_ppm,
            r.metrics.delay_spread_s, r.metrics.residual_db}) {
        s.bind(++i, metric);
      }
      s.bind(++i, r.metrics.corrected_bits);
      s.bind(++i, r.metrics.list_used);
      if (s.exec() == 0) {
        ++outcome.duplicates;
        continue;
      }
    }
    ++outcome.stored;
    if (row.reading) write_readings(row, db.getLastInsertRowid(), outcome);
  }
  for (auto& [address, update] : devices) write_device(address, update);
  for (auto& [key, value] : new_last) {
    if (!std::exchange(value.changed, false)) continue;
    // What the newest frame of the device says is not said again.
    const DeviceUpdate& update = devices.at(key.first);
    if (value.kept && update.stored && value.frame_id == update.frame_id) continue;
    const Use use(*keep_last);
    bind_all(*keep_last, static_cast<std::int64_t>(key.first), key.second, value.mantissa, value.time_ns,
             value.frame_id, value.rank, value.base, value.base_before, value.base_rank);
    keep_last->exec();
    value.kept = true;
  }
}

std::int64_t Store::State::read_data_version() {
  const Use use(*get_data_version);
  get_data_version->executeStep();
  return get_data_version->getColumn(0).getInt64();
}

void Store::State::write(const Changes& changes) {
  const auto run = [](SQLite::Statement& statement, const auto&... values) {
    const Use use(statement);
    bind_all(statement, values...);
    statement.exec();
  };
  const auto wide = [](std::uint32_t number) { return static_cast<std::int64_t>(number); };
  for (const SessionRow& s : changes.sessions) {
    if (s.gone || s.holes_changed) run(*drop_holes, s.node, wide(s.session.epoch));
    if (s.gone) {
      run(*drop_session, s.node, wide(s.session.epoch));
      continue;
    }
    run(*put_session, s.node, wide(s.session.epoch), wide(s.session.join_nonce), wide(s.session.net_nonce),
        wide(s.next_counter), wide(s.next_down));
    if (!s.holes_changed) continue;
    for (const Hole& hole : s.holes)
      run(*add_hole, s.node, wide(s.session.epoch), wide(hole.first), wide(hole.last));
  }
  for (const JoinRow& join : changes.joins) {
    const Use use(*add_join);
    add_join->bind(1, join.node);
    add_join->bind(2, wide(join.join_nonce));
    add_join->bind(3, wide(join.epoch));
    add_join->bind(4, join.accept.data(), static_cast<int>(join.accept.size()));
    add_join->exec();
    run(*put_join, join.node, wide(join.address), wide(join.epoch + 1));
  }
  for (const StateRow& state : changes.states) run(*put_state, state.node, state.state);
  for (const EventRow& event : changes.events) write_event(event);
  for (const SinkRow& sink : changes.sinks) run(*put_sink, sink.name, sink.cursor, sink.lost, sink.refused);
  for (const CommandRow& command : changes.commands) {
    SQLite::Statement& s = *put_command;
    const Use use(s);
    s.bind(1, command.id);
    s.bind(2, static_cast<int>(command.state));
    s.bind(3, command.tries);
    s.bind(4, command.next_ns);
    command.result ? s.bind(5, *command.result) : s.bind(5);
    command.detail ? s.bind(6, *command.detail) : s.bind(6);
    s.exec();
  }
  for (const GroupRow& group : changes.groups) run(*put_group, group.id, wide(group.next_counter));
}

Result<std::unique_ptr<Store>> Store::open(const DatabaseConfig& config) {
  using R = Result<std::unique_ptr<Store>>;
  const auto fail = [&](const std::string& what) {
    return R::failure("database " + config.file + ": " + what);
  };
  const std::string lock_file = config.file + ".lock";
  const int lock_fd = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd < 0) return fail("cannot create the lock file " + lock_file + ": " + std::strerror(errno));
  if (::flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_fd);
    return fail("in use by another hub");
  }
  std::unique_ptr<State> state;
  try {
    state = std::make_unique<State>(config.file);
    SQLite::Database& db = state->db;
    const int version = db.execAndGet("PRAGMA user_version").getInt();
    const int application = db.execAndGet("PRAGMA application_id").getInt();
    const bool fresh =
        version == 0 && application == 0 && db.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
    if (!fresh && application != kApplicationId) {
      ::close(lock_fd);
      return fail("belongs to another program");
    }
    if (version > static_cast<int>(kMigrations.size())) {
      ::close(lock_fd);
      return fail("schema version " + std::to_string(version) + " is newer than this hub, which knows " +
                  std::to_string(kMigrations.size()));
    }
    if (fresh) db.exec("PRAGMA page_size = " + std::to_string(kPageBytes));
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(config.durability == "full" ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    // 16 MB of log: pages that every commit touches are copied into the file the less often.
    db.exec("PRAGMA wal_autocheckpoint = 4000");
    db.exec("PRAGMA journal_size_limit = 16777216");
    db.exec("PRAGMA temp_store = MEMORY");
    if (config.max_bytes > 0) {
      db.exec("PRAGMA max_page_count = " + std::to_string((config.max_bytes + kPageBytes - 1) / kPageBytes));
    }
    for (auto step = static_cast<std::size_t>(version); step < kMigrations.size(); ++step) {
      SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
      db.exec(kMigrations[step]);
      db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
      db.exec("PRAGMA user_version = " + std::to_string(step + 1));
      transaction.commit();
    }
    state->prepare();
  } catch (const SQLite::Exception& error) {
    ::close(lock_fd);
    return fail(error.what());
  }
  state->lock_fd = lock_fd;
  return R(std::unique_ptr<Store>(new Store(std::move(state))));
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() {
  const int lock_fd = state_->lock_fd;
  state_.reset();
  if (lock_fd >= 0) ::close(lock_fd);
}

CommitOutcome Store::commit(const std::vector<FrameRow>& batch, const Changes& changes) {
  State& s = *state_;
  CommitOutcome outcome;
  s.new_runs.clear();
  s.new_registers.clear();
  s.devices.clear();
  s.new_known.clear();
  s.new_last.clear();
  const auto run = [](SQLite::Statement& statement) {
    const Use use(statement);
    statement.exec();
  };
  try {
    run(*s.begin);
    // An exchanged meter, say: what is remembered here is older.
    if (const std::int64_t version = s.read_data_version();
        std::exchange(s.last_data_version, version) != version) {
      s.known.clear();
      s.last.clear();
    }
    s.write(batch, outcome);
    s.write(changes);
    run(*s.commit);
  } catch (const SQLite::Exception& error) {
    outcome = {};
    outcome.error = error.what();
    outcome.reason = reason_of(error.getErrorCode());
    // SQLite may have rolled back by itself (disk full); a second attempt is then refused, which is fine.
    if (sqlite3_get_autocommit(s.db.getHandle()) == 0) {
      const Use use(*s.rollback);
      s.rollback->tryExecuteStep();
    }
    return outcome;
  }
  if (s.runs.size() > kRunCache) s.runs.clear();
  s.runs.merge(s.new_runs);
  s.registers.merge(s.new_registers);
  for (const auto& [address, device] : s.new_known) s.known[address] = device;
  for (const auto& [key, value] : s.new_last) s.last[key] = value;
  return outcome;
}

bool Store::changed_outside() {
  try {
    const std::int64_t version = state_->read_data_version();
    return std::exchange(state_->data_version, version) != version;
  } catch (const SQLite::Exception&) {
    return false;  // the next commit will say what is wrong
  }
}

SQLite::Database& Store::database() { return state_->db; }

Result<std::vector<NodeRow>> Store::nodes() {
  std::vector<NodeRow> out;
  try {
    std::unordered_map<std::int64_t, std::size_t> place;
    SQLite::Statement nodes(
        state_->db,
        "SELECT id, eui, coalesce(n.address, 0), state, join_until_ns, next_epoch, sealed_key, "
        "coalesce(d.receiver, ''), coalesce(d.profile, ''), n.model "
        "FROM nodes n LEFT JOIN devices d ON d.address = n.address ORDER BY id");
    while (nodes.executeStep()) {
      NodeRow n;
      n.id = nodes.getColumn(0).getInt64();
      n.eui = as_unsigned(nodes.getColumn(1).getInt64());
      n.address = nodes.getColumn(2).getUInt();
      n.state = nodes.getColumn(3).getInt();
      n.join_until_ns = nodes.getColumn(4).getInt64();
      n.next_epoch = nodes.getColumn(5).getUInt();
      const SQLite::Column key = nodes.getColumn(6);
      const auto* bytes = static_cast<const std::uint8_t*>(key.getBlob());
      n.sealed_key.assign(bytes, bytes + key.getBytes());
      n.receiver = nodes.getColumn(7).getString();
      n.profile = nodes.getColumn(8).getString();
      n.model = nodes.getColumn(9).getString();
      place[n.id] = out.size();
      out.push_back(std::move(n));
    }
    SQLite::Statement sessions(
        state_->db,
        "SELECT node, epoch, join_nonce, net_nonce, next_counter, next_down FROM sessions "
        "ORDER BY node, epoch");
    while (sessions.executeStep()) {
      SessionRow s;
      s.node = sessions.getColumn(0).getInt64();
      s.session = {sessions.getColumn(1).getUInt(), sessions.getColumn(2).getUInt(),
                   sessions.getColumn(3).getUInt()};
      s.next_counter = sessions.getColumn(4).getUInt();
      s.next_down = sessions.getColumn(5).getUInt();
      if (const auto it = place.find(s.node); it != place.end()) out[it->second].sessions.push_back(s);
    }
    SQLite::Statement holes(state_->db,
                            "SELECT node, epoch, first, last FROM holes ORDER BY node, epoch, first");
    while (holes.executeStep()) {
      const auto it = place.find(holes.getColumn(0).getInt64());
      if (it == place.end()) continue;
      for (SessionRow& s : out[it->second].sessions) {
        if (s.session.epoch == holes.getColumn(1).getUInt())
          s.holes.push_back({holes.getColumn(2).getUInt(), holes.getColumn(3).getUInt()});
      }
    }
    SQLite::Statement joins(state_->db,
                            "SELECT node, join_nonce, epoch, accept FROM joins ORDER BY node, epoch");
    while (joins.executeStep()) {
      const auto it = place.find(joins.getColumn(0).getInt64());
      if (it == place.end()) continue;
      const SQLite::Column accept = joins.getColumn(3);
      const auto* bytes = static_cast<const std::uint8_t*>(accept.getBlob());
      out[it->second].joins.push_back({joins.getColumn(0).getInt64(),
                                       joins.getColumn(1).getUInt(),
                                       joins.getColumn(2).getUInt(),
                                       out[it->second].address,
                                       {bytes, bytes + accept.getBytes()}});
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<NodeRow>>::failure(error.what());
  }
  return out;
}

namespace {

constexpr char kCommandColumns[] =
    "SELECT c.id, c.node, c.opcode, c.arguments, c.state, c.created_ns, c.not_after_ns, c.tries, c.next_ns, "
    "c.result, c.detail, n.address FROM commands c JOIN nodes n ON n.id = c.node";

std::vector<CommandRow> read_commands(SQLite::Statement& s) {
  std::vector<CommandRow> out;
  while (s.executeStep()) {
    CommandRow& c = out.emplace_back();
    c.id = s.getColumn(0).getInt64();
    c.node = s.getColumn(1).getInt64();
    c.opcode = static_cast<std::uint8_t>(s.getColumn(2).getInt());
    const SQLite::Column arguments = s.getColumn(3);
    const auto* bytes = static_cast<const std::uint8_t*>(arguments.getBlob());
    if (bytes != nullptr) c.arguments.assign(bytes, bytes + arguments.getBytes());
    c.state = static_cast<CommandState>(s.getColumn(4).getInt());
    c.created_ns = s.getColumn(5).getInt64();
    c.not_after_ns = s.getColumn(6).getInt64();
    c.tries = s.getColumn(7).getInt64();
    c.next_ns = s.getColumn(8).getInt64();
    if (const SQLite::Column result = s.getColumn(9); !result.isNull()) c.result = result.getInt();
    if (const SQLite::Column detail = s.getColumn(10); !detail.isNull()) c.detail = detail.getInt();
    if (const SQLite::Column device = s.getColumn(11); !device.isNull()) c.device = device.getUInt();
  }
  return out;
}

}  // namespace

Result<std::vector<CommandRow>> Store::commands(std::int64_t since_ns) {
  try {
    SQLite::Statement s(state_->db, std::string(kCommandColumns) +
                                        " WHERE c.state < 2 OR (c.state = 4 AND c.not_after_ns >= ?)");
    s.bind(1, since_ns);
    return read_commands(s);
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<CommandRow>>::failure(error.what());
  }
}

Result<std::vector<GroupRow>> Store::groups() {
  std::vector<GroupRow> out;
  try {
    SQLite::Statement s(state_->db,
                        "SELECT id, sealed_key, next_counter FROM groups WHERE sealed_key IS NOT NULL");
    while (s.executeStep()) {
      const SQLite::Column key = s.getColumn(1);
      const auto* bytes = static_cast<const std::uint8_t*>(key.getBlob());
      out.push_back({s.getColumn(0).getInt64(), {bytes, bytes + key.getBytes()}, s.getColumn(2).getUInt()});
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<GroupRow>>::failure(error.what());
  }
  return out;
}

void Store::checkpoint() {
  try {
    state_->db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const SQLite::Exception&) {
    // The log is folded in at the next start.
  }
}

struct StoreReader::State {
  using Clock = std::chrono::steady_clock;
  State(const std::string& file, std::chrono::milliseconds most_time)
      : db(file, SQLite::OPEN_READONLY, 2000), most(most_time) {
    if (most.count() == 0) return;
    // Asked every so many steps of SQLite's machine, some milliseconds.
    sqlite3_progress_handler(
        db.getHandle(), 10'000,
        [](void* state) { return Clock::now() > static_cast<State*>(state)->deadline ? 1 : 0; }, this);
  }
  // One reader at a time, for as long as it may.
  class Turn {
   public:
    explicit Turn(State& state) : lock_(state.mutex) {
      state.deadline = Clock::now() + state.most;
      state.multiplied.reset();
    }

   private:
    std::lock_guard<std::mutex> lock_;
  };
  // Between statements, as the handler does within one.
  void check_time() const {
    if (most.count() > 0 && Clock::now() > deadline) throw SQLite::Exception("interrupted", SQLITE_INTERRUPT);
  }
  template <class Row>
  void each_row(SQLite::Statement& s, const Page& page, const char* table, Row row);
  // Of the register of the device; null: none.
  const Multiplier* multiplier(std::uint32_t device, const std::string& obis);
  // Mantissa, base and exponent of a value as they leave the store.
  template <class Value>
  void multiply(Value& value, std::uint32_t device, const std::string& obis);

  SQLite::Database db;
  std::optional<SQLite::Statement> deliveries, find_multipliers;
  std::optional<std::uint32_t> multiplied;  // the device that `multipliers` are of, in this turn
  Multipliers multipliers;
  std::mutex mutex;
  const std::chrono::milliseconds most;
  Clock::time_point deadline;
};

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& file,
                                                       std::chrono::milliseconds most) {
  using R = Result<std::unique_ptr<StoreReader>>;
  try {
    return R(std::unique_ptr<StoreReader>(new StoreReader(std::make_unique<State>(file, most))));
  } catch (const SQLite::Exception& error) {
    return R::failure("database " + file + ": " + error.what());
  }
}

StoreReader::StoreReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StoreReader::~StoreReader() = default;

namespace {

// The conditions a page asks for. Column names are ours; values are bound, never pasted. `blocks`: the index
// by device goes by blocks of ids, one of them at a time.
std::string page_sql(const Page& page, const char* id, const char* device, const char* time,
                     const char* name = nullptr, bool blocks = false) {
  std::string sql = " WHERE 1";
  if (page.cursor >= 0) sql += std::string(" AND ") + id + (page.newest_first ? " < ?2" : " > ?2");
  if (page.since_ns != 0) sql += std::string(" AND ") + time + " >= ?3";
  if (page.device) sql += std::string(" AND ") + device + " = ?4";
  if (page.device && blocks) sql += std::string(" AND ") + id + " >> " + std::to_string(kBlockBits) + " = ?7";
  if (page.until_ns != 0) sql += std::string(" AND ") + time + " < ?5";
  if (!page.name.empty() && name != nullptr) sql += std::string(" AND ") + name + " = ?6";
  return sql + " ORDER BY " + id + (page.newest_first ? " DESC" : "") + " LIMIT ?1";
}

void bind_page(SQLite::Statement& s, const Page& page) {
  s.bind(1, page.limit);
  if (page.cursor >= 0) s.bind(2, page.cursor);
  if (page.since_ns != 0) s.bind(3, page.since_ns);
  if (page.device) s.bind(4, static_cast<std::int64_t>(*page.device));
  if (page.until_ns != 0) s.bind(5, page.until_ns);
  if (!page.name.empty()) s.bind(6, page.name);
}

std::uint32_t device_of(const SQLite::Column& column) {
  return static_cast<std::uint32_t>(column.getInt64());
}

}  // namespace

const Multiplier* StoreReader::State::multiplier(std::uint32_t device, const std::string& obis) {
  if (multiplied != device) {
    if (!find_multipliers) find_multipliers.emplace(db, "SELECT multipliers FROM nodes WHERE address = ?");
    const Use use(*find_multipliers);
    find_multipliers->bind(1, static_cast<std::int64_t>(device));
    auto found = parse_multipliers(
        find_multipliers->executeStep() ? find_multipliers->getColumn(0).getString() : std::string());
    if (!found) throw SQLite::Exception("device " + std::to_string(device) + ": " + found.error());
    multipliers = std::move(found.value());
    multiplied = device;
  }
  const auto it = multipliers.find(obis);
  return it == multipliers.end() ? nullptr : &it->second;
}

template <class Value>
void StoreReader::State::multiply(Value& value, std::uint32_t device, const std::string& obis) {
  const Multiplier* by = multiplier(device, obis);
  if (by == nullptr) return;
  const std::int64_t total = by->times(value.base + value.mantissa);
  value.mantissa = by->times(value.mantissa);
  value.base = total - value.mantissa;
  value.exponent += by->exponent;
}

// Calls `row` for each row of the page: of one device block by block, else at once.
template <class Row>
void StoreReader::State::each_row(SQLite::Statement& s, const Page& page, const char* table, Row row) {
  bind_page(s, page);
  if (!page.device) {
    while (s.executeStep()) row();
    return;
  }
  SQLite::Statement ends(
      db, std::string("SELECT (SELECT min(id) FROM ") + table + "), (SELECT max(id) FROM " + table + ")");
  ends.executeStep();
  std::int64_t first = ends.getColumn(0).getInt64();
  std::int64_t last = ends.getColumn(1).getInt64();
  if (page.cursor >= 0 && page.newest_first) last = std::min(last, page.cursor - 1);
  if (page.cursor >= 0 && !page.newest_first) first = std::max(first, page.cursor + 1);
  std::int64_t left = page.limit;
  const std::int64_t step = page.newest_first ? -1 : 1;
  std::int64_t block = (page.newest_first ? last : first) >> kBlockBits;
  for (; left > 0 && block >= first >> kBlockBits && block <= last >> kBlockBits; block += step) {
    check_time();
    const Use use(s);
    s.bind(1, left);
    s.bind(7, block);
    for (; s.executeStep(); --left) row();
  }
}

Result<std::vector<StoredFrame>> StoreReader::frames(const Page& page) {
  const State::Turn turn(*state_);
  std::vector<StoredFrame> out;
  try {
    SQLite::Statement s(
        state_->db,
        "SELECT f.id, r.receiver, r.run, f.sequence, f.device, f.payload_status, f.profile, f.direction, "
        "f.received_ns, f.time_ns, f.sample_index, f.payload, f.snr_db, f.ebn0_db, f.carrier_offset_hz, "
        "f.clock_offset_ppm, f.delay_spread_s, f.residual_db, f.corrected_bits, f.list_used, "
        "r.sample_rate_hz, r.time_source, f.epoch, f.counter, f.late, f.copies FROM frames f JOIN runs r ON "
        "r.id = f.run_id" +
            page_sql(page, "f.id", "f.device", "f.time_ns", nullptr, true));
    state_->each_row(s, page, "frames", [&] {
      StoredFrame f;
      FrameRecord& r = f.row.record;
      int i = 0;
      f.id = s.getColumn(i++).getInt64();
      r.receiver = s.getColumn(i++).getString();
      r.run = as_unsigned(s.getColumn(i++).getInt64());
      r.sequence = as_unsigned(s.getColumn(i++).getInt64());
      if (const SQLite::Column device = s.getColumn(i++); !device.isNull()) f.device = device_of(device);
      f.row.payload_status = static_cast<PayloadStatus>(s.getColumn(i++).getInt());
      r.profile = s.getColumn(i++).getString();
      r.direction = s.getColumn(i++).getInt() == 0 ? ngwire::Direction::up : ngwire::Direction::down;
      f.row.received_ns = s.getColumn(i++).getInt64();
      f.row.time_ns = s.getColumn(i++).getInt64();
      r.sample_index = as_unsigned(s.getColumn(i++).getInt64());
      const SQLite::Column payload = s.getColumn(i++);
      const auto* bytes = static_cast<const std::uint8_t*>(payload.getBlob());
      if (bytes != nullptr) r.payload.assign(bytes, bytes + payload.getBytes());
      r.metrics.snr_db = s.getColumn(i++).getDouble();
      r.metrics.ebn0_db = s.getColumn(i++).getDouble();
      r.metrics.carrier_offset_hz = s.getColumn(i++).getDouble();
      r.metrics.clock_offset_ppm = s.getColumn(i++).getDouble();
      r.metrics.delay_spread_s = s.getColumn(i++).getDouble();
      r.metrics.residual_db = s.getColumn(i++).getDouble();
      r.metrics.corrected_bits = s.getColumn(i++).getUInt();
      r.metrics.list_used = s.getColumn(i++).getUInt();
      r.sample_rate_hz = s.getColumn(i++).getDouble();
      r.time_source = s.getColumn(i++).getString();
      if (const SQLite::Column epoch = s.getColumn(i++); !epoch.isNull() && f.device) {
        LinkMark link;
        link.address = *f.device;
        link.epoch = epoch.getUInt();
        link.counter = s.getColumn(i++).getUInt();
        link.late = s.getColumn(i++).getInt() != 0;
        f.row.link = link;
        f.copies = s.getColumn(i++).getInt64();
      }
      out.push_back(std::move(f));
    });
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredFrame>>::failure(error.what());
  }
  return out;
}

Result<std::vector<StoredReading>> StoreReader::readings(const Page& page) {
  const State::Turn turn(*state_);
  std::vector<StoredReading> out;
  try {
    SQLite::Statement s(
        state_->db,
        "SELECT v.id, v.frame_id, v.device, v.counter, v.time_ns, g.obis, g.unit, v.mantissa, g.exponent, "
        "v.base FROM readings v JOIN registers g ON g.id = v.register" +
            page_sql(page, "v.id", "v.device", "v.time_ns", "g.obis", true));
    state_->each_row(s, page, "readings", [&] {
      out.push_back({s.getColumn(0).getInt64(), s.getColumn(1).getInt64(), device_of(s.getColumn(2)),
                     static_cast<std::uint16_t>(s.getColumn(3).getInt()), s.getColumn(4).getInt64(),
                     s.getColumn(5).getString(), s.getColumn(6).getString(), s.getColumn(7).getInt64(),
                     s.getColumn(8).getInt(), s.getColumn(9).getInt64()});
      state_->multiply(out.back(), out.back().device, out.back().obis);
    });
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredReading>>::failure(error.what());
  }
  return out;
}

Result<std::vector<StoredEvent>> StoreReader::events(const Page& page) {
  const State::Turn turn(*state_);
  std::vector<StoredEvent> out;
  try {
    SQLite::Statement s(state_->db,
                        "SELECT e.id, e.time_ns, e.device, e.node, e.kind, e.detail FROM events e" +
                            page_sql(page, "e.id", "e.device", "e.time_ns", "e.kind"));
    bind_page(s, page);
    while (s.executeStep()) {
      StoredEvent e;
      e.id = s.getColumn(0).getInt64();
      e.row.time_ns = s.getColumn(1).getInt64();
      if (const SQLite::Column device = s.getColumn(2); !device.isNull()) e.row.device = device_of(device);
      if (const SQLite::Column node = s.getColumn(3); !node.isNull()) e.row.node = node.getInt64();
      e.row.kind = s.getColumn(4).getString();
      e.row.detail = s.getColumn(5).getString();
      out.push_back(std::move(e));
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredEvent>>::failure(error.what());
  }
  return out;
}

Result<std::vector<Delivery>> StoreReader::deliveries(std::int64_t cursor, std::int64_t limit) {
  const State::Turn turn(*state_);
  std::vector<Delivery> out;
  try {
    auto& s = state_->deliveries;
    if (!s) {
      s.emplace(
          state_->db,
          "SELECT v.id, v.frame_id, v.device, coalesce(f.epoch, 0), coalesce(f.counter, v.counter), "
          "f.received_ns, f.time_ns, f.late, f.copies, coalesce(f.best_snr_db, f.snr_db), g.obis, g.unit, "
          "v.mantissa, g.exponent, v.base FROM readings v JOIN frames f ON f.id = v.frame_id "
          "JOIN registers g ON g.id = v.register WHERE v.id > ?1 ORDER BY v.id LIMIT ?2");
    }
    const Use use(*s);
    bind_all(*s, cursor, limit);
    std::int64_t rows = 0;
    while (s->executeStep()) {
      ++rows;
      const std::int64_t frame = s->getColumn(1).getInt64();
      if (out.empty() || out.back().frame != frame) {
        Delivery d;
        d.frame = frame;
        d.device = device_of(s->getColumn(2));
        d.epoch = s->getColumn(3).getUInt();
        d.counter = s->getColumn(4).getUInt();
        d.received_ns = s->getColumn(5).getInt64();
        d.time_ns = s->getColumn(6).getInt64();
        d.late = s->getColumn(7).getInt() != 0;
        d.copies = s->getColumn(8).getInt64();
        d.snr_db = s->getColumn(9).getDouble();
        out.push_back(std::move(d));
      }
      StoredReading v;
      v.id = s->getColumn(0).getInt64();
      v.obis = s->getColumn(10).getString();
      v.unit = s->getColumn(11).getString();
      v.mantissa = s->getColumn(12).getInt64();
      v.exponent = s->getColumn(13).getInt();
      v.base = s->getColumn(14).getInt64();
      state_->multiply(v, out.back().device, v.obis);
      out.back().cursor = v.id;
      out.back().values.push_back(std::move(v));
    }
    // The last frame may go on behind the limit; it comes with the next call.
    if (rows == limit && out.size() > 1) out.pop_back();
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<Delivery>>::failure(error.what());
  }
  return out;
}

Result<std::int64_t> StoreReader::newest_reading() {
  const State::Turn turn(*state_);
  try {
    return state_->db.execAndGet("SELECT coalesce(max(id), 0) FROM readings").getInt64();
  } catch (const SQLite::Exception& error) {
    return Result<std::int64_t>::failure(error.what());
  }
}

Result<std::vector<SinkRow>> StoreReader::sinks() {
  const State::Turn turn(*state_);
  std::vector<SinkRow> out;
  try {
    SQLite::Statement s(state_->db, "SELECT name, cursor, lost, refused FROM sinks ORDER BY name");
    while (s.executeStep())
      out.push_back({s.getColumn(0).getString(), s.getColumn(1).getInt64(), s.getColumn(2).getInt64(),
                     s.getColumn(3).getInt64()});
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<SinkRow>>::failure(error.what());
  }
  return out;
}

Result<std::vector<CommandRow>> StoreReader::commands(const Page& page) {
  const State::Turn turn(*state_);
  try {
    SQLite::Statement s(state_->db,
                        std::string(kCommandColumns) + page_sql(page, "c.id", "n.address", "c.created_ns"));
    bind_page(s, page);
    return read_commands(s);
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<CommandRow>>::failure(error.what());
  }
}

Result<std::vector<StoredRollup>> StoreReader::rollups(std::uint32_t device, const std::string& obis,
                                                       int level, std::int64_t since_s, std::int64_t until_s,
                                                       std::int64_t limit) {
  const State::Turn turn(*state_);
  std::vector<StoredRollup> out;
  try {
    // They lie by time, so that an hour is written to few pages: a page of one device goes from hour to hour.
    SQLite::Statement next(state_->db, "SELECT min(start_s) FROM rollups WHERE level = ?1 AND start_s >= ?2");
    SQLite::Statement before(state_->db,
                             "SELECT max(start_s) FROM rollups WHERE level = ?1 AND start_s < ?2");
    SQLite::Statement row(
        state_->db,
        "SELECT count, low, high, sum, first, last FROM rollups WHERE level = ?1 AND start_s "
        "= ?2 AND device = ?3 AND register = ?4");
    const auto begin = [&](SQLite::Statement& s, std::int64_t at) -> std::optional<std::int64_t> {
      state_->check_time();
      const Use use(s);
      bind_all(s, level, at);
      if (!s.executeStep() || s.isColumnNull(0)) return {};
      return s.getColumn(0).getInt64();
    };
    const auto find = [&](std::int64_t start_s, std::int64_t reg) {
      row.tryReset();
      bind_all(row, level, start_s, static_cast<std::int64_t>(device), reg);
      return row.executeStep();
    };
    std::int64_t first_seen_s = INT64_MAX;
    {
      SQLite::Statement seen(state_->db, "SELECT first_seen_ns FROM devices WHERE address = ?");
      seen.bind(1, static_cast<std::int64_t>(device));
      if (seen.executeStep()) first_seen_s = seen.getColumn(0).getInt64() / 1'000'000'000;
    }
    SQLite::Statement registers(state_->db, "SELECT id, unit, exponent FROM registers WHERE obis = ?");
    registers.bind(1, obis);
    while (registers.executeStep()) {
      const std::int64_t reg = registers.getColumn(0).getInt64();
      // A month begins at most so long before what is in it.
      const std::int64_t oldest_s = first_seen_s == INT64_MAX ? INT64_MAX : first_seen_s - 32 * 86'400;
      std::optional<std::int64_t> last;
      for (auto at = begin(before, since_s); !last && at && *at >= oldest_s; at = begin(before, *at)) {
        if (find(*at, reg)) last = row.getColumn(5).getInt64();
      }
      std::int64_t left = limit;
      for (auto at = begin(next, since_s); left > 0 && at && *at < until_s; at = begin(next, *at + 1)) {
        if (!find(*at, reg)) continue;
        --left;
        StoredRollup& r = out.emplace_back();
        r.start_s = *at;
        r.count = row.getColumn(0).getInt64();
        r.low = row.getColumn(1).getInt64();
        r.high = row.getColumn(2).getInt64();
        r.sum = row.getColumn(3).getInt64();
        r.first = row.getColumn(4).getInt64();
        r.last = row.getColumn(5).getInt64();
        r.before = last.value_or(r.first);
        r.unit = registers.getColumn(1).getString();
        r.exponent = registers.getColumn(2).getInt();
        last = r.last;
      }
    }
    if (const Multiplier* by = state_->multiplier(device, obis)) {
      for (StoredRollup& r : out) {
        for (std::int64_t* value : {&r.low, &r.high, &r.sum, &r.first, &r.last, &r.before})
          *value = by->times(*value);
        r.exponent += by->exponent;
      }
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredRollup>>::failure(error.what());
  }
  // A register that was sent in two scalings has two rows of roll-ups.
  std::stable_sort(out.begin(), out.end(),
                   [](const StoredRollup& a, const StoredRollup& b) { return a.start_s < b.start_s; });
  if (out.size() > static_cast<std::size_t>(limit)) out.resize(static_cast<std::size_t>(limit));
  return out;
}

Result<std::vector<StoredDevice>> StoreReader::devices(const Page& page) {
  const State::Turn turn(*state_);
  std::vector<StoredDevice> out;
  Page by_address = page;
  by_address.newest_first = false;
  try {
    SQLite::Statement s(state_->db,
                        "SELECT d.address, d.first_seen_ns, d.last_seen_ns, d.frames, d.counter, d.receiver, "
                        "d.profile, d.snr_db, "
                        "d.ebn0_db, d.clock_offset_ppm FROM devices d" +
                            page_sql(by_address, "d.address", "d.address", "d.last_seen_ns"));
    bind_page(s, by_address);
    SQLite::Statement last(state_->db,
                           "SELECT l.frame_id, l.time_ns, g.obis, g.unit, l.mantissa, g.exponent, l.base "
                           "FROM last_readings l JOIN registers "
                           "g ON g.id = l.register WHERE l.device = ? ORDER BY l.register");
    while (s.executeStep()) {
      StoredDevice d;
      d.device = device_of(s.getColumn(0));
      d.first_seen_ns = s.getColumn(1).getInt64();
      d.last_seen_ns = s.getColumn(2).getInt64();
      d.frames = s.getColumn(3).getInt64();
      d.counter = static_cast<std::uint16_t>(s.getColumn(4).getInt());
      d.receiver = s.getColumn(5).getString();
      d.profile = s.getColumn(6).getString();
      d.snr_db = s.getColumn(7).getDouble();
      d.ebn0_db = s.getColumn(8).getDouble();
      d.clock_offset_ppm = s.getColumn(9).getDouble();
      const Use use(last);
      last.bind(1, static_cast<std::int64_t>(d.device));
      while (last.executeStep()) {
        d.last.push_back({0, last.getColumn(0).getInt64(), d.device, 0, last.getColumn(1).getInt64(),
                          last.getColumn(2).getString(), last.getColumn(3).getString(),
                          last.getColumn(4).getInt64(), last.getColumn(5).getInt(),
                          last.getColumn(6).getInt64()});
        state_->multiply(d.last.back(), d.device, d.last.back().obis);
      }
      out.push_back(std::move(d));
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredDevice>>::failure(error.what());
  }
  return out;
}

Result<std::vector<LastSeen>> StoreReader::last_seen(const Page& page, const std::string& obis) {
  const State::Turn turn(*state_);
  std::vector<LastSeen> out;
  Page by_address = page;
  by_address.newest_first = false;
  try {
    const SQLite::Transaction one_state(state_->db);
    // A register that was sent in two scalings has two ids: the newer value counts. 0: none, all devices.
    struct Register {
      std::int64_t id = 0;
      std::string unit;
      int exponent = 0;
    };
    std::vector<Register> registers(1);
    SQLite::Statement find(state_->db, "SELECT id, unit, exponent FROM registers WHERE obis = ?");
    find.bind(1, obis);
    for (std::size_t i = 0; find.executeStep(); ++i) {
      registers.resize(i + 1);
      registers[i] = {find.getColumn(0).getInt64(), find.getColumn(1).getString(),
                      find.getColumn(2).getInt()};
    }
    // As the view last_readings says, which would be made for all registers here.
    SQLite::Statement s(
        state_->db,
        std::string("SELECT d.address, d.last_seen_ns") +
            (obis.empty()
                 ? ", NULL FROM devices d"
                 : ", iif(v.id IS NULL, k.rank, d.rank), coalesce(v.mantissa, k.mantissa), "
                   "coalesce(v.base, k.base), coalesce(v.time_ns, k.time_ns) FROM devices d LEFT JOIN "
                   "kept_readings k ON k.device = d.address AND k.register = ?7 LEFT JOIN readings v ON "
                   "v.id >= d.reading_id AND v.id < d.reading_id + d.readings AND +v.register = k.register "
                   "AND v.frame_id <> k.frame_id") +
            page_sql(by_address, "d.address", "d.address", "d.last_seen_ns"));
    std::vector<std::int64_t> ranks;
    for (const Register& reg : registers) {
      const Use use(s);
      bind_page(s, by_address);
      if (!obis.empty()) s.bind(7, reg.id);
      for (std::size_t i = 0; s.executeStep(); ++i) {
        if (i == out.size()) {
          LastSeen& d = out.emplace_back();
          d.device = device_of(s.getColumn(0));
          d.last_seen_ns = s.getColumn(1).getInt64();
          ranks.push_back(INT64_MIN);
        }
        if (s.isColumnNull(2) || s.getColumn(2).getInt64() < ranks[i]) continue;
        LastSeen& d = out[i];
        ranks[i] = s.getColumn(2).getInt64();
        d.has_value = true;
        d.unit = reg.unit;
        d.exponent = reg.exponent;
        d.mantissa = s.getColumn(3).getInt64();
        d.base = s.getColumn(4).getInt64();
        d.time_ns = s.getColumn(5).getInt64();
        state_->multiply(d, d.device, obis);
      }
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<LastSeen>>::failure(error.what());
  }
  return out;
}

}  // namespace ngplc::hub
