#include "reading_table.h"

#include <libpq-fe.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

namespace ngplc::hub {
namespace {

constexpr char kTable[] =
    "CREATE TABLE IF NOT EXISTS ngplc_readings("
    "hub text NOT NULL, device bigint NOT NULL, register text NOT NULL, time timestamptz NOT NULL, "
    "epoch bigint NOT NULL, counter bigint NOT NULL, value numeric NOT NULL, total numeric NOT NULL, "
    "unit text NOT NULL, late boolean NOT NULL, "
    "PRIMARY KEY(hub, device, register, time, epoch, counter)) PARTITION BY RANGE(time)";
constexpr char kInsert[] =
    "INSERT INTO ngplc_readings SELECT h, d, r, to_timestamp(t / 1000.0), e, c, v, b, u, l "
    "FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], "
    "$7::numeric[], $8::numeric[], $9::text[], $10::boolean[]) AS x(h, d, r, t, e, c, v, b, u, l) "
    "ON CONFLICT DO NOTHING";

struct FreeResult {
  void operator()(PGresult* r) const { PQclear(r); }
};
using PgResult = std::unique_ptr<PGresult, FreeResult>;

// An array literal of PostgreSQL.
class ArrayText {
 public:
  void add(const std::string& element) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    for (const char c : element) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
  }
  const char* close() {
    text_ += '}';
    return text_.c_str();
  }

 private:
  std::string text_ = "{";
};

std::string error_text(const PGconn* connection) {
  std::string out = PQerrorMessage(connection);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return out;
}

// Classes 22 and 23 of SQLSTATE: the data themselves, or a constraint they do not keep.
bool is_refusal(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state != nullptr && (std::strncmp(state, "22", 2) == 0 || std::strncmp(state, "23", 2) == 0);
}

}  // namespace

void ReadingTable::Free::operator()(pg_conn* connection) const { PQfinish(connection); }

ReadingTable::ReadingTable(std::string url) : url_(std::move(url)) {}
ReadingTable::~ReadingTable() = default;

// What became of one statement.
struct ReadingTable::Insertion {
  std::string wrong;  // empty: committed
  bool refused = false;
};

TableAnswer ReadingTable::write(const std::vector<ReadingRow>& rows) {
  if (rows.empty()) return {};
  TableAnswer answer{connect()};
  if (answer.wrong.empty()) answer.wrong = make_partitions(rows);
  if (answer.wrong.empty()) {
    const Insertion all = insert(rows.begin(), rows.end());
    if (all.refused) {
      // A partition that somebody dropped is refused like a row that is wrong.
      partitions_.clear();
      answer.wrong = make_partitions(rows);
      if (answer.wrong.empty()) halve(rows, 0, rows.size(), answer);
    } else {
      answer.wrong = all.wrong;
    }
  }
  if (!answer.wrong.empty()) connection_.reset();
  return answer;
}

void ReadingTable::halve(const Rows& rows, std::size_t first, std::size_t last, TableAnswer& answer) {
  const auto at = [&rows](std::size_t i) { return rows.begin() + static_cast<std::ptrdiff_t>(i); };
  const Insertion all = insert(at(first), at(last));
  if (all.wrong.empty()) return;
  if (!all.refused) {
    answer.wrong = all.wrong;
  } else if (last - first == 1) {
    answer.refused.push_back({first, all.wrong});
  } else {
    const std::size_t middle = first + (last - first) / 2;
    halve(rows, first, middle, answer);
    if (answer.wrong.empty()) halve(rows, middle, last, answer);
  }
}

std::string ReadingTable::run(const char* sql) {
  const PgResult result(PQexec(connection_.get(), sql));
  const ExecStatusType status = PQresultStatus(result.get());
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? "" : error_text(connection_.get());
}

std::string ReadingTable::connect() {
  if (connection_) return "";
  // Texts are UTF-8 whatever the database has; else a server of another encoding would take their bytes as
  // its own.
  const std::array<const char*, 6> keys = {"dbname",           "connect_timeout", "keepalives_idle",
                                           "tcp_user_timeout", "client_encoding", nullptr};
  const std::array<const char*, 6> values = {url_.c_str(), "5", "10", "10000", "UTF8", nullptr};
  connection_.reset(PQconnectdbParams(keys.data(), values.data(), 1));
  std::string wrong = PQstatus(connection_.get()) == CONNECTION_OK ? "" : error_text(connection_.get());
  if (wrong.empty()) wrong = run("SET client_min_messages = warning; SET statement_timeout = 30000");
  if (wrong.empty()) wrong = run(kTable);
  if (!wrong.empty()) connection_.reset();
  partitions_.clear();
  return wrong;
}

// The month a reading belongs to gets its partition before its first row.
std::string ReadingTable::make_partition(std::int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const int month = utc.tm_year * 12 + utc.tm_mon;
  if (partitions_.count(month) > 0) return "";
  const auto date = [](int m) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02d", 1900 + m / 12, m % 12 + 1);
    return std::string(text.data());
  };
  std::string name = "ngplc_readings_" + date(month);
  name[name.size() - 3] = '_';
  const std::string sql = "CREATE TABLE IF NOT EXISTS " + name +
                          " PARTITION OF ngplc_readings FOR VALUES FROM ('" + date(month) +
                          "-01 00:00+00') TO ('" + date(month + 1) + "-01 00:00+00')";
  std::string wrong = run(sql.c_str());
  if (wrong.empty()) partitions_.insert(month);
  return wrong;
}

std::string ReadingTable::make_partitions(const Rows& rows) {
  for (const ReadingRow& row : rows) {
    if (std::string wrong = make_partition(row.time_ms); !wrong.empty()) return wrong;
  }
  return "";
}

ReadingTable::Insertion ReadingTable::insert(Rows::const_iterator first, Rows::const_iterator last) {
  std::array<ArrayText, 10> columns;
  for (auto it = first; it != last; ++it) {
    const ReadingRow& row = *it;
    columns[0].add(row.hub);
    columns[1].add(std::to_string(row.device));
    columns[2].add(row.obis);
    columns[3].add(std::to_string(row.time_ms));
    columns[4].add(std::to_string(row.epoch));
    columns[5].add(std::to_string(row.counter));
    columns[6].add(row.value);
    columns[7].add(row.total);
    columns[8].add(row.unit);
    columns[9].add(row.late ? "t" : "f");
  }
  std::array<const char*, 10> parameters{};
  for (std::size_t i = 0; i < columns.size(); ++i) parameters[i] = columns[i].close();
  const PgResult result(PQexecParams(connection_.get(), kInsert, static_cast<int>(parameters.size()), nullptr,
                                     parameters.data(), nullptr, nullptr, 0));
  if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return {};
  return {error_text(connection_.get()), is_refusal(result.get())};
}

}  // namespace ngplc::hub
