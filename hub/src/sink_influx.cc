// InfluxDB: line protocol over HTTP, versions 1.x and 2.x; the same series and time is the same point.
#include <httplib.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "config_reader.h"
#include "delivery_text.h"
#include "sink.h"

namespace ngplc::hub {
namespace {

// Points of `sent` that InfluxDB does not take for what they are: it has written the others and says "partial
// write: WHY dropped=NUMBER". 0: the answer says something else, a limit that may be raised, say.
std::int64_t dropped_points(const std::string& answer, std::int64_t sent) {
  static const std::string mark = "dropped=";
  const std::size_t at = answer.rfind(mark);
  const auto says = [&](const char* what) { return answer.find(what) != std::string::npos; };
  if (at == std::string::npos || !says("partial write") ||
      !(says("beyond retention policy") || says("field type conflict")))
    return 0;
  const std::int64_t dropped = std::strtoll(answer.c_str() + at + mark.size(), nullptr, 10);
  return std::clamp<std::int64_t>(dropped, 0, sent);
}

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
    if (answer->status == 204) return {};
    if (const std::int64_t dropped = dropped_points(answer->body, std::count(body.begin(), body.end(), '\n'));
        dropped > 0)
      return {"",
              dropped,
              {std::to_string(dropped) + " of the readings up to " +
               std::to_string(deliveries.back().cursor) + ": " + one_line(answer->body)}};
    return {config_.url + ": status " + std::to_string(answer->status)};
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
