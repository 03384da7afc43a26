#include "stream.h"

#include <chrono>

namespace ngdevice {

std::int64_t system_time_ns() {
  using std::chrono::duration_cast, std::chrono::nanoseconds, std::chrono::system_clock;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace ngdevice
