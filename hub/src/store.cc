#include "store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

#include "schema.h"

namespace ngplc::hub {
namespace {

using ngwire::FrameRecord;
using ngwire::Result;

constexpr std::size_t kRunCache = 4096;
constexpr int kPageBytes = 4096;

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
  std::int64_t first_seen_ns = 0;
  std::int64_t frames = 0;
};

struct LastUpdate {
  std::int64_t mantissa = 0;
  std::int64_t time_ns = 0;
  std::int64_t frame_id = 0;
};

}  // namespace

struct Store::State {
  explicit State(const std::string& file) : db(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 2000) {}

  void prepare();
  std::int64_t run_id(const FrameRow& row);
  std::int64_t register_id(const ngwire::RegisterSpec& spec);
  void write(const std::vector<FrameRow>& batch, CommitOutcome& outcome);

  SQLite::Database db;
  int lock_fd = -1;
  std::optional<SQLite::Statement> begin, commit, rollback, find_run, add_run, add_frame, add_reading,
      find_register, add_register, put_device, put_last;
  using RunKey = std::pair<std::string, std::uint64_t>;
  // Row numbers that are surely in the file; numbers made by an open transaction wait in the second map.
  std::map<RunKey, std::int64_t> runs, new_runs;
  std::map<const ngwire::RegisterSpec*, std::int64_t> registers, new_registers;
  std::map<std::uint32_t, DeviceUpdate> devices;
  std::map<std::pair<std::uint32_t, std::int64_t>, LastUpdate> last;
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
      "INSERT INTO frames(run_id, sequence, device, payload_status, profile, direction, received_ns, "
      "time_ns, "
      "sample_index, payload, snr_db, ebn0_db, carrier_offset_hz, clock_offset_ppm, delay_spread_s, "
      "residual_db, "
      "corrected_bits, list_used) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  add_reading.emplace(
      db, "INSERT INTO readings(frame_id, device, counter, register, mantissa, time_ns) VALUES(?,?,?,?,?,?)");
  find_register.emplace(db, "SELECT id FROM registers WHERE obis = ? AND unit = ? AND exponent = ?");
  add_register.emplace(db, "INSERT INTO registers(obis, unit, exponent) VALUES(?,?,?)");
  put_device.emplace(
      db,
      "INSERT INTO devices(address, first_seen_ns, last_seen_ns, frames, counter, receiver, profile, snr_db, "
      "ebn0_db, "
      "clock_offset_ppm) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10) ON CONFLICT(address) DO UPDATE SET "
      "frames = frames + ?4, first_seen_ns = min(first_seen_ns, ?2), "
      "counter = iif(?3 >= last_seen_ns, ?5, counter), receiver = iif(?3 >= last_seen_ns, ?6, receiver), "
      "profile = iif(?3 >= last_seen_ns, ?7, profile), snr_db = iif(?3 >= last_seen_ns, ?8, snr_db), "
      "ebn0_db = iif(?3 >= last_seen_ns, ?9, ebn0_db), "
      "clock_offset_ppm = iif(?3 >= last_seen_ns, ?10, clock_offset_ppm), last_seen_ns = max(last_seen_ns, "
      "?3)");
  put_last.emplace(
      db,
      "INSERT INTO last_readings(device, register, mantissa, time_ns, frame_id) VALUES(?1,?2,?3,?4,?5) "
      "ON CONFLICT(device, register) DO UPDATE SET mantissa = ?3, time_ns = ?4, frame_id = ?5 WHERE ?4 >= "
      "time_ns");
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

