#include "alsa_device.h"

#include <alsa/asoundlib.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "shared_counters.h"

namespace ngdevice {
namespace {

using ngdsp::Error;
using ngdsp::Result;
using ngdsp::Span;
using ngdsp::Status;

constexpr unsigned kBufferUs = 500'000, kPeriodUs = 20'000;
constexpr int kWaitMs = 200;

struct ClosePcm {
  void operator()(snd_pcm_t* pcm) const { snd_pcm_close(pcm); }
};

/// ALSA prints what it thinks of a configuration; what matters is said once, by the error.
void quiet(const char*, int, const char*, int, const char*, ...) {}

/// An open card and the form of its frames.
class Card {
 public:
  static Result<Card> open(const DeviceSettings& settings, const std::string& name, bool record);

  snd_pcm_t* pcm() const { return pcm_.get(); }
  const StreamInfo& info() const { return info_; }
  std::size_t frame_bytes() const { return channels_ * (wide_ ? 4 : 2); }
  void to_float(const std::vector<std::uint8_t>& frames, Span<float> out) const;
  /// Returns how many were beyond full scale and limited.
  void from_float(Span<const float> in, std::vector<std::uint8_t>& frames) const;
  /// Time from now until a sample written next is played, or that has passed since the one read next came,
  /// samples.
  double delay_samples() const {
    snd_pcm_sframes_t delay = 0;
    return snd_pcm_delay(pcm(), &delay) == 0 ? static_cast<double>(delay) : 0.0;
  }

 private:
  Card() = default;
  Status shape(double sample_rate_hz);

  std::unique_ptr<snd_pcm_t, ClosePcm> pcm_;
  StreamInfo info_;
  unsigned channels_ = 1;
  bool wide_ = true;  ///< 32 bits, else 16
};

Result<Card> Card::open(const DeviceSettings& settings, const std::string& name, bool record) {
  snd_lib_error_set_handler(quiet);
  Card card;
  snd_pcm_t* pcm = nullptr;
  const int error =
      snd_pcm_open(&pcm, name.c_str(), record ? SND_PCM_STREAM_CAPTURE : SND_PCM_STREAM_PLAYBACK,
                   SND_PCM_NONBLOCK);  // a busy card is an error, not a wait
  if (error < 0) {
    return Error{fmt::format("alsa:{}: {}; found: {}", name, snd_strerror(error), list_sound_cards(record))};
  }
  card.pcm_.reset(pcm);
  if (Status wrong = card.shape(settings.sample_rate_hz))
    return Error{fmt::format("alsa:{}: {}", name, wrong->text)};
  snd_pcm_nonblock(pcm, 0);
  snd_pcm_info_t* about = nullptr;
  snd_pcm_info_alloca(&about);
  const bool known = snd_pcm_info(pcm, about) == 0;
  card.info_ = {
      .device = settings.device,
      .hardware = fmt::format("sound card {} ({}), {} bits", known ? snd_pcm_info_get_name(about) : "", name,
                              card.wide_ ? 32 : 16),
      .sample_rate_hz = settings.sample_rate_hz,
      .time_source = "system"};
  return card;
}

/// One channel if the card can, else two; 32 bits if it can, else 16.
Status Card::shape(double sample_rate_hz) {
  snd_pcm_hw_params_t* wanted = nullptr;
  snd_pcm_hw_params_alloca(&wanted);
  int error = snd_pcm_hw_params_any(pcm(), wanted);
  if (error < 0) return Error{snd_strerror(error)};
  snd_pcm_hw_params_set_rate_resample(pcm(), wanted, 0);
  if (snd_pcm_hw_params_set_access(pcm(), wanted, SND_PCM_ACCESS_RW_INTERLEAVED) < 0)
    return Error{"gives no interleaved frames"};
  wide_ = snd_pcm_hw_params_set_format(pcm(), wanted, SND_PCM_FORMAT_S32_LE) == 0;
  if (!wide_ && snd_pcm_hw_params_set_format(pcm(), wanted, SND_PCM_FORMAT_S16_LE) < 0)
    return Error{"has neither 32 nor 16 bits; plughw:... converts"};
  channels_ = snd_pcm_hw_params_set_channels(pcm(), wanted, 1) == 0 ? 1 : 2;
  if (channels_ == 2 && snd_pcm_hw_params_set_channels(pcm(), wanted, 2) < 0)
    return Error{"has neither one nor two channels; plughw:... converts"};
  const auto rate = static_cast<unsigned>(std::lround(sample_rate_hz));
  if (std::abs(rate - sample_rate_hz) > 1e-6 * sample_rate_hz ||
      snd_pcm_hw_params_set_rate(pcm(), wanted, rate, 0) < 0) {
    unsigned low = 0, high = 0;
    snd_pcm_hw_params_get_rate_min(wanted, &low, nullptr);
    snd_pcm_hw_params_get_rate_max(wanted, &high, nullptr);
    return Error{fmt::format("takes {} to {} samples/s, expected {:g}", low, high, sample_rate_hz)};
  }
  unsigned buffer_us = kBufferUs, period_us = kPeriodUs;
  snd_pcm_hw_params_set_buffer_time_near(pcm(), wanted, &buffer_us, nullptr);
  snd_pcm_hw_params_set_period_time_near(pcm(), wanted, &period_us, nullptr);
  error = snd_pcm_hw_params(pcm(), wanted);
  return error < 0 ? Status{Error{snd_strerror(error)}} : std::nullopt;
}

std::int32_t word(const std::uint8_t* bytes, bool wide) {
  const auto byte = [bytes](int i) { return static_cast<std::uint32_t>(bytes[i]); };
  const std::uint32_t word =
      wide ? byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24 : byte(0) << 16 | byte(1) << 24;
  return static_cast<std::int32_t>(word);
}

void Card::to_float(const std::vector<std::uint8_t>& frames, Span<float> out) const {
  const std::size_t step = frame_bytes();
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(word(&frames[i * step], wide_)) * 0x1p-31F;
}

void Card::from_float(Span<const float> in, std::vector<std::uint8_t>& frames) const {
  const std::size_t bytes = wide_ ? 4 : 2;
  frames.resize(in.size() * frame_bytes());
  std::uint8_t* to = frames.data();
  for (const float sample : in) {
    const double limited = std::clamp(static_cast<double>(sample), -1.0, 1.0 - 0x1p-31);
    const double scaled = limited * (wide_ ? 0x1p31 : 0x1p15);
    const auto value =
        static_cast<std::int64_t>(std::min(std::round(scaled), wide_ ? 0x1p31 - 1 : 0x1p15 - 1));
    for (unsigned channel = 0; channel < channels_; ++channel) {
      for (std::size_t byte = 0; byte < bytes; ++byte)
        *to++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * byte));
    }
  }
}

