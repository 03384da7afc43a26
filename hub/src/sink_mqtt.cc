// MQTT 5: every reading once or more at QoS 1, the newest of each device retained, Home Assistant discovery,
// and what receivers of other systems know.
#include <mqtt/async_client.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "delivery_text.h"
#include "energy_data.h"
#include "energy_file.h"
#include "sink.h"
#include "topic_template.h"

namespace ngplc::hub {
namespace {

using json = nlohmann::ordered_json;
using namespace std::chrono_literals;

constexpr int kQos = 1;
constexpr auto kWait = 10s;

bool is_counter(const std::string& obis) { return obis.find(".8.") != std::string::npos; }

const char* device_class(const std::string& unit) {
  static const std::map<std::string, const char*> classes = {
      {"Wh", "energy"}, {"W", "power"}, {"V", "voltage"}, {"A", "current"}, {"Hz", "frequency"}};
  const auto it = classes.find(unit);
  return it == classes.end() ? nullptr : it->second;
}

class MqttSink : public Sink {
 public:
  MqttSink(const MqttConfig& config, const std::string& hub)
      : config_(config), hub_(topic_level(hub)), topic_(TopicTemplate::parse(config.topic).value()) {}
  ~MqttSink() override { disconnect(); }

  SinkAnswer deliver(const std::vector<Delivery>& deliveries) override {
    try {
      connect();
      std::map<std::uint32_t, const Delivery*> newest;
      for (const Delivery& d : deliveries) {
        if (readings_) publish_values(d, "reading", delivery_json, false);
        if (!d.late) newest[d.device] = &d;
      }
      // What shows a state must not be taken back in time by a backlog: only the newest counts. Nor may what
      // carries no time.
      for (const auto& [device, d] : newest) {
        if (readings_) {
          discover(*d);
          publish_values(*d, "state", state_json, true);
        }
        if (energy_data_) publish_energy_data(*d);
        if (energy_file_) publish_energy_file(*d);
      }
      finish();
      return {};
    } catch (const mqtt::exception& error) {
      disconnect();
      return {config_.url + ": " + error.to_string()};
    }
  }

 private:
  std::string status_topic() const { return "plc/" + hub_ + "/status"; }
  std::string topic(std::uint32_t device, const char* kind, const std::string& obis = "",
                    const std::string& unit = "") const {
    return topic_.fill({hub_, device_text(device), kind, obis, unit});
  }
  bool sends(const char* message) const {
    return std::find(config_.messages.begin(), config_.messages.end(), message) != config_.messages.end();
  }

  void connect() {
    if (client_ && client_->is_connected()) return;
    disconnect();
    client_ = std::make_unique<mqtt::async_client>(
        config_.url, "ngplc-hub-" + hub_,
        mqtt::create_options(MQTTVERSION_5, static_cast<int>(config_.in_flight + 16)));
    mqtt::connect_options options;
    options.set_mqtt_version(MQTTVERSION_5);
    options.set_clean_start(true);
    options.set_connect_timeout(5s);
    options.set_keep_alive_interval(20s);
    options.set_max_inflight(static_cast<int>(config_.in_flight));
    options.set_will(mqtt::message(status_topic(), "offline", kQos, true));
    if (!config_.user.empty()) {
      std::string password;
      std::ifstream(config_.password_file) >> password;
      options.set_user_name(config_.user);
      options.set_password(password);
    }
    if (!config_.ca_file.empty()) {
      mqtt::ssl_options ssl;
      ssl.set_trust_store(config_.ca_file);
      ssl.set_enable_server_cert_auth(true);
      ssl.set_verify(true);
      options.set_ssl(ssl);
    }
    const mqtt::token_ptr connected = client_->connect(options);
    if (!connected->wait_for(kWait)) throw mqtt::exception(MQTTASYNC_FAILURE, "no answer");
    // More than the broker takes at a time would wait for seconds in the library.
    const mqtt::properties said = connected->get_connect_response().get_properties();
    window_ = static_cast<std::size_t>(config_.in_flight);
    if (said.contains(mqtt::property::RECEIVE_MAXIMUM))
      window_ =
          std::min<std::size_t>(window_, mqtt::get<std::uint16_t>(said, mqtt::property::RECEIVE_MAXIMUM));
    discovered_.clear();
    publish(status_topic(), "online", true);
  }

  void disconnect() {
    tokens_.clear();
    try {
      if (client_ && client_->is_connected()) {
        client_->publish(mqtt::make_message(status_topic(), "offline", kQos, true))->wait_for(1s);
        client_->disconnect()->wait_for(1s);
      }
    } catch (const mqtt::exception&) {
      // It is gone already.
    }
    client_.reset();
  }

