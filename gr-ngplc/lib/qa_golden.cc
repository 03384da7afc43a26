// What blocks give is what the library gives for the same samples.
#include <gnuradio/ngplc/despreader.h>
#include <gnuradio/ngplc/frame_feed_sink.h>
#include <gnuradio/ngplc/frame_feed_source.h>
#include <gnuradio/ngplc/keys.h>
#include <gnuradio/ngplc/mains_channel.h>
#include <gnuradio/ngplc/mains_phase.h>
#include <gnuradio/ngplc/modulator.h>
#include <gnuradio/ngplc/node_population.h>
#include <gnuradio/ngplc/noise_front_end.h>
#include <gnuradio/ngplc/polar_decoder.h>
#include <gnuradio/ngplc/polar_encoder.h>
#include <gnuradio/ngplc/preamble_detector.h>
#include <gnuradio/ngplc/random_access_receiver.h>
#include <gnuradio/ngplc/spreader.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "ngdsp/base/db.h"
#include "ngdsp/eval/traffic.h"
#include "ngdsp/rx/mains_tracker.h"
#include "ngdsp/rx/noise_front_end.h"
#include "ngdsp/rx/receiver.h"
#include "qa_flow.h"

namespace gr {
namespace ngplc {
namespace qa {
namespace {

const Signal& signal() {
  static const Signal s;
  return s;
}

Plan plan_of(std::vector<unsigned> outputs, const char* port = "") {
  Plan plan;
  plan.samples = signal().samples;
  plan.outputs = std::move(outputs);
  plan.port = port;
  return plan;
}

double real_of(const pmt::pmt_t& dict, const pmt::pmt_t& key) {
  return pmt::to_double(pmt::dict_ref(dict, key, pmt::PMT_NIL));
}

pmt::pmt_t pdu_of(const std::vector<std::uint8_t>& payload) {
  return pmt::cons(pmt::make_dict(), pmt::init_u8vector(payload.size(), payload));
}

/// The first message that a block without samples makes of this one.
pmt::pmt_t answer(gr::block_sptr block, const char* in, const char* out, const pmt::pmt_t& message) {
  const auto graph = gr::make_top_block("qa");
  const auto answers = gr::blocks::message_debug::make();
  graph->msg_connect(block, out, answers, "store");
  graph->start();
  block->_post(pmt::mp(in), message);
  for (int i = 0; i < 500 && answers->num_messages() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  graph->stop();
  graph->wait();
  return answers->num_messages() > 0 ? answers->get_message(0) : pmt::PMT_NIL;
}

TEST(Golden, ReceiverGivesTheFramesOfTheLibrary) {
  ngdsp::ReceiverConfig config;
  config.profile = cenelec_a();
  std::vector<ngdsp::ReceivedFrame> frames;
  auto receiver =
      ngdsp::Receiver::create(config, [&](const ngdsp::ReceivedFrame& f) { frames.push_back(f); });
  receiver->process(ngdsp::Span<const float>(signal().samples));
  receiver->flush();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].payload, signal().payload);
  const Seen seen = Flow(random_access_receiver_f::make(), plan_of({}, "frames")).run();
  ASSERT_EQ(seen.messages.size(), 1U);
  const pmt::pmt_t meta = pmt::car(seen.messages[0]);
  EXPECT_EQ(pmt::u8vector_elements(pmt::cdr(seen.messages[0])), signal().payload);
  EXPECT_EQ(pmt::to_uint64(pmt::dict_ref(meta, keys::sample_index, pmt::PMT_NIL)), frames[0].sample_index);
  EXPECT_EQ(real_of(meta, keys::sample_fraction), frames[0].sample_fraction);
  EXPECT_EQ(real_of(meta, keys::snr_db), frames[0].snr_db);
  EXPECT_EQ(real_of(meta, keys::residual_db), frames[0].residual_db);
}

TEST(Golden, DespreaderGivesTheSymbolsThatWereSent) {
  pmt::pmt_t meta = pmt::make_dict();
  meta = pmt::dict_add(meta, keys::sequence, pmt::from_long(Signal::kSequence));
  meta = pmt::dict_add(meta, keys::stream_offset, pmt::from_uint64(20000));
  meta = pmt::dict_add(meta, keys::sample_fraction, pmt::from_double(0.25));
  meta = pmt::dict_add(meta, keys::clock_offset_ppm, pmt::from_double(0));
  meta = pmt::dict_add(meta, keys::carrier_offset_hz, pmt::from_double(0));
  const auto block = despreader_f::make();
  block->_post(keys::frames, pmt::cons(meta, pmt::make_u8vector(16, 0)));
  const Seen seen = Flow(block, plan_of({}, "symbols")).run();
  ASSERT_EQ(seen.messages.size(), 1U);
  const auto found = pmt::c32vector_elements(pmt::cdr(seen.messages[0]));
  std::vector<float> sent;
  ngdsp::FrameEncoder(cenelec_a()).encode_symbols(signal().payload, Signal::kSequence, sent);
  ASSERT_EQ(found.size(), sent.size());
  // Seven chips at 23 dB outside bursts, at 3 dB within, a fortieth of the time: no sign is wrong by chance.
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_NEAR(found[i].real(), sent[i], 0.95) << i;
}

TEST(Golden, PreambleDetectorFindsTheFrame) {
  const auto block = preamble_detector_f::make();
  Plan plan = plan_of({1});
  plan.samples.resize(plan.samples.size() + static_cast<std::size_t>(block->delay_samples()));
  const Seen seen = Flow(block, plan).run();
  // The preamble is in the middle of 2048 symbols of 7 chips of 4 samples; quarter chips are searched.
  double strongest = 0, at = 0;
  for (const gr::tag_t& t : seen.tags) {
    if (real_of(t.value, keys::detection) <= strongest) continue;
    strongest = real_of(t.value, keys::detection);
    at = static_cast<double>(t.offset) - block->delay_samples() + real_of(t.value, keys::sample_fraction);
    EXPECT_EQ(pmt::to_long(pmt::dict_ref(t.value, keys::sequence, pmt::PMT_NIL)), Signal::kSequence);
  }
  EXPECT_NEAR(at, Signal::kStart + 4 * 7 * 1024, 1);
  EXPECT_GT(strongest, 200);
}

TEST(Golden, MainsPhaseIsThatOfTheTracker) {
  const auto block = mains_phase_f::make("samples", "", Signal::kMainsRate);
  const Seen seen = Flow(block, plan_of({1})).run();
  EXPECT_EQ(seen.outputs[0], signal().samples);
  // Half milliseconds of 20 samples; the last one is not over when the block looks.
  constexpr std::size_t kStep = 20;
  ngdsp::MainsTracker tracker(kStep / Signal::kMainsRate);
  for (std::size_t n = 0; n + 2 * kStep <= signal().samples.size(); n += kStep) {
    double sum = 0;
    for (std::size_t i = 0; i < kStep; ++i) sum += static_cast<double>(signal().samples[n + i]);
    const auto mean = static_cast<float>(sum / kStep);
    tracker.process(ngdsp::Span<const float>(&mean, 1));
  }
  ASSERT_TRUE(tracker.locked());
  EXPECT_TRUE(block->locked());
  EXPECT_EQ(block->frequency_hz(), tracker.frequency_hz());
  std::size_t crossings = 0;
  for (const gr::tag_t& t : seen.tags) {
    if (!pmt::eqv(t.key, keys::mains_phase)) continue;
    ++crossings;
    const double truth = 50 * static_cast<double>(t.offset) / Signal::kMainsRate;
    double error = pmt::to_double(t.value) - truth;
    EXPECT_NEAR(error - std::round(error), 0, 0.006) << t.offset;
  }
  EXPECT_NEAR(static_cast<double>(crossings), 200, 12);  // of 3 s, less the one it takes
}

TEST(Golden, NoiseFrontEndIsThatOfTheLibrary) {
  const ngdsp::Profile profile = cenelec_a();
  auto library = ngdsp::NoiseFrontEnd::create(profile, profile.sample_rate_hz, profile.carrier_hz);
  const std::vector<ngdsp::cf32> x(signal().samples.begin(), signal().samples.end());
  std::vector<float> weights, density;
  std::size_t steps = 0;
  library->process(x, [&](ngdsp::Span<const float> w) {
    weights.insert(weights.end(), w.begin(), w.end());
    if (++steps % 2 == 0) density = library->spectrum().density();  // 0.1 s
  });
  const auto block = noise_front_end_f::make();
  const Seen seen = Flow(block, plan_of({1, 1, 1024})).run();
  const auto delay = static_cast<std::size_t>(block->delay_samples());
  float least = 1;
  for (std::size_t n = 0; n + delay < x.size(); ++n) {
    EXPECT_EQ(seen.outputs[0][n + delay], signal().samples[n]);
    const auto chip = static_cast<std::size_t>(std::llround(static_cast<double>(n) / 4));
    ASSERT_LT(chip, weights.size());
    EXPECT_EQ(seen.outputs[1][n + delay], weights[chip]) << n;
    least = std::min(least, weights[chip]);
  }
  EXPECT_LT(least, 0.1F);  // there are bursts in it
  ASSERT_EQ(density.size(), 1024U);
  ASSERT_GE(seen.outputs[2].size(), density.size());
  const std::size_t last = seen.outputs[2].size() - density.size();
  for (std::size_t k = 0; k < density.size(); ++k)
    EXPECT_FLOAT_EQ(seen.outputs[2][last + k],
                    static_cast<float>(ngdsp::to_db(static_cast<double>(density[k]))));
}

TEST(Golden, ModulatorRendersTheFrameOfTheLibrary) {
  const auto block = modulator_f::make();
  pmt::pmt_t meta = pmt::dict_add(pmt::make_dict(), keys::sequence, pmt::from_long(Signal::kSequence));
  block->_post(pmt::mp("pdus"), pmt::cons(meta, pmt::init_u8vector(16, signal().payload)));
  Plan plan;
  plan.count = signal().samples.size();
  plan.outputs = {1};
  plan.port = "sent";
  const Seen seen = Flow(block, plan).run();
  ASSERT_EQ(seen.messages.size(), 1U);
  ngdsp::Arrival arrival;
  arrival.start_samples = static_cast<double>(
      pmt::to_uint64(pmt::dict_ref(pmt::car(seen.messages[0]), keys::sample_index, pmt::PMT_NIL)));
  arrival.amplitude = 0.1;
  std::vector<float> expected(plan.count);
  ngdsp::Modulator(cenelec_a())
      .add(ngdsp::FrameEncoder(cenelec_a()).encode(signal().payload, Signal::kSequence), arrival,
           ngdsp::Span<float>(expected));
  ASSERT_EQ(seen.outputs[0].size(), expected.size());
  for (std::size_t n = 0; n < expected.size(); ++n) ASSERT_NEAR(seen.outputs[0][n], expected[n], 1e-6) << n;
}

TEST(Golden, NodePopulationIsTheTrafficOfTheLibrary) {
  ngdsp::TrafficConfig config;
  config.profile = cenelec_a();
  config.payload_bytes = 16;
  config.ebn0_db = 10;
  config.clock_ppm = 50;
  config.seed = 1;
  config.noiseless = true;
  auto library = ngdsp::TrafficSignal<float>::create(config);
  library->set_load(100 * 128 / (10.0 * 48000));
  std::vector<ngdsp::SentFrame> sent;
  Plan plan;
  plan.count = 192000;
  plan.outputs = {1};
  const auto expected = library->next_piece(plan.count, sent);
  const Seen seen = Flow(node_population_f::make("cenelec-a", 100, 10), plan).run();
  EXPECT_GT(sent.size(), 3U);
  for (std::size_t n = 0; n < plan.count; ++n)
    ASSERT_NEAR(seen.outputs[0][n], 0.01F * expected[n], 1e-9F) << n;
}

TEST(Golden, MainsChannelWithoutNoiseIsADelay) {
  const auto block = mains_channel_f::make("", "cenelec-a", -300);
  const Seen seen = Flow(block, plan_of({1})).run();
  const auto delay = static_cast<std::size_t>(block->delay_samples());
  for (std::size_t n = 0; n + delay < signal().samples.size(); ++n)
    ASSERT_NEAR(seen.outputs[0][n + delay], signal().samples[n], 1e-7) << n;
}

TEST(Golden, EncoderSpreaderAndDecoderAreThoseOfTheLibrary) {
  const ngdsp::FrameEncoder encoder(cenelec_a());
  for (const std::size_t bytes : {16U, 32U, 64U}) {
    const auto payload = payload_of(bytes);
    const pmt::pmt_t symbols = answer(polar_encoder::make(), "pdus", "symbols", pdu_of(payload));
    ASSERT_TRUE(pmt::is_pair(symbols));
    const auto q =
        static_cast<int>(pmt::to_long(pmt::dict_ref(pmt::car(symbols), keys::sequence, pmt::PMT_NIL)));
    std::vector<float> expected;
    encoder.encode_symbols(payload, q, expected);
    EXPECT_EQ(pmt::f32vector_elements(pmt::cdr(symbols)), expected);
    const pmt::pmt_t chips = answer(spreader::make(), "symbols", "chips", symbols);
    ASSERT_TRUE(pmt::is_pair(chips));
    EXPECT_EQ(pmt::c32vector_elements(pmt::cdr(chips)), encoder.encode(payload, q));
    const pmt::pmt_t decoded = answer(polar_decoder::make(), "symbols", "pdus", symbols);
    ASSERT_TRUE(pmt::is_pair(decoded));
    EXPECT_EQ(pmt::u8vector_elements(pmt::cdr(decoded)), payload);
  }
}

// Over the mirror: no hub is there.
TEST(Golden, FeedCarriesAFrameFromSinkToSource) {
  const std::string folder = testing::TempDir() + "ngplc-qa-" + std::to_string(getpid());
  const auto sink = frame_feed_sink::make("ipc://" + folder + "-feed", "here", "",
                                          "ipc://" + folder + "-mirror", "system", 0);
  const auto source = frame_feed_source::make("ipc://" + folder + "-mirror", "here");
  const auto graph = gr::make_top_block("qa");
  const auto found = gr::blocks::message_debug::make(), drops = gr::blocks::message_debug::make();
  graph->msg_connect(source, "frames", found, "store");
  graph->msg_connect(sink, "status", drops, "store");
  pmt::pmt_t meta = pmt::make_dict();
  meta = pmt::dict_add(meta, keys::profile, pmt::mp("cenelec-a"));
  meta = pmt::dict_add(meta, keys::sample_index, pmt::from_uint64(12345));
  meta = pmt::dict_add(meta, keys::sample_rate_hz, pmt::from_double(192000));
  meta = pmt::dict_add(meta, keys::snr_db, pmt::from_double(-3.25));
  graph->start();
  // What is published before the watcher has subscribed is gone: sent until it is seen.
  for (int i = 0; i < 500 && found->num_messages() == 0; ++i) {
    if (i % 10 == 0) sink->_post(keys::frames, pmt::cons(meta, pmt::init_u8vector(16, signal().payload)));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  graph->stop();
  graph->wait();
  ASSERT_GT(found->num_messages(), 0U);
  const pmt::pmt_t frame = found->get_message(0);
  EXPECT_EQ(pmt::u8vector_elements(pmt::cdr(frame)), signal().payload);
  EXPECT_EQ(real_of(pmt::car(frame), keys::snr_db), -3.25);
  EXPECT_EQ(pmt::to_uint64(pmt::dict_ref(pmt::car(frame), keys::sample_index, pmt::PMT_NIL)), 12345U);
  EXPECT_EQ(drops->num_messages(), 0U);
}

}  // namespace
}  // namespace qa
}  // namespace ngplc
}  // namespace gr