class AlsaSource : public SampleSource<float> {
 public:
  explicit AlsaSource(Card card) : card_(std::move(card)) {}

  Result<Chunk> read(Span<float> out) override {
    const int ready =
        snd_pcm_state(card_.pcm()) == SND_PCM_STATE_RUNNING ? snd_pcm_wait(card_.pcm(), kWaitMs) : 1;
    if (ready == 0) return Chunk{};
    const std::size_t most =
        std::min<std::size_t>(out.size(), static_cast<std::size_t>(rate_hz() * 0.05) + 1);
    frames_.resize(most * card_.frame_bytes());
    const snd_pcm_sframes_t got = ready < 0 ? ready : snd_pcm_readi(card_.pcm(), frames_.data(), most);
    if (got == -EPIPE || got == -ESTRPIPE) return recover(static_cast<int>(got));
    if (got < 0)
      return Error{fmt::format("{}: {}", card_.info().device, snd_strerror(static_cast<int>(got)))};
    Chunk chunk{static_cast<std::size_t>(got), false, 0, got == 0};
    if (chunk.ended) return chunk;
    card_.to_float(frames_, out.first(chunk.count));
    // The time of the first sample of this chunk: what came after it is the chunk and what the card still
    // holds.
    const std::int64_t time_ns =
        system_time_ns() - samples_to_ns(static_cast<double>(got) + card_.delay_samples(), rate_hz());
    if (sample0_time_ns_ == 0) sample0_time_ns_ = time_ns;
    if (lost_) {
      lost_ = false;
      const double missing = std::round(static_cast<double>(time_ns - next_time_ns_) * 1e-9 * rate_hz());
      chunk.gap = true;
      chunk.missing = static_cast<std::uint64_t>(std::max(1.0, missing));
    }
    next_time_ns_ = time_ns + samples_to_ns(static_cast<double>(got), rate_hz());
    counters_.change([&](StreamCounters& c) {
      c.samples += chunk.count;
      c.gaps += chunk.gap;
      c.missing_samples += chunk.missing;
    });
    return chunk;
  }
  const StreamInfo& info() const override { return card_.info(); }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  double rate_hz() const { return card_.info().sample_rate_hz; }
  Result<Chunk> recover(int error) {
    counters_.change([](StreamCounters& c) { ++c.overruns; });
    lost_ = true;
    if (const int failed = snd_pcm_recover(card_.pcm(), error, 1); failed < 0)
      return Error{fmt::format("{}: {}", card_.info().device, snd_strerror(failed))};
    return Chunk{};
  }

  Card card_;
  std::vector<std::uint8_t> frames_;
  bool lost_ = false;
  std::int64_t sample0_time_ns_ = 0, next_time_ns_ = 0;
  SharedCounters counters_;
};

