// What every block of samples keeps: the same output whatever the pieces, tags at their samples, a new
// beginning when it is started again, and nothing that a tag of the input could break.
#include <gnuradio/ngplc/despreader.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/ngplc/mains_channel.h>
#include <gnuradio/ngplc/mains_phase.h>
#include <gnuradio/ngplc/modulator.h>
#include <gnuradio/ngplc/node_population.h>
#include <gnuradio/ngplc/noise_front_end.h>
#include <gnuradio/ngplc/preamble_detector.h>
#include <gnuradio/ngplc/random_access_receiver.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>

#include "qa_flow.h"

namespace gr {
namespace ngplc {
namespace qa {
namespace {

struct Case {
  const char* name;
  std::function<gr::block_sptr()> make;
  bool source;
  std::vector<unsigned> outputs;  // floats an item
  const char* port;               // of its messages
  bool anew;                      // started again it gives the same
  int (*delay)() = nullptr;       // of the output, none: 0
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

pmt::pmt_t frame_of_signal() {
  pmt::pmt_t meta = pmt::make_dict();
  meta = pmt::dict_add(meta, keys::sequence, pmt::from_long(Signal::kSequence));
  meta = pmt::dict_add(meta, keys::stream_offset, pmt::from_uint64(20000));
  meta = pmt::dict_add(meta, keys::sample_fraction, pmt::from_double(0.25));
  meta = pmt::dict_add(meta, keys::clock_offset_ppm, pmt::from_double(0));
  meta = pmt::dict_add(meta, keys::carrier_offset_hz, pmt::from_double(0));
  return pmt::cons(meta, pmt::make_u8vector(16, 0));
}

template <typename Block>
gr::block_sptr with_message(Block block, const char* port, const pmt::pmt_t& message) {
  block->_post(pmt::mp(port), message);
  return block;
}

std::vector<Case> cases() {
  const auto payload = payload_of(16);
  const pmt::pmt_t pdu = pmt::cons(pmt::make_dict(), pmt::init_u8vector(payload.size(), payload));
  return {
      {"receiver", [] { return random_access_receiver_f::make(); }, false, {}, "frames", false},
      {"mains_phase",
       [] { return mains_phase_f::make("samples", "", Signal::kMainsRate); },
       false,
       {1},
       "",
       true},
      {"noise_front_end",
       [] { return noise_front_end_f::make(); },
       false,
       {1, 1, 1024},
       "",
       true,
       [] { return noise_front_end_f::make()->delay_samples(); }},
      {"preamble_detector",
       [] { return preamble_detector_f::make(); },
       false,
       {1},
       "",
       true,
       [] { return preamble_detector_f::make()->delay_samples(); }},
      {"despreader",
       [] { return with_message(despreader_f::make(), "frames", frame_of_signal()); },
       false,
       {},
       "symbols",
       false},
      {"mains_channel",
       [] { return mains_channel_f::make("workshop"); },
       false,
       {1},
       "",
       false,
       [] { return mains_channel_f::make("workshop")->delay_samples(); }},
      {"modulator",
       [pdu] { return with_message(modulator_f::make(), "pdus", pdu); },
       true,
       {1},
       "sent",
       false},
      {"node_population", [] { return node_population_f::make("cenelec-a", 100); }, true, {1}, "sent", false},
  };
}

const Signal& signal() {
  static const Signal s;
  return s;
}

Plan plan_of(const Case& c, int chunk = 0) {
  Plan plan;
  if (!c.source) plan.samples = signal().samples;
  plan.count = signal().samples.size();
  plan.chunk = chunk;
  plan.outputs = c.outputs;
  plan.port = c.port;
  return plan;
}

std::vector<std::string> told(const std::vector<gr::tag_t>& tags, std::uint64_t since = 0) {
  std::vector<std::string> lines;
  for (const gr::tag_t& t : tags)
    lines.push_back(std::to_string(t.offset - since) + " " + pmt::write_string(t.key) + " " +
                    pmt::write_string(t.value));
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<Case> cases_that(const std::function<bool(const Case&)>& holds) {
  std::vector<Case> some = cases();
  some.erase(std::remove_if(some.begin(), some.end(), [&](const Case& c) { return !holds(c); }), some.end());
  return some;
}

std::string name_of(const testing::TestParamInfo<Case>& each) { return each.param.name; }

class EveryBlock : public testing::TestWithParam<Case> {};
class BlockWithInput : public EveryBlock {};
class BlockBetween : public EveryBlock {};
class BlockWithoutMemory : public EveryBlock {};

TEST_P(EveryBlock, GivesTheSameWhateverThePieces) {
  const Seen whole = Flow(GetParam().make(), plan_of(GetParam())).run();
  std::size_t items = whole.tags.size() + whole.messages.size();
  for (const auto& x : whole.outputs) items += x.size();
  EXPECT_GT(items, 0U);
  for (const int chunk : {97, 4096}) {
    const Seen pieces = Flow(GetParam().make(), plan_of(GetParam(), chunk)).run();
    EXPECT_EQ(whole.outputs, pieces.outputs);
    EXPECT_EQ(told(whole.tags), told(pieces.tags));
    ASSERT_EQ(whole.messages.size(), pieces.messages.size());
    for (std::size_t i = 0; i < whole.messages.size(); ++i)
      EXPECT_TRUE(pmt::equal(whole.messages[i], pieces.messages[i]))
          << whole.messages[i] << pieces.messages[i];
  }
}

TEST_P(BlockBetween, KeepsTagsAtTheirSamples) {
  const pmt::pmt_t key = pmt::mp("mark");
  Plan plan = plan_of(GetParam(), 1000);
  plan.tags = {tag(0, key, pmt::from_long(1)), tag(12345, key, pmt::from_long(2)),
               tag(12345, key, pmt::from_long(3)), tag(50000, key, pmt::from_long(4))};
  std::vector<gr::tag_t> marks;
  for (const gr::tag_t& t : Flow(GetParam().make(), plan).run().tags)
    if (pmt::eqv(t.key, key)) marks.push_back(t);
  std::vector<gr::tag_t> expected = plan.tags;
  for (gr::tag_t& t : expected)
    t.offset += static_cast<std::uint64_t>(GetParam().delay ? GetParam().delay() : 0);
  EXPECT_EQ(told(marks), told(expected));
}

TEST_P(BlockWithoutMemory, BeginsAnewWhenStartedAgain) {
  Flow flow(GetParam().make(), plan_of(GetParam()));
  const Seen first = flow.run(), second = flow.run();
  EXPECT_EQ(first.outputs, second.outputs);
  EXPECT_EQ(told(first.tags), told(second.tags));
}

// Times, rates and numbers that are none.
TEST_P(BlockWithInput, TakesAnyTag) {
  Plan plan = plan_of(GetParam());
  std::uint64_t at = 100;
  for (const char* key : {"rx_time", "rx_rate", "rx_freq", "preamble"})
    for (const pmt::pmt_t& value :
         {pmt::PMT_NIL, pmt::mp("text"), pmt::from_double(NAN), pmt::make_tuple(pmt::PMT_NIL),
          pmt::make_tuple(pmt::mp("a"), pmt::mp("b")), time_of(~0ULL, -1e300)})
      plan.tags.push_back(tag(at += 1000, pmt::mp(key), value));
  const Seen seen = Flow(GetParam().make(), plan).run();
  for (std::size_t i = 0; i < GetParam().outputs.size(); ++i)
    EXPECT_TRUE(GetParam().outputs[i] > 1 || seen.outputs[i].size() == plan.samples.size()) << i;
}

INSTANTIATE_TEST_SUITE_P(Gr, EveryBlock, testing::ValuesIn(cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Gr, BlockWithInput,
                         testing::ValuesIn(cases_that([](const Case& c) { return !c.source; })), name_of);
INSTANTIATE_TEST_SUITE_P(Gr, BlockBetween, testing::ValuesIn(cases_that([](const Case& c) {
                           return !c.source && !c.outputs.empty();
                         })),
                         name_of);
// The others count samples or draw noise on.
INSTANTIATE_TEST_SUITE_P(Gr, BlockWithoutMemory,
                         testing::ValuesIn(cases_that([](const Case& c) { return c.anew; })), name_of);

}  // namespace
}  // namespace qa
}  // namespace ngplc
}  // namespace gr
