// The table of readings in PostgreSQL, written by the hub's sink and by `ngplc-hub collect`.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reading_row.h"

struct pg_conn;

namespace ngplc::hub {

/// What became of the rows.
struct TableAnswer {
  std::string wrong;     ///< empty: all of them are committed; else one line and none is
  bool refused = false;  ///< PostgreSQL will never take them as they are: no trouble that passes
};

/// One connection to `ngplc_readings`, which is partitioned by month. Used by one thread.
class ReadingTable {
 public:
  /// `url`: connection string of libpq.
  explicit ReadingTable(std::string url);
  ~ReadingTable();
  ReadingTable(const ReadingTable&) = delete;
  ReadingTable& operator=(const ReadingTable&) = delete;

  /// Connects when it must, makes the table and the partitions that are missing, and writes all rows in one
  /// transaction. Rows that are there already (same hub, device, register, time, epoch, counter) stay as
  /// they are. Blocks for 30 s a statement at most.
  TableAnswer write(const std::vector<ReadingRow>& rows);

 private:
  struct Free {
    void operator()(pg_conn* connection) const;
  };
  std::string connect();
  std::string run(const char* sql);
  std::string make_partition(std::int64_t time_ms);
  TableAnswer insert(const std::vector<ReadingRow>& rows);
  TableAnswer try_write(const std::vector<ReadingRow>& rows);

  const std::string url_;
  std::unique_ptr<pg_conn, Free> connection_;
  std::set<int> partitions_;  // months since 1900 known to be there
};

}  // namespace ngplc::hub
