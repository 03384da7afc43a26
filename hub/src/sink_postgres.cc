// PostgreSQL: one table partitioned by month, repeats fall on the primary key.
#include <libpq-fe.h>

#include <array>
#include <ctime>
#include <set>

#include "delivery_text.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

constexpr char kTable[] =
    "CREATE TABLE IF NOT EXISTS ngplc_readings("
    "hub text NOT NULL, device bigint NOT NULL, register text NOT NULL, time timestamptz NOT NULL, "
    "epoch bigint NOT NULL, counter bigint NOT NULL, value numeric NOT NULL, total numeric NOT NULL, "
    "unit text NOT NULL, late boolean NOT NULL, "
    "PRIMARY KEY(hub, device, register, time, epoch, counter)) PARTITION BY RANGE(time)";
constexpr char kInsert[] =
    "INSERT INTO ngplc_readings SELECT $1, d, r, to_timestamp(t / 1000.0), e, c, v, b, u, l "
    "FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::numeric[], "
    "$8::numeric[], $9::text[], $10::boolean[]) AS x(d, r, t, e, c, v, b, u, l) ON CONFLICT DO NOTHING";

struct Free {
  void operator()(PGconn* c) const { PQfinish(c); }
  void operator()(PGresult* r) const { PQclear(r); }
};

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

std::string one_line(const char* text) {
  std::string out = text;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return out;
}

class PostgresSink : public Sink {
 public:
  PostgresSink(const PostgresConfig& config, std::string hub) : url_(config.url), hub_(std::move(hub)) {}

  std::string deliver(const std::vector<Delivery>& deliveries) override {
    if (std::string wrong = connect(); !wrong.empty()) return wrong;
    std::string wrong = insert(deliveries);
    if (!wrong.empty()) connection_.reset();
    return wrong;
  }

 private:
  std::string run(const char* sql) {
    const std::unique_ptr<PGresult, Free> result(PQexec(connection_.get(), sql));
    const ExecStatusType status = PQresultStatus(result.get());
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
               ? ""
               : one_line(PQerrorMessage(connection_.get()));
  }

  std::string connect() {
    if (connection_) return "";
    const std::array<const char*, 5> keys = {"dbname", "connect_timeout", "keepalives_idle",
                                             "tcp_user_timeout", nullptr};
    const std::array<const char*, 5> values = {url_.c_str(), "5", "10", "10000", nullptr};
    connection_.reset(PQconnectdbParams(keys.data(), values.data(), 1));
    std::string wrong =
        PQstatus(connection_.get()) == CONNECTION_OK ? "" : one_line(PQerrorMessage(connection_.get()));
    if (wrong.empty()) wrong = run("SET client_min_messages = warning; SET statement_timeout = 30000");
    if (wrong.empty()) wrong = run(kTable);
    if (!wrong.empty()) connection_.reset();
    partitions_.clear();
    return wrong;
  }

  // The month a reading belongs to gets its partition before its first row.
  std::string make_partition(std::int64_t time_ns) {
    const std::time_t seconds = time_ns / 1'000'000'000;
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

  std::string insert(const std::vector<Delivery>& deliveries) {
    std::array<ArrayText, 9> columns;
    for (const Delivery& d : deliveries) {
      if (std::string wrong = make_partition(d.time_ns); !wrong.empty()) return wrong;
      for (const StoredReading& v : d.values) {
        columns[0].add(std::to_string(d.device));
        columns[1].add(v.obis);
        columns[2].add(std::to_string(d.time_ns / 1'000'000));
        columns[3].add(std::to_string(d.epoch));
        columns[4].add(std::to_string(d.counter));
        columns[5].add(ngwire::decimal_string(v.mantissa, v.exponent));
        columns[6].add(ngwire::decimal_string(v.base + v.mantissa, v.exponent));
        columns[7].add(v.unit);
        columns[8].add(d.late ? "t" : "f");
      }
    }
    std::array<const char*, 10> parameters{};
    parameters[0] = hub_.c_str();
    for (std::size_t i = 0; i < columns.size(); ++i) parameters[1 + i] = columns[i].close();
    const std::unique_ptr<PGresult, Free> result(PQexecParams(connection_.get(), kInsert,
                                                              static_cast<int>(parameters.size()), nullptr,
                                                              parameters.data(), nullptr, nullptr, 0));
    return PQresultStatus(result.get()) == PGRES_COMMAND_OK ? ""
                                                            : one_line(PQerrorMessage(connection_.get()));
  }

  std::string url_;
  std::string hub_;
  std::unique_ptr<PGconn, Free> connection_;
  std::set<int> partitions_;
};

}  // namespace

std::unique_ptr<Sink> make_postgres_sink(const PostgresConfig& config, const std::string& hub) {
  return std::make_unique<PostgresSink>(config, hub);
}

}  // namespace ngplc::hub
