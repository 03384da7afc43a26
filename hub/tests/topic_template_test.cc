#include "topic_template.h"

#include <gtest/gtest.h>

namespace {

using namespace ngplc::hub;

const TopicValues kValues = {"h1", "0000002a", "state", "1-0:1.8.0", "Wh"};

TEST(TopicTemplate, PutsValuesIntoTheirPlaces) {
  const std::pair<const char*, const char*> good[] = {
      {"plc/{hub}/{device}/{kind}", "plc/h1/0000002a/state"},
      {"{device}{kind}", "0000002astate"},
      {"site 7/{kind}s/meter-{device}/{register}.{unit}", "site 7/states/meter-0000002a/1-0_1_8_0.Wh"},
      {"{kind}/{device}/{kind}/$/{hub}x", "state/0000002a/state/$/h1x"},
  };
  for (const auto& [text, topic] : good) {
    const auto parsed = TopicTemplate::parse(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error();
    EXPECT_EQ(parsed.value().fill(kValues), topic);
  }
  EXPECT_FALSE(TopicTemplate::parse("{device}/{kind}").value().by_register());
  EXPECT_TRUE(TopicTemplate::parse("{device}/{kind}/{register}").value().by_register());
}

TEST(TopicTemplate, NoValueAddsLevelsOrWildcards) {
  const auto parsed = TopicTemplate::parse("{hub}/{device}/{kind}/{register}/{unit}");
  ASSERT_TRUE(parsed.ok()) << parsed.error();
  EXPECT_EQ(parsed.value().fill({"$SYS", "a/b", "+", "#", std::string("m\0{hub}", 7)}),
            "_SYS/a_b/_/_/m__hub_");
  EXPECT_EQ(parsed.value().fill({}), "_/_/_/_/_") << "no empty level";
  EXPECT_EQ(parsed.value().fill({"h", "d", "k", "r", "m\u00b3"}), "h/d/k/r/m__");
}

TEST(TopicTemplate, SaysWhatWasExpected) {
  const std::string longest = "{device}{kind}" + std::string(242, 'x');
  EXPECT_TRUE(TopicTemplate::parse(longest).ok());
  const std::string known = "expected {hub}, {device}, {kind}, {register} or {unit}, found '";
  const std::pair<std::string, std::string> bad[] = {
      {longest + "x", "expected at most 256 bytes"},
      {std::string("{device}/{kind}\0", 16), "expected printable ASCII"},
      {"{device}/{kind}\n", "expected printable ASCII"},
      {"z\u00e4hler/{device}/{kind}", "expected printable ASCII"},
      {"+/{device}/{kind}", "expected no wildcard + or #"},
      {"{device}/{kind}/#", "expected no wildcard + or #"},
      {"$SYS/{device}/{kind}", "expected no $ at the start, which is the broker's own"},
      {"", "expected no empty level"},
      {"/{device}/{kind}", "expected no empty level"},
      {"{device}//{kind}", "expected no empty level"},
      {"{device}/{kind}/", "expected no empty level"},
      {"{device/{kind}", "expected a } for each {"},
      {"{device}/{kind", "expected a } for each {"},
      {"{device}/kind}", "expected a } for each {"},
      {"{{device}}/{kind}", "expected a } for each {"},
      {"{device}/{kind}/{", "expected a } for each {"},
      {"{device}/{kind}/{}", known + "{}'"},
      {"{device}/{kind}/{serial}", known + "{serial}'"},
      {"{Device}/{kind}", known + "{Device}'"},
      {"{device:>9}/{kind}", known + "{device:>9}'"},
      {"plc/{hub}", "expected {device} and {kind} in it"},
      {"plc/{device}", "expected {device} and {kind} in it"},
      {"plc/{kind}/{register}", "expected {device} and {kind} in it"},
      {"{device}/{kind}/{unit}", "expected {unit} with {register}"},
  };
  for (const auto& [text, reason] : bad) {
    const auto parsed = TopicTemplate::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error(), reason) << text;
  }
}

}  // namespace