class AlsaSink : public SampleSink<float> {
 public:
  AlsaSink(Card card, std::optional<std::int64_t> start_ns) : card_(std::move(card)), start_ns_(start_ns) {}

  Status write(Span<const float> in) override {
    if (sample0_time_ns_ == 0) {
      if (Status failed = begin()) return failed;
    }
    return play(in);
  }
  Status drain() override {
    const int error = snd_pcm_drain(card_.pcm());
    return error < 0 ? failed(error) : std::nullopt;
  }
  const StreamInfo& info() const override { return card_.info(); }
  std::int64_t sample0_time_ns() const override { return sample0_time_ns_; }
  StreamCounters counters() const override { return counters_.get(); }

 private:
  static constexpr double kLeadS = 0.2;  ///< of silence, so that the card runs and its delay is known

  Status failed(int error) const {
    return Error{fmt::format("{}: {}", card_.info().device, snd_strerror(error))};
  }
  /// Silence until the card runs, then as much as there is to the start.
  Status begin() {
    const double rate_hz = card_.info().sample_rate_hz;
    const std::vector<float> lead(static_cast<std::size_t>(kLeadS * rate_hz));
    if (Status error = play(lead)) return error;
    if (snd_pcm_state(card_.pcm()) == SND_PCM_STATE_PREPARED) snd_pcm_start(card_.pcm());
    std::int64_t next_ns = system_time_ns() + samples_to_ns(card_.delay_samples(), rate_hz);
    if (start_ns_) {
      const auto wait = std::llround(static_cast<double>(*start_ns_ - next_ns) * 1e-9 * rate_hz);
      if (wait < 0) counters_.change([](StreamCounters& c) { ++c.late; });
      for (long long left = wait; left > 0;) {
        const auto part =
            static_cast<std::size_t>(std::min<long long>(left, static_cast<long long>(lead.size())));
        if (Status error = play(Span<const float>(lead).first(part))) return error;
        left -= static_cast<long long>(part);
      }
      if (wait > 0) next_ns += samples_to_ns(static_cast<double>(wait), rate_hz);
    }
    sample0_time_ns_ = next_ns;
    return std::nullopt;
  }
  Status play(Span<const float> in) {
    card_.from_float(in, frames_);
    for (std::size_t done = 0; done < in.size();) {
      const snd_pcm_sframes_t put =
          snd_pcm_writei(card_.pcm(), &frames_[done * card_.frame_bytes()], in.size() - done);
      if (put >= 0) {
        done += static_cast<std::size_t>(put);
        continue;
      }
      if (put != -EPIPE && put != -ESTRPIPE) return failed(static_cast<int>(put));
      counters_.change([](StreamCounters& c) { ++c.underruns; });
      if (const int error = snd_pcm_recover(card_.pcm(), static_cast<int>(put), 1); error < 0)
        return failed(error);
    }
    counters_.change([&](StreamCounters& c) { c.samples += in.size(); });
    return std::nullopt;
  }

  Card card_;
  std::optional<std::int64_t> start_ns_;
  std::vector<std::uint8_t> frames_;
  std::int64_t sample0_time_ns_ = 0;
  SharedCounters counters_;
};

std::string pcm_name(const std::string& pcm) { return pcm.empty() ? "default" : pcm; }

}  // namespace

Result<std::unique_ptr<SampleSource<float>>> open_alsa_source(const DeviceSettings& settings,
                                                              const std::string& pcm) {
  auto card = Card::open(settings, pcm_name(pcm), true);
  if (!card) return Error{card.error()};
  return std::unique_ptr<SampleSource<float>>(std::make_unique<AlsaSource>(std::move(*card)));
}

Result<std::unique_ptr<SampleSink<float>>> open_alsa_sink(const DeviceSettings& settings,
                                                          const std::string& pcm) {
  auto card = Card::open(settings, pcm_name(pcm), false);
  if (!card) return Error{card.error()};
  return std::unique_ptr<SampleSink<float>>(std::make_unique<AlsaSink>(std::move(*card), settings.start_ns));
}

std::string list_sound_cards(bool record) {
  std::string list;
  void** hints = nullptr;
  if (snd_device_name_hint(-1, "pcm", &hints) < 0) return "none";
  for (void** hint = hints; *hint; ++hint) {
    char* name = snd_device_name_get_hint(*hint, "NAME");
    char* direction = snd_device_name_get_hint(*hint, "IOID");  // absent: both
    const bool fits = !direction || std::string(direction) == (record ? "Input" : "Output");
    if (name && fits && std::string(name).starts_with("hw:"))
      list += (list.empty() ? "" : ", ") + std::string(name);
    std::free(name);
    std::free(direction);
  }
  snd_device_name_free_hint(hints);
  return list.empty() ? "no sound card" : list;
}

}  // namespace ngdevice
