// Topics that the operator chose, against a real broker.
#include <mqtt/async_client.h>

#include <nlohmann/json.hpp>

#include "deliveries.h"
#include "server_process.h"
#include "sink.h"

namespace {

using namespace ngplc::hub;
using namespace ngplc::hub::test;
using nlohmann::json;

TEST(MqttTopic, IsTheOperators) {
  if (!is_installed("/usr/sbin/mosquitto")) GTEST_SKIP() << "package mosquitto is not installed";
  const TempDir dir;
  const int port = free_port();
  std::ofstream(dir.file("mosquitto.conf")) << "listener " << port << " 127.0.0.1\nallow_anonymous true\n";
  ServerProcess server({"/usr/sbin/mosquitto", "-c", dir.file("mosquitto.conf")}, dir.file("mosquitto.log"));
  ASSERT_TRUE(eventually([&] { return accepts(port); }));
  MqttConfig config;
  config.url = "tcp://127.0.0.1:" + std::to_string(port);
  // What the hub sends of two frames one after the other, by topic.
  const auto sent = [&](std::size_t messages) {
    std::mutex mutex;
    std::multimap<std::string, std::string> heard;
    mqtt::async_client watcher(config.url, "watcher", mqtt::create_options(MQTTVERSION_5));
    watcher.set_message_callback([&](const mqtt::const_message_ptr& message) {
      const std::lock_guard lock(mutex);
      if (!message->is_retained()) heard.emplace(message->get_topic(), message->to_string());
    });
    mqtt::connect_options options;
    options.set_mqtt_version(MQTTVERSION_5);
    watcher.connect(options)->wait();
    watcher.subscribe("#", 1)->wait();
    {
      const auto sink = make_mqtt_sink(config, "a/+b");
      for (const char* unit : {"Wh", "kWh"}) {
        Delivery d = make_delivery(1);
        d.values[0].unit = unit;
        d.values[1].obis = "0/#+$";
        EXPECT_EQ(sink->deliver({d}).wrong, "");
      }
    }
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return heard.size() >= messages;
    }));
    watcher.disconnect()->wait();
    EXPECT_EQ(heard.size(), messages);
    return heard;
  };
  const auto last = [](const auto& heard, const std::string& topic) {
    const auto end = heard.upper_bound(topic);
    const bool found = end != heard.begin() && std::prev(end)->first == topic;
    EXPECT_TRUE(found) << topic;
    return found ? json::parse(std::prev(end)->second) : json();
  };
  const char* discovery = "homeassistant/device/ngplc_a__b_00000002/config";
  // Beside readings and states: discovery of each unit, status before and after.
  auto heard = sent(8);
  EXPECT_EQ(heard.count("plc/a__b/status"), 2U);
  EXPECT_EQ(heard.count("plc/a__b/00000002/reading"), 2U);
  EXPECT_EQ(last(heard, "plc/a__b/00000002/state")["1-0:1.8.0"], "1000501");
  EXPECT_EQ(last(heard, discovery)["state_topic"], "plc/a__b/00000002/state");

  config.topic = "site/{kind}/{device}";
  heard = sent(8);
  EXPECT_EQ(heard.count("plc/a__b/status"), 2U);
  EXPECT_EQ(last(heard, "site/reading/00000002")["values"].size(), 2U);
  EXPECT_EQ(heard.count("site/state/00000002"), 2U);
  EXPECT_EQ(last(heard, discovery)["state_topic"], "site/state/00000002");

  config.topic = "{hub}/{device}/{register}/{unit}/{kind}";
  heard = sent(12);
  EXPECT_EQ(heard.count("plc/a__b/status"), 2U);
  const std::string energy = "a__b/00000002/1-0_1_8_0/";
  const std::string other = "a__b/00000002/0____/V/";
  EXPECT_EQ(heard.count(energy + "Wh/reading"), 1U);
  EXPECT_EQ(last(heard, energy + "kWh/reading")["values"].size(), 1U);
  EXPECT_EQ(last(heard, energy + "kWh/state")["1-0:1.8.0"], "1000501");
  EXPECT_FALSE(last(heard, energy + "kWh/state").contains("0/#+$"));
  EXPECT_EQ(last(heard, other + "reading")["values"][0]["obis"], "0/#+$");
  EXPECT_EQ(last(heard, other + "state")["0/#+$"], "230.1");
  const json found = last(heard, discovery);
  EXPECT_FALSE(found.contains("state_topic"));
  EXPECT_EQ(found["components"]["1-0_1_8_0"]["state_topic"], energy + "kWh/state");
  EXPECT_EQ(found["components"]["0____"]["state_topic"], other + "state");
}

}  // namespace
