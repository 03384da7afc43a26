// A reading as the texts that sinks send.
#pragma once

#include <string>

#include "store.h"

namespace ngplc::hub {

/// 8 hexadecimal digits.
std::string device_text(std::uint32_t device);
/// A name as one level of a topic or subject: everything but letters, digits, - and _ becomes _.
std::string topic_level(const std::string& name);
/// The MQTT and NATS body of docs/interfaces.md.
std::string delivery_json(const Delivery& delivery);
/// One line of InfluxDB's line protocol a value, times in milliseconds.
std::string influx_lines(const Delivery& delivery, const std::string& hub);

}  // namespace ngplc::hub
