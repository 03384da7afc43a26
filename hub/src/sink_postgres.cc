// PostgreSQL: one table partitioned by month, repeats fall on the primary key.
#include "config_reader.h"
#include "delivery_text.h"
#include "reading_table.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

class PostgresSink : public Sink {
 public:
  PostgresSink(const PostgresConfig& config, std::string hub) : table_(config.url), hub_(std::move(hub)) {}

  SinkAnswer deliver(const std::vector<Delivery>& deliveries) override {
    std::vector<ReadingRow> rows;
    std::vector<std::int64_t> ids;  // of the readings
    for (const Delivery& d : deliveries) {
      for (const StoredReading& v : d.values) {
        ids.push_back(v.id);
        rows.push_back({hub_, d.device, v.obis, d.time_ns / 1'000'000, d.epoch, d.counter,
                        ngwire::decimal_string(v.mantissa, v.exponent),
                        ngwire::decimal_string(v.base + v.mantissa, v.exponent), v.unit, d.late});
      }
    }
    const TableAnswer answer = table_.write(rows);
    SinkAnswer out{answer.wrong, static_cast<std::int64_t>(answer.refused.size())};
    for (const RefusedRow& refused : answer.refused) {
      const ReadingRow& row = rows[refused.row];
      out.reasons.push_back("reading " + std::to_string(ids[refused.row]) + " of device " +
                            device_text(row.device) + ", counter " + std::to_string(row.counter) + ", " +
                            row.obis + ": " + one_line(refused.reason));
    }
    return out;
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
