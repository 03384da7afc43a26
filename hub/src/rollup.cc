#include "rollup.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <spdlog/spdlog.h>

#include <array>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "local_calendar.h"
#include "ngwire/link/reading_codec.h"
#include "store.h"

namespace ngplc::hub {
namespace {

using ngwire::Result;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kHourNs = 3600 * kSecondNs;
constexpr std::int64_t kDayNs = 24 * kHourNs;
// Rows that one call of forget() deletes of each table: some milliseconds of the ingest thread.
constexpr std::int64_t kForgotten = 2000;
constexpr std::array<RollupLevel, 3> kLevels = {RollupLevel::hour, RollupLevel::day, RollupLevel::month};

struct Fold {
  std::int64_t count = 0, low = INT64_MAX, high = INT64_MIN, sum = 0;
  std::int64_t first_ns = INT64_MAX, first = 0, last_ns = INT64_MIN, last = 0;

  void add(std::int64_t value, std::int64_t time_ns, bool cumulative) {
    ++count;
    low = std::min(low, value);
    high = std::max(high, value);
    if (!cumulative && __builtin_add_overflow(sum, value, &sum)) sum = value < 0 ? INT64_MIN : INT64_MAX;
    // Two readings of one instant: the larger total is the later one.
    if (time_ns < first_ns || (time_ns == first_ns && value < first)) {
      first_ns = time_ns;
      first = value;
    }
    if (time_ns > last_ns || (time_ns == last_ns && value > last)) {
      last_ns = time_ns;
      last = value;
    }
  }
};

struct Key {
  int level;
  std::int64_t start_s, device, reg;
  bool operator<(const Key& o) const {
    return std::tie(level, start_s, device, reg) < std::tie(o.level, o.start_s, o.device, o.reg);
  }
};

}  // namespace

struct Rollups::State {
  State(SQLite::Database& database, RetentionConfig r, std::int64_t max_age_h, std::chrono::seconds period)
      : db(database),
        retention(r),
        fold_period(period),
        outbox_max_age_ns(max_age_h * kHourNs),
        next(
            db,
            "SELECT v.id, v.device, v.register, v.mantissa + iif(g.obis LIKE '%.8.%', v.base, 0), v.time_ns, "
            "g.obis FROM readings v JOIN registers g ON g.id = v.register WHERE v.id > ? ORDER BY v.id "
            "LIMIT ?"),
        put(db,
            "INSERT INTO rollups VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12) ON CONFLICT DO UPDATE SET "
            "count = count + ?5, low = min(low, ?6), high = max(high, ?7), sum = sum + ?8, "
            "first = iif(?9 < first_ns OR (?9 = first_ns AND ?10 < first), ?10, first), "
            "first_ns = min(first_ns, ?9), "
            "last = iif(?11 > last_ns OR (?11 = last_ns AND ?12 > last), ?12, last), "
            "last_ns = max(last_ns, ?11)"),
        get_cursor(db, "SELECT cursor FROM sinks WHERE name = 'rollups'"),
        put_cursor(db, "INSERT OR REPLACE INTO sinks(name, cursor, lost) VALUES('rollups', ?, 0)"),
        zone(db, "SELECT time_zone FROM nodes WHERE address = ?"),
        // The newest reading stays: SQLite counts on from the largest id there is, and to cursors a number
        // that is given again is one that was delivered.
        oldest(db,
               "SELECT v.id, f.received_ns FROM readings v JOIN frames f ON f.id = v.frame_id WHERE v.id < "
               "(SELECT max(id) FROM readings) ORDER BY v.id LIMIT ?") {}

  std::int64_t cursor() {
    get_cursor.reset();
    return get_cursor.executeStep() ? get_cursor.getColumn(0).getInt64() : 0;
  }
  const LocalCalendar& calendar(std::int64_t device) {
    if (const auto it = of_device.find(device); it != of_device.end()) return *it->second;
    zone.reset();
    zone.bind(1, device);
    const std::string name = zone.executeStep() ? zone.getColumn(0).getString() : "";
    zone.reset();
    auto& calendar = by_name.try_emplace(name, name).first->second;
    if (!calendar.known() && unknown.insert(name).second)
      spdlog::warn("time zone '{}' is not in the system's database: roll-ups of its devices are in UTC",
                   name);
    of_device[device] = &calendar;
    return calendar;
  }
  std::int64_t forget_readings(std::int64_t now_ns);
  std::int64_t forget_level(RollupLevel level, std::int64_t days, std::int64_t now_ns);

