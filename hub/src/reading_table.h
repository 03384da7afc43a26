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

/// A row that PostgreSQL will never take as it is: SQLSTATE classes 22 (its data) and 23 (a constraint).
struct RefusedRow {
  std::size_t row = 0;  ///< index
  std::string reason;   ///< one line
};

/// What became of rows.
struct TableAnswer {
  std::string wrong;  ///< empty: all but the refused are committed; else one line, and some may not be
  std::vector<RefusedRow> refused = {};  ///< in order
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
  /// transaction; where PostgreSQL refuses rows, they are found by halving, and the others are written in a
  /// few. Rows that are there already (same hub, device, register, time, epoch, counter) stay as they are.
  /// Blocks for 30 s a statement at most.
  TableAnswer write(const std::vector<ReadingRow>& rows);

 private:
  struct Free {
    void operator()(pg_conn* connection) const;
  };
  using Rows = std::vector<ReadingRow>;
  struct Insertion;
  std::string connect();
  std::string run(const char* sql);
  std::string make_partition(std::int64_t time_ms);
  std::string make_partitions(const Rows& rows);
  Insertion insert(Rows::const_iterator first, Rows::const_iterator last);
  void halve(const Rows& rows, std::size_t first, std::size_t last, TableAnswer& answer);

  const std::string url_;
  std::unique_ptr<pg_conn, Free> connection_;
  std::set<int> partitions_;  // months since 1900 known to be there
};

}  // namespace ngplc::hub
