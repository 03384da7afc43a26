#include "hub_link.h"

namespace ngplc_app {

struct HubLink::Impl {};

HubLink::HubLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HubLink::~HubLink() = default;
HubLink::HubLink(HubLink&&) noexcept = default;
HubLink& HubLink::operator=(HubLink&&) noexcept = default;

ngdsp::Result<HubLink> HubLink::open(const HubOptions&) {
  return ngdsp::Error{"this build has no frame feed"};
}
void HubLink::start_run() {}
bool HubLink::send(const ngdsp::ReceivedFrame&, const FrameOrigin&) { return false; }
ngdsp::Status HubLink::finish(double) { return std::nullopt; }

}  // namespace ngplc_app