  SQLite::Database& db;
  RetentionConfig retention;
  std::chrono::seconds fold_period;
  std::int64_t outbox_max_age_ns;
  SQLite::Statement next, put, get_cursor, put_cursor, zone, oldest;
  std::unordered_map<std::int64_t, const LocalCalendar*> of_device;  // of one fold: the registry may change
  std::map<std::string, LocalCalendar> by_name;
  std::set<std::string> unknown;
  std::chrono::steady_clock::time_point due{};
};

Rollups::Rollups(Store& store, RetentionConfig retention, std::int64_t outbox_max_age_h,
                 std::chrono::seconds period)
    : state_(std::make_unique<State>(store.database(), retention, outbox_max_age_h, period)) {}
Rollups::~Rollups() = default;

void Rollups::turn(std::int64_t now_ns) {
  const auto now = std::chrono::steady_clock::now();
  if (now < state_->due) return;
  const auto folded = fold();
  if (!folded) spdlog::error("roll-ups wait: {}", folded.error());
  if (folded && folded.value() == kValues) return;  // more is there: with the next turn
  state_->due = now + state_->fold_period;
  if (const auto forgotten = forget(now_ns); !forgotten)
    spdlog::error("retention waits: {}", forgotten.error());
}

Result<std::int64_t> Rollups::fold() {
  State& s = *state_;
  s.of_device.clear();
  try {
    std::int64_t at = s.cursor();
    s.get_cursor.reset();
    std::map<Key, Fold> folds;
    std::int64_t values = 0;
    {
      s.next.reset();
      s.next.bind(1, at);
      s.next.bind(2, kValues);
      std::int64_t device = -1;
      std::int64_t second = INT64_MIN;
      std::array<std::int64_t, kLevels.size()> starts{};
      while (s.next.executeStep()) {
        ++values;
        at = s.next.getColumn(0).getInt64();
        const std::int64_t time_ns = s.next.getColumn(4).getInt64();
        // Values of one frame follow each other.
        if (s.next.getColumn(1).getInt64() != device || time_ns / kSecondNs != second) {
          device = s.next.getColumn(1).getInt64();
          second = time_ns / kSecondNs;
          for (std::size_t i = 0; i < kLevels.size(); ++i)
            starts[i] = s.calendar(device).start(kLevels[i], second);
        }
        const bool cumulative = s.next.getColumn(5).getString().find(".8.") != std::string::npos;
        for (std::size_t i = 0; i < kLevels.size(); ++i)
          folds[{static_cast<int>(i), starts[i], device, s.next.getColumn(2).getInt64()}].add(
              s.next.getColumn(3).getInt64(), time_ns, cumulative);
      }
      s.next.reset();
    }
    if (values == 0) return values;
    SQLite::Transaction transaction(s.db, SQLite::TransactionBehavior::IMMEDIATE);
    for (const auto& [key, f] : folds) {
      s.put.reset();
      int i = 0;
      for (const std::int64_t number : {std::int64_t{key.level}, key.start_s, key.device, key.reg, f.count,
                                        f.low, f.high, f.sum, f.first_ns, f.first, f.last_ns, f.last})
        s.put.bind(++i, number);
      s.put.exec();
    }
    s.put_cursor.reset();
    s.put_cursor.bind(1, at);
    s.put_cursor.exec();
    transaction.commit();
    return values;
  } catch (const SQLite::Exception& error) {
    for (SQLite::Statement* statement : {&s.next, &s.put, &s.put_cursor, &s.zone}) statement->tryReset();
    return Result<std::int64_t>::failure(error.what());
  }
}

std::int64_t Rollups::State::forget_readings(std::int64_t now_ns) {
  const std::int64_t limit = now_ns - retention.readings_d * kDayNs;
  const std::int64_t folded = cursor();
  get_cursor.reset();
  const std::int64_t delivered =
      db.execAndGet("SELECT coalesce(min(cursor), 0) FROM sinks WHERE name <> 'rollups'").getInt64();
  const bool has_sinks = db.execAndGet("SELECT count(*) FROM sinks WHERE name <> 'rollups'").getInt64() > 0;
  // Readings come in the order of their arrival: the old ones are the first.
  std::int64_t last = 0;
  oldest.reset();
  oldest.bind(1, kForgotten);
  while (oldest.executeStep()) {
    const std::int64_t id = oldest.getColumn(0).getInt64();
    const std::int64_t received_ns = oldest.getColumn(1).getInt64();
    const bool waited_for = has_sinks && id > delivered && received_ns >= now_ns - outbox_max_age_ns;
    if (received_ns >= limit || id > folded || waited_for) break;
    last = id;
  }
  oldest.reset();
  if (last == 0) return 0;
  SQLite::Statement readings(db, "DELETE FROM readings WHERE id <= ?");
  readings.bind(1, last);
  std::int64_t count = readings.exec();
  SQLite::Statement frames(db,
                           "DELETE FROM frames WHERE received_ns < ?1 AND id < "
                           "(SELECT coalesce(min(frame_id), 9223372036854775807) FROM "
                           "(SELECT frame_id FROM readings ORDER BY id LIMIT 1)) AND id <= "
                           "(SELECT min(id) + ?2 FROM frames)");
  frames.bind(1, limit);
  frames.bind(2, kForgotten);
  count += frames.exec();
  return count;
}

std::int64_t Rollups::State::forget_level(RollupLevel level, std::int64_t days, std::int64_t now_ns) {
  SQLite::Statement forget(
      db,
      "DELETE FROM rollups WHERE (level, start_s, device, register) IN (SELECT level, "
      "start_s, device, register FROM rollups WHERE level = ?1 AND start_s < ?2 LIMIT ?3)");
  forget.bind(1, static_cast<int>(level));
  forget.bind(2, (now_ns - days * kDayNs) / kSecondNs);
  forget.bind(3, kForgotten);
  return forget.exec();
}

Result<std::int64_t> Rollups::forget(std::int64_t now_ns) {
  State& s = *state_;
  try {
    std::int64_t count = 0;
    SQLite::Transaction transaction(s.db, SQLite::TransactionBehavior::IMMEDIATE);
    if (s.retention.readings_d > 0) count += s.forget_readings(now_ns);
    if (s.retention.hours_d > 0) count += s.forget_level(RollupLevel::hour, s.retention.hours_d, now_ns);
    if (s.retention.days_d > 0) count += s.forget_level(RollupLevel::day, s.retention.days_d, now_ns);
    transaction.commit();
    return count;
  } catch (const SQLite::Exception& error) {
    for (SQLite::Statement* statement : {&s.oldest, &s.get_cursor}) statement->tryReset();
    return Result<std::int64_t>::failure(error.what());
  }
}

}  // namespace ngplc::hub
