// Sound cards.
#pragma once

#include <memory>

#include "stream.h"

namespace ngdevice {

/// `pcm` as ALSA names it, "default" when empty. 32 or 16 bits, one channel, or the first of two (a sink
/// plays the same on both). The rate is the card's own or an error: nothing is resampled, "plughw:..." is for
/// those who want it.
ngdsp::Result<std::unique_ptr<SampleSource<float>>> open_alsa_source(const DeviceSettings& settings,
                                                                     const std::string& pcm);
ngdsp::Result<std::unique_ptr<SampleSink<float>>> open_alsa_sink(const DeviceSettings& settings,
                                                                 const std::string& pcm);

/// Cards that can record (or play): "hw:CARD=PCH,DEV=0, ...", or "none".
std::string list_sound_cards(bool record);

}  // namespace ngdevice
