#include "collect_command.h"

#include <spdlog/spdlog.h>

#include <optional>

#include "collector.h"
#include "http_server.h"
#include "service.h"
#include "supervisor.h"

namespace ngplc::hub {
namespace {

constexpr std::chrono::seconds kReportPeriod{60};

HttpResponse answer(const HttpRequest& request, const CollectMetrics& metrics, const Collector& collector) {
  HttpResponse out;
  out.content_type = "text/plain; version=0.0.4";
  if (request.path == "/metrics") {
    out.body = metrics.text();
  } else if (request.path == "/healthz") {
    const std::string trouble = collector.trouble();
    out.status = trouble.empty() ? 200 : 503;
    out.body = (trouble.empty() ? "ok" : trouble) + "\n";
  } else {
    out.status = 404;
    out.body = "/metrics or /healthz\n";
  }
  return out;
}

// The collector of one configuration, with its HTTP side.
class Service {
 public:
  Service(const CollectConfig& config, CollectMetrics& metrics) : collector_(config, metrics) {
    if (config.listen.empty()) return;
    HttpConfig http;
    http.listen = config.listen;
    http.threads = 1;
    http_.emplace(
        http, HttpLimits{},
        [this, &metrics](const HttpRequest& request) { return answer(request, metrics, collector_); },
        [](const char*) {});
  }
  /// Empty, or one line: the port is in use.
  std::string start() {
    if (http_) {
      if (std::string wrong = http_->start(); !wrong.empty()) return wrong;
    }
    collector_.start();
    return "";
  }
  const Collector& collector() const { return collector_; }
  int port() const { return http_ ? http_->port() : 0; }

 private:
  Collector collector_;
  std::optional<HttpServer> http_;  // ends before the collector it asks
};

void report(const CollectMetrics& metrics, double& before) {
  const double stored = metrics.stored.Value();
  if (stored == before) return;
  before = stored;
  spdlog::info("{} messages stored, {} values, {} messages refused, {} wait", stored, metrics.values.Value(),
               metrics.refused.Value(), metrics.waiting.Value());
}

}  // namespace

const char kCollectUsage[] =
    "  collect                            runs beside NATS and PostgreSQL, not beside a hub: takes readings\n"
    "                                     of all hubs from JetStream into a table; --config is "
    "collect.toml\n";

std::string run_collect(const std::string& config_file, bool& usage) {
  auto config = load_collect_config(config_file);
  usage = !config;
  if (!config) return config.error();
  open_log(config->log);
  const ServiceSignals signals;
  CollectMetrics metrics;
  auto service = std::make_unique<Service>(config.value(), metrics);
  if (std::string wrong = service->start(); !wrong.empty()) return wrong;
  spdlog::info("ready: stream {} as {}, http port {}", config->nats.stream, config->durable, service->port());
  Supervisor supervisor;
  supervisor.ready();
  double reported = 0;
  auto next_report = std::chrono::steady_clock::now() + kReportPeriod;
  for (;;) {
    const int signal = signals.wait(supervisor.period());
    supervisor.alive(service->collector().turns());
    if (signal == SIGTERM || signal == SIGINT) {
      spdlog::info("stopping on signal {}", signal);
      break;
    }
    if (std::chrono::steady_clock::now() >= next_report) {
      report(metrics, reported);
      next_report += kReportPeriod;
    }
    if (signal != SIGHUP) continue;
    supervisor.reloading();
    config = load_collect_config(config_file);
    if (config) {
      set_log_level(config->log);
      service.reset();  // its port is wanted again
      service = std::make_unique<Service>(config.value(), metrics);
      if (std::string wrong = service->start(); !wrong.empty()) return wrong;
      spdlog::info("configuration read again, http port {}", service->port());
    } else {
      spdlog::error("configuration not taken, the old one stays: {}", config.error());
    }
    supervisor.ready();
  }
  supervisor.stopping();
  service.reset();
  report(metrics, reported);
  spdlog::info("stopped");
  return "";
}

}  // namespace ngplc::hub