  void publish(const std::string& topic, const std::string& body, bool retained) {
    // A window that slides: the oldest makes room, the others stay under way.
    if (tokens_.size() >= window_) {
      if (!tokens_.front()->wait_for(kWait))
        throw mqtt::exception(MQTTASYNC_FAILURE, "not acknowledged in time");
      tokens_.pop_front();
    }
    tokens_.push_back(client_->publish(mqtt::make_message(topic, body, kQos, retained)));
  }

  // One message a frame, or one a value when topics name the register.
  void publish_values(const Delivery& d, const char* kind, std::string (*body)(const Delivery&),
                      bool retained) {
    if (!topic_.by_register()) {
      publish(topic(d.device, kind), body(d), retained);
      return;
    }
    Delivery one = d;
    for (const StoredReading& v : d.values) {
      one.values = {v};
      publish(topic(d.device, kind, v.obis, v.unit), body(one), retained);
    }
  }

  // Returns when the broker has acknowledged everything.
  void finish() {
    const auto end = std::chrono::steady_clock::now() + kWait;
    for (const auto& token : tokens_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      if (!token->wait_for(std::max(left, 1ms)))
        throw mqtt::exception(MQTTASYNC_FAILURE, "not acknowledged in time");
    }
    tokens_.clear();
  }

  void publish_energy_data(const Delivery& d) {
    if (const std::string body = energy_data_json(d.values); !body.empty())
      publish(kEnergyDataTopic, body, false);
  }

  void publish_energy_file(const Delivery& d) {
    const auto file = make_energy_file(d.values, static_cast<int>(config_.energy_file_exponent));
    if (!file) {
      spdlog::warn("mqtt: device {}: {}", device_text(d.device), file.error());
    } else if (file.value()) {
      const auto bytes = encode_energy_file(*file.value());
      publish("plc/" + hub_ + "/" + device_text(d.device) + "/energyfile", {bytes.begin(), bytes.end()},
              false);
    }
  }

  static std::string state_json(const Delivery& d) {
    json state;
    for (const StoredReading& v : d.values)
      state[v.obis] = ngwire::decimal_string((is_counter(v.obis) ? v.base : 0) + v.mantissa, v.exponent);
    state["snr"] = d.snr_db;
    state["ts"] = d.time_ns / 1'000'000;
    return state.dump();
  }

  // One message a device and connection, again when it shows a register or a unit it did not have.
  void discover(const Delivery& d) {
    if (config_.discovery_prefix.empty()) return;
    auto& known = discovered_[d.device];
    const auto before = known;
    for (const StoredReading& v : d.values) known[v.obis] = v.unit;
    if (known == before) return;
    const std::string device = device_text(d.device);
    const std::string id = "ngplc_" + hub_ + "_" + device;
    json config;
    config["device"] = {{"identifiers", json::array({id})},
                        {"name", "Meter " + device},
                        {"manufacturer", "nG-PLC"},
                        {"via_device", "ngplc_" + hub_}};
    config["origin"] = {{"name", "ngplc-hub"}};
    config["availability_topic"] = status_topic();
    if (!topic_.by_register()) config["state_topic"] = topic(d.device, "state");
    config["qos"] = kQos;
    for (const auto& [obis, unit] : known) {
      json component;
      component["platform"] = "sensor";
      component["name"] = obis;
      component["unique_id"] = id + "_" + topic_level(obis);
      if (topic_.by_register()) component["state_topic"] = topic(d.device, "state", obis, unit);
      component["value_template"] = "{{ value_json['" + obis + "'] }}";
      if (const char* device_kind = device_class(unit)) component["device_class"] = device_kind;
      if (!unit.empty()) component["unit_of_measurement"] = unit;
      component["state_class"] = is_counter(obis) ? "total_increasing" : "measurement";
      config["components"][topic_level(obis)] = component;
    }
    publish(config_.discovery_prefix + "/device/" + id + "/config", config.dump(), true);
  }

  MqttConfig config_;
  std::string hub_;
  TopicTemplate topic_;
  const bool readings_ = sends("readings");
  const bool energy_data_ = sends("energy_data");
  const bool energy_file_ = sends("energy_file");
  std::unique_ptr<mqtt::async_client> client_;
  std::size_t window_ = 1;  // messages under way at most
  std::deque<mqtt::delivery_token_ptr> tokens_;
  std::map<std::uint32_t, std::map<std::string, std::string>> discovered_;  // device -> OBIS -> unit
};

}  // namespace

std::unique_ptr<Sink> make_mqtt_sink(const MqttConfig& config, const std::string& hub) {
  return std::make_unique<MqttSink>(config, hub);
}

}  // namespace ngplc::hub
