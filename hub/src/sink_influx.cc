// InfluxDB: line protocol over HTTP, versions 1.x and 2.x; the same series and time is the same point.
#include <httplib.h>

#include <fstream>

#include "delivery_text.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

class InfluxSink : public Sink {
 public:
  InfluxSink(const InfluxConfig& config, std::string hub)
      : config_(config), hub_(std::move(hub)), client_(config.url) {
    client_.set_connection_timeout(5);
    client_.set_read_timeout(20);
    client_.set_write_timeout(20);
    client_.set_keep_alive(true);
    const httplib::Params query =
        config.bucket.empty()
            ? httplib::Params{{"db", config.database}, {"precision", "ms"}}
            : httplib::Params{{"org", config.org}, {"bucket", config.bucket}, {"precision", "ms"}};
    path_ = httplib::append_query_params(config.bucket.empty() ? "/write" : "/api/v2/write", query);
  }

  SinkAnswer deliver(const std::vector<Delivery>& deliveries) override {
    httplib::Headers headers;
    if (!config_.token_file.empty()) {
      std::ifstream file(config_.token_file);
      std::string token;
      if (!(file >> token)) return {"influx.token_file: " + config_.token_file + " cannot be read"};
      headers.emplace("Authorization", "Token " + token);
    }
    std::string body;
    for (const Delivery& delivery : deliveries) body += influx_lines(delivery, hub_);
    const auto answer = client_.Post(path_, headers, body, "text/plain; charset=utf-8");
    if (!answer) return {config_.url + ": " + httplib::to_string(answer.error())};
    if (answer->status != 204) return {config_.url + ": status " + std::to_string(answer->status)};
    return {};
  }

 private:
  InfluxConfig config_;
  std::string hub_;
  std::string path_;
  httplib::Client client_;
};

}  // namespace

std::unique_ptr<Sink> make_influx_sink(const InfluxConfig& config, const std::string& hub) {
  return std::make_unique<InfluxSink>(config, hub);
}

}  // namespace ngplc::hub
