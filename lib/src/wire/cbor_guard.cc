#include "cbor_guard.h"

#include <vector>

namespace ngwire::detail {

std::string check_cbor_shape(const std::uint8_t* data, std::size_t size, std::size_t max_depth) {
  std::vector<std::uint64_t> open;  // items still expected in each open array or map
  std::size_t at = 0;
  do {
    if (at >= size) return "ends inside an item";
    const unsigned major = data[at] >> 5U;
    const unsigned info = data[at] & 31U;
    ++at;
    std::uint64_t argument = info;
    if (info >= 24 && info <= 27) {
      const std::size_t width = std::size_t{1} << (info - 24U);
      if (size - at < width) return "ends inside a number";
      argument = 0;
      for (std::size_t i = 0; i < width; ++i) argument = argument << 8U | data[at++];
    } else if (info == 31) {
      return "has an item of indefinite length";
    } else if (info > 27) {
      return "has a reserved head byte";
    }
    std::uint64_t children = 0;
    switch (major) {
      case 2:
      case 3:
        if (argument > size - at) return "has a string longer than the message";
        at += static_cast<std::size_t>(argument);
        break;
      case 4:
      case 5:
        // Every child takes at least one byte.
        if (argument > size - at) return "has a list longer than the message";
        children = major == 5 ? 2 * argument : argument;
        break;
      case 6:
        return "has a tag";
      default:
        break;
    }
    if (children > 0) {
      if (open.size() >= max_depth) return "is nested too deep";
      open.push_back(children);
    } else {
      while (!open.empty() && --open.back() == 0) open.pop_back();
    }
  } while (!open.empty());
  return at == size ? "" : "has bytes after its end";
}

}  // namespace ngwire::detail
