// Uses both installed libraries, so that what they are built on must link as well.
#include <ngdsp/base/fft.h>
#include <ngdsp/io/sigmf.h>
#include <ngdsp/waveform/profile.h>
#include <ngwire/wire/frame_record.h>

#include <cstdio>

int main() {
  ngdsp::Fft fft(8, ngdsp::Fft::Direction::kForward);
  const auto meta =
      ngdsp::parse_sigmf_meta(R"({"global": {"core:datatype": "cu8", "core:sample_rate": 1}})", "text");
  const auto profile = ngdsp::find_profile("cenelec-a");
  const ngwire::FrameRecord record;
  static_cast<void>(record);
  if (fft.size() != 8 || !meta || !profile) {
    return 1;
  }
  std::puts("ngplc package: linked and ran");
  return 0;
}
