// Devices that are none, missing or wrong: one line with what was expected or found.
#include "device/open.h"

#include <gtest/gtest.h>

namespace ngdevice {
namespace {

DeviceSettings settings(const std::string& device) {
  DeviceSettings s;
  s.device = device;
  s.sample_rate_hz = 192'000;
  return s;
}

TEST(Open, NamesAreTakenApartAtTheFirstColon) {
  EXPECT_EQ(parse_device("alsa")->rest, "");
  EXPECT_EQ(parse_device("zmq:tcp://127.0.0.1:5555")->rest, "tcp://127.0.0.1:5555");
  EXPECT_EQ(parse_device("uhd:type=usrp1")->kind, "uhd");
  for (const char* wrong : {"", "zmq", "zmq:", "file:", "jack", "jack:x", ":x"})
    EXPECT_NE(parse_device(wrong).error().find("expected alsa"), std::string::npos) << wrong;
}

TEST(Open, WhatCannotBeOpenedIsOneLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"jack", "expected alsa"}, {"file:does-not-exist", "does-not-exist"}, {"zmq:nonsense", "endpoint"}};
  for (const auto& [device, text] : cases) {
    const auto source = open_source<float>(settings(device));
    ASSERT_FALSE(source);
    EXPECT_NE(source.error().find(text), std::string::npos) << source.error();
    EXPECT_EQ(source.error().find('\n'), std::string::npos);
  }
  EXPECT_NE(open_sink<float>(settings("file:x")).error().find("without --device"), std::string::npos);
  auto timed = settings("file:x");
  timed.start_ns = 1;
  EXPECT_NE(open_source<float>(timed).error().find("times of its own"), std::string::npos);
  auto slow = settings("zmq:ipc://x");
  slow.sample_rate_hz = 0;
  EXPECT_NE(open_source<float>(slow).error().find("sample rate is 0"), std::string::npos);
  slow = settings("zmq:ipc://x");
  slow.buffer_s = 1e6;
  EXPECT_NE(open_source<float>(slow).error().find("buffer is 1e+06"), std::string::npos);
}

#ifdef NGPLC_UHD
TEST(Open, ARadioThatIsNotThereIsOneLineWithWhatIs) {
  const auto source = open_source<ngdsp::cf32>(settings("uhd:serial=nobody"));
  ASSERT_FALSE(source);
  EXPECT_NE(source.error().find("found: "), std::string::npos) << source.error();
}
#endif

}  // namespace
}  // namespace ngdevice
