#include "metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>

namespace ngplc::hub {
namespace {

prometheus::Family<prometheus::Counter>& counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

// A total that outlives the process: sinks that are made anew tell it again.
void raise_to(prometheus::Counter& counter, std::int64_t total) {
  counter.Increment(std::max(0.0, static_cast<double>(total) - counter.Value()));
}

}  // namespace

Metrics::Metrics() : Metrics(std::make_shared<prometheus::Registry>()) {}

Metrics::Metrics(std::shared_ptr<prometheus::Registry> registry)
    : readings(counters(*registry, "ngplc_hub_readings_total", "Register values stored").Add({})),
      commits(counters(*registry, "ngplc_hub_commits_total", "Transactions committed").Add({})),
      commit_seconds(
          prometheus::BuildHistogram()
              .Name("ngplc_hub_commit_seconds")
              .Help("Time of one transaction, from begin to durable")
              .Register(*registry)
              .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3})),
      storage_ok(prometheus::BuildGauge()
                     .Name("ngplc_hub_storage_ok")
                     .Help("1 when the last transaction was committed, 0 while the database refuses")
                     .Register(*registry)
                     .Add({})),
      registry_(std::move(registry)),
      records_(
          counters(*registry_, "ngplc_hub_records_total", "Frame records that reached the store, by result")),
      bad_messages_(
          counters(*registry_, "ngplc_hub_bad_messages_total", "Feed messages not understood, by reason")),
      payloads_(counters(*registry_, "ngplc_hub_payloads_total",
                         "Payloads of stored records, by what they turned out to be")),
      link_(counters(*registry_, "ngplc_hub_link_frames_total", "Secured frames, by what became of them")),
      commit_failures_(
          counters(*registry_, "ngplc_hub_commit_failures_total", "Transactions rolled back, by reason")),
      connections_(counters(*registry_, "ngplc_hub_feed_connections_total", "Feed connections, by event")),
      http_(counters(*registry_, "ngplc_hub_http_responses_total", "HTTP answers, by status code")),
      http_refused_(counters(*registry_, "ngplc_hub_http_refused_total",
                             "HTTP connections refused or closed, by reason")),
      logins_(counters(*registry_, "ngplc_hub_logins_total", "Attempts to log in, by result")),
      downlinks_(counters(*registry_, "ngplc_hub_downlinks_total", "Downlink frames, by result")),
      sink_values_(counters(*registry_, "ngplc_hub_sink_values_total", "Register values delivered, by sink")),
      sink_failures_(
          counters(*registry_, "ngplc_hub_sink_failures_total", "Deliveries that failed, by sink")),
      sink_lost_(counters(*registry_, "ngplc_hub_sink_lost_total",
                          "Register values given up because the sink was too far behind")),
      sink_refused_(counters(*registry_, "ngplc_hub_sink_refused_total",
                             "Register values that the other side does not take, set aside")),
      sink_backlog_(prometheus::BuildGauge()
                        .Name("ngplc_hub_sink_backlog")
                        .Help("Register values that wait for the sink")
                        .Register(*registry_)),
      sink_up_(prometheus::BuildGauge()
                   .Name("ngplc_hub_sink_up")
                   .Help("1 when the last delivery arrived")
                   .Register(*registry_)) {
  storage_ok.Set(1);
  // Present from the start, so that a rate over them is defined.
  for (const char* result : {"stored", "duplicate", "copy"}) count_record(result, 0);
}

void Metrics::count_record(const std::string& result, double by) {
  records_.Add({{"result", result}}).Increment(by);
}
void Metrics::count_bad_message(const std::string& reason) {
  bad_messages_.Add({{"reason", reason}}).Increment();
}
void Metrics::count_payload(const std::string& result) { payloads_.Add({{"result", result}}).Increment(); }
void Metrics::count_link(const std::string& result) { link_.Add({{"result", result}}).Increment(); }
void Metrics::count_commit_failure(const std::string& reason) {
  commit_failures_.Add({{"reason", reason}}).Increment();
}
void Metrics::count_connection(const std::string& event) { connections_.Add({{"event", event}}).Increment(); }
void Metrics::count_http(int status) { http_.Add({{"code", std::to_string(status)}}).Increment(); }
void Metrics::count_http_refused(const std::string& reason) {
  http_refused_.Add({{"reason", reason}}).Increment();
}
void Metrics::count_login(const std::string& result) { logins_.Add({{"result", result}}).Increment(); }
void Metrics::count_downlink(const std::string& result) { downlinks_.Add({{"result", result}}).Increment(); }

void Metrics::sink_delivered(const std::string& sink, std::int64_t values) {
  sink_values_.Add({{"sink", sink}}).Increment(static_cast<double>(values));
  sink_up_.Add({{"sink", sink}}).Set(1);
}
void Metrics::sink_failed(const std::string& sink) {
  sink_failures_.Add({{"sink", sink}}).Increment();
  sink_up_.Add({{"sink", sink}}).Set(0);
}
void Metrics::sink_lost(const std::string& sink, std::int64_t total) {
  raise_to(sink_lost_.Add({{"sink", sink}}), total);
}
void Metrics::sink_refused(const std::string& sink, std::int64_t total) {
  raise_to(sink_refused_.Add({{"sink", sink}}), total);
}
void Metrics::sink_backlog(const std::string& sink, std::int64_t values) {
  sink_backlog_.Add({{"sink", sink}}).Set(static_cast<double>(values));
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_->Collect()); }

void Metrics::set_storage_trouble(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  trouble_ = reason;
  storage_ok.Set(reason.empty() ? 1 : 0);
}

std::string Metrics::storage_trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace ngplc::hub
