// PostgreSQL: one table partitioned by month, repeats fall on the primary key.
#include "reading_table.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

class PostgresSink : public Sink {
 public:
  PostgresSink(const PostgresConfig& config, std::string hub) : table_(config.url), hub_(std::move(hub)) {}

  std::string deliver(const std::vector<Delivery>& deliveries) override {
    std::vector<ReadingRow> rows;
    for (const Delivery& d : deliveries) {
      for (const StoredReading& v : d.values) {
        rows.push_back({hub_, d.device, v.obis, d.time_ns / 1'000'000, d.epoch, d.counter,
                        ngwire::decimal_string(v.mantissa, v.exponent),
                        ngwire::decimal_string(v.base + v.mantissa, v.exponent), v.unit, d.late});
      }
    }
    return table_.write(rows).wrong;
  }

 private:
  ReadingTable table_;
  std::string hub_;
};

}  // namespace

std::unique_ptr<Sink> make_postgres_sink(const PostgresConfig& config, const std::string& hub) {
  return std::make_unique<PostgresSink>(config, hub);
}

}  // namespace ngplc::hub