void Store::State::write(const std::vector<FrameRow>& batch, CommitOutcome& outcome) {
  for (const FrameRow& row : batch) {
    const FrameRecord& r = row.record;
    const std::int64_t run = run_id(row);
    {
      SQLite::Statement& s = *add_frame;
      const Use use(s);
      int i = 0;
      s.bind(++i, run);
      s.bind(++i, as_signed(r.sequence));
      if (row.reading) {
        s.bind(++i, static_cast<std::int64_t>(row.reading->device));
      } else {
        s.bind(++i);
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
    if (!row.reading) continue;
    const std::int64_t frame_id = db.getLastInsertRowid();
    const ngwire::Reading& reading = *row.reading;
    DeviceUpdate& device = devices[reading.device];
    if (device.newest == nullptr || row.time_ns >= device.newest->time_ns) device.newest = &row;
    if (device.frames == 0 || row.time_ns < device.first_seen_ns) device.first_seen_ns = row.time_ns;
    ++device.frames;
    for (const ngwire::RegisterValue& value : reading.values) {
      const std::int64_t reg = register_id(*value.spec);
      const Use use(*add_reading);
      bind_all(*add_reading, frame_id, static_cast<std::int64_t>(reading.device),
               static_cast<int>(reading.counter), reg, value.mantissa, row.time_ns);
      add_reading->exec();
      ++outcome.readings;
      LastUpdate& newest = last[{reading.device, reg}];
      if (newest.frame_id == 0 || row.time_ns >= newest.time_ns)
        newest = {value.mantissa, row.time_ns, frame_id};
    }
  }
  for (const auto& [address, update] : devices) {
    const FrameRecord& r = update.newest->record;
    const Use use(*put_device);
    bind_all(*put_device, static_cast<std::int64_t>(address), update.first_seen_ns, update.newest->time_ns,
             update.frames, static_cast<int>(update.newest->reading->counter), r.receiver, r.profile,
             r.metrics.snr_db, r.metrics.ebn0_db, r.metrics.clock_offset_ppm);
    put_device->exec();
  }
  for (const auto& [key, update] : last) {
    const Use use(*put_last);
    bind_all(*put_last, static_cast<std::int64_t>(key.first), key.second, update.mantissa, update.time_ns,
             update.frame_id);
    put_last->exec();
  }
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

CommitOutcome Store::commit(const std::vector<FrameRow>& batch) {
  State& s = *state_;
  CommitOutcome outcome;
  s.new_runs.clear();
  s.new_registers.clear();
  s.devices.clear();
  s.last.clear();
  const auto run = [](SQLite::Statement& statement) {
    const Use use(statement);
    statement.exec();
  };
  try {
    run(*s.begin);
    s.write(batch, outcome);
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
  return outcome;
}

void Store::checkpoint() {
  try {
    state_->db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const SQLite::Exception&) {
    // The log is folded in at the next start.
  }
}

struct StoreReader::State {
  explicit State(const std::string& file) : db(file, SQLite::OPEN_READONLY, 2000) {}
  SQLite::Database db;
  std::mutex mutex;
};

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& file) {
  using R = Result<std::unique_ptr<StoreReader>>;
  try {
    return R(std::unique_ptr<StoreReader>(new StoreReader(std::make_unique<State>(file))));
  } catch (const SQLite::Exception& error) {
    return R::failure("database " + file + ": " + error.what());
  }
}

StoreReader::StoreReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
StoreReader::~StoreReader() = default;

namespace {

// The conditions a page asks for. Column names are ours; values are bound, never pasted.
std::string page_sql(const Page& page, const char* id, const char* device, const char* time) {
  std::string sql = " WHERE 1";
  if (page.cursor >= 0) sql += std::string(" AND ") + id + (page.newest_first ? " < ?2" : " > ?2");
  if (page.since_ns != 0) sql += std::string(" AND ") + time + " >= ?3";
  if (page.device) sql += std::string(" AND ") + device + " = ?4";
  return sql + " ORDER BY " + id + (page.newest_first ? " DESC" : "") + " LIMIT ?1";
}

void bind_page(SQLite::Statement& s, const Page& page) {
  s.bind(1, page.limit);
  if (page.cursor >= 0) s.bind(2, page.cursor);
  if (page.since_ns != 0) s.bind(3, page.since_ns);
  if (page.device) s.bind(4, static_cast<std::int64_t>(*page.device));
}

std::uint32_t device_of(const SQLite::Column& column) {
  return static_cast<std::uint32_t>(column.getInt64());
}

}  // namespace

Result<std::vector<StoredFrame>> StoreReader::frames(const Page& page) {
  const std::lock_guard lock(state_->mutex);
  std::vector<StoredFrame> out;
  try {
    SQLite::Statement s(
        state_->db,
        "SELECT f.id, r.receiver, r.run, f.sequence, f.device, f.payload_status, f.profile, f.direction, "
        "f.received_ns, f.time_ns, f.sample_index, f.payload, f.snr_db, f.ebn0_db, f.carrier_offset_hz, "
        "f.clock_offset_ppm, f.delay_spread_s, f.residual_db, f.corrected_bits, f.list_used, "
        "r.sample_rate_hz, "
        "r.time_source FROM frames f JOIN runs r ON r.id = f.run_id" +
            page_sql(page, "f.id", "f.device", "f.time_ns"));
    bind_page(s, page);
    while (s.executeStep()) {
      StoredFrame f;
      FrameRecord& r = f.row.record;
      int i = 0;
      f.id = s.getColumn(i++).getInt64();
      r.receiver = s.getColumn(i++).getString();
      r.run = as_unsigned(s.getColumn(i++).getInt64());
      r.sequence = as_unsigned(s.getColumn(i++).getInt64());
      if (const SQLite::Column device = s.getColumn(i++); !device.isNull()) f.device = device_of(device);
      f.row.payload_status = static_cast<ngwire::ReadingError>(s.getColumn(i++).getInt());
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
      out.push_back(std::move(f));
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredFrame>>::failure(error.what());
  }
  return out;
}

Result<std::vector<StoredReading>> StoreReader::readings(const Page& page) {
  const std::lock_guard lock(state_->mutex);
  std::vector<StoredReading> out;
  try {
    SQLite::Statement s(
        state_->db,
        "SELECT v.id, v.frame_id, v.device, v.counter, v.time_ns, g.obis, g.unit, v.mantissa, g.exponent "
        "FROM readings v JOIN registers g ON g.id = v.register" +
            page_sql(page, "v.id", "v.device", "v.time_ns"));
    bind_page(s, page);
    while (s.executeStep()) {
      out.push_back({s.getColumn(0).getInt64(), s.getColumn(1).getInt64(), device_of(s.getColumn(2)),
                     static_cast<std::uint16_t>(s.getColumn(3).getInt()), s.getColumn(4).getInt64(),
                     s.getColumn(5).getString(), s.getColumn(6).getString(), s.getColumn(7).getInt64(),
                     s.getColumn(8).getInt()});
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredReading>>::failure(error.what());
  }
  return out;
}

Result<std::vector<StoredDevice>> StoreReader::devices(const Page& page) {
  const std::lock_guard lock(state_->mutex);
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
                           "SELECT l.frame_id, l.time_ns, g.obis, g.unit, l.mantissa, g.exponent FROM "
                           "last_readings l JOIN registers "
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
                          last.getColumn(4).getInt64(), last.getColumn(5).getInt()});
      }
      out.push_back(std::move(d));
    }
  } catch (const SQLite::Exception& error) {
    return Result<std::vector<StoredDevice>>::failure(error.what());
  }
  return out;
}

}  // namespace ngplc::hub
