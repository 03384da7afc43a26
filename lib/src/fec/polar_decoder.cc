#include "ngdsp/fec/polar_decoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "fec/polar_kernels.h"
#include "fec/polar_transform.h"
#include "ngdsp/fec/crc.h"

namespace ngdsp {
namespace {

using polar::kMaxList;
using polar::kMaxShortNode;

constexpr int kCrcBits = 24;
// The mean LLR magnitude becomes 64 steps: rounding costs nothing measurable, and the limit of int16 is 256
// means.
constexpr double kMeanSteps = 64;

// A subtree of the code. All leaves decide a whole subtree at once; with the min-sum penalty that is exact:
// the penalties of the single bits add up to sum |llr[i]| over the code bits that go against llr[i].
struct Node {
  enum class Kind : std::uint8_t { kFrozen, kRepetition, kParity, kFree, kFold, kSplit };
  Kind kind = Kind::kFrozen;
  int log2_size = 0;
  int phase = 0;              // first position mod kPolarParityPeriod
  int left = -1, right = -1;  // indices of the halves; kFold has only the right one
};

using Parents = std::array<std::uint8_t, kMaxList>;

// What one leaf decided: where each path came from and the code bits of the leaf.
struct Decision {
  Parents parent;
  std::array<std::uint64_t, kMaxList> bits;
};

// Long rows are padded: a stride of a large power of two would map all paths to the same cache sets.
std::size_t row_stride(std::size_t size) { return size >= 256 ? size + 64 : size; }

// The parities of a path are kPeriod bits: bit r is that of the positions with remainder r, or, seen from a
// subtree, bit t is that of its position t. All frozen bits of a subtree follow from them.
constexpr int kPeriod = kPolarParityPeriod;
constexpr int kParityStates = 1 << kPeriod;

// Code bits of 2^log2_size frozen positions, a row for every state of the parities.
std::vector<std::int8_t> frozen_code_bits(int log2_size) {
  const std::size_t size = std::size_t{1} << log2_size, stride = row_stride(size);
  std::vector<std::int8_t> table(kParityStates * stride);
  for (std::size_t state = 0; state < kParityStates; ++state) {
    std::int8_t* row = table.data() + state * stride;
    for (std::size_t t = 0; t < size; ++t) row[t] = ((state >> (t % kPeriod)) & 1U) != 0 ? -1 : 0;
    for (std::size_t half = 1; half < size; half *= 2) {
      for (std::size_t start = 0; start < size; start += 2 * half) {
        for (std::size_t i = start; i < start + half; ++i) {
          row[i] = static_cast<std::int8_t>(row[i] ^ row[i + half]);
        }
      }
    }
  }
  return table;
}

}  // namespace

struct PolarDecoder::Impl {
  int block_bits, info_bits, max_list;
  int levels;
  std::vector<Node> nodes;
  int root = 0;

  // Level s holds rows of 2^s: LLRs of the node in work, and the code bits of a finished left half.
  std::vector<std::vector<std::int16_t>> llr;
  std::vector<std::vector<std::int8_t>> left_bits;
  std::vector<std::int8_t> root_bits;
  // Per level: frozen_code_bits.
  std::vector<std::vector<std::int8_t>> frozen_bits;

  // State of the attempt.
  int list = 1, active = 1;
  std::array<std::int32_t, kMaxList> metric{};
  std::array<std::uint8_t, kMaxList> parity{};  // as they stand before the next leaf
  std::vector<Decision> decisions;
  std::vector<const Node*> deciding_nodes;
  std::size_t decided = 0;

  // Scratch of one leaf: rows that took another path at a fork, and where they took it from.
  std::array<std::int32_t, kMaxList> delta{}, sum{};
  std::array<std::uint64_t, kMaxList> hard{}, flips{};
  std::vector<std::int32_t> keys;
  Parents changed_row{}, changed_from{};
  Parents entered{};  // parities before the leaf, seen from it, of the rows on entry

  std::array<std::int16_t, 16384> channel{};
  float scale = 1;
  std::vector<std::uint8_t> word;

  Impl(const PolarCode& code, int max_list_in, int crc_bits)
      : block_bits(code.block_bits()), info_bits(code.info_bits()), max_list(max_list_in) {
    if (max_list < 1 || max_list > kMaxList || !std::has_single_bit(static_cast<unsigned>(max_list))) {
      throw std::invalid_argument("polar decoder: max_list is " + std::to_string(max_list) +
                                  ", expected a power of two from 1 to 128");
    }
    if (crc_bits > 0 && (info_bits <= crc_bits || (info_bits - crc_bits) % 8 != 0)) {
      throw std::invalid_argument("polar decoder: info_bits is " + std::to_string(info_bits) +
                                  ", expected 24 and a positive multiple of 8");
    }
    levels = std::countr_zero(static_cast<unsigned>(block_bits));
    root = build(code.frozen().data(), 0, levels);
    const auto paths = static_cast<std::size_t>(max_list);
    llr.resize(static_cast<std::size_t>(levels));
    left_bits.resize(static_cast<std::size_t>(levels));
    for (int s = 0; s < levels; ++s) frozen_bits.push_back(frozen_code_bits(s));
    for (std::size_t s = 0; s < llr.size(); ++s) {
      const std::size_t stride = row_stride(std::size_t{1} << s);
      llr[s].resize(paths * stride);
      left_bits[s].resize(paths * stride);
    }
    root_bits.resize(paths * row_stride(static_cast<std::size_t>(block_bits)));
    const auto leaves = static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), [](const Node& n) {
      return n.kind == Node::Kind::kRepetition || n.kind == Node::Kind::kParity ||
             n.kind == Node::Kind::kFree;
    }));
    decisions.resize(leaves);
    deciding_nodes.resize(leaves);
    keys.resize(static_cast<std::size_t>(kMaxShortNode) * kMaxList);
    word.resize(static_cast<std::size_t>(info_bits + 7) / 8);
  }

  int build(const std::uint8_t* frozen, int start, int log2_size) {
    const int size = 1 << log2_size;
    const int free = static_cast<int>(std::count(frozen, frozen + size, std::uint8_t{0}));
    Node node;
    node.log2_size = log2_size;
    node.phase = start % kPeriod;
    if (free == 0) {
      node.kind = Node::Kind::kFrozen;
    } else if (free == 1 && frozen[size - 1] == 0) {
      node.kind = Node::Kind::kRepetition;
    } else if (free == size && size <= kMaxShortNode) {
      node.kind = Node::Kind::kFree;
    } else if (free == size - 1 && frozen[0] != 0 && size <= kMaxShortNode) {
      node.kind = Node::Kind::kParity;
    } else {
      const int half = size / 2;
      const bool fold = std::all_of(frozen, frozen + half, [](std::uint8_t f) { return f != 0; });
      node.kind = fold ? Node::Kind::kFold : Node::Kind::kSplit;
      if (!fold) node.left = build(frozen, start, log2_size - 1);
      node.right = build(frozen + half, start + half, log2_size - 1);
    }
    nodes.push_back(node);
    return static_cast<int>(nodes.size()) - 1;
  }

  static constexpr std::size_t idx(int i) { return static_cast<std::size_t>(i); }

  int fork() {
    return polar::fork_rows(metric.data(), delta.data(), &active, list, changed_row.data(),
                            changed_from.data());
  }

  void identity(Parents& parents) const {
    for (int p = 0; p < active; ++p) parents[idx(p)] = static_cast<std::uint8_t>(p);
  }

  void enter(const Node& node, std::uint8_t* seen) const {
    polar::rotate_rows(parity.data(), node.phase, seen, active);
  }

  // A leaf leaves the parities as seen from itself.
  void leave(const Node& node) {
    polar::rotate_rows(parity.data(), kPolarParityPeriod - node.phase, parity.data(), active);
  }

  polar::KnownBits known_bits(int log2_size, const std::uint8_t* state) const {
    return {frozen_bits[idx(log2_size)].data(), row_stride(std::size_t{1} << log2_size), state};
  }

  // Decides by what the code bits differ from those of a frozen subtree: nothing or all. That bit is the sum
  // of the information bit and its parity, hence the parity afterwards.
  void repetition(const Node& node, const std::int16_t* in, std::size_t stride, Decision& decision) {
    polar::repetition_rows(in, stride, known_bits(node.log2_size, entered.data()), 1 << node.log2_size,
                           active, sum.data(), metric.data());
    for (int p = 0; p < active; ++p) {
      delta[idx(p)] = std::abs(sum[idx(p)]);
      metric[idx(p)] += std::min(sum[idx(p)], 0);
    }
    const int before = active;
    const int changed = fork();
    for (int p = 0; p < before; ++p) {
      decision.parent[idx(p)] = static_cast<std::uint8_t>(p);
      decision.bits[idx(p)] = sum[idx(p)] < 0 ? ~std::uint64_t{0} : 0;
    }
    for (int i = 0; i < changed; ++i) {
      const std::uint8_t row = changed_row[idx(i)], from = changed_from[idx(i)];
      decision.parent[row] = from;
      decision.bits[row] = ~decision.bits[from];
    }
    const int last = ((1 << node.log2_size) - 1) % kPeriod;
    for (int p = 0; p < active; ++p) {
      const unsigned seen = entered[decision.parent[idx(p)]];
      const unsigned information = (static_cast<unsigned>(decision.bits[idx(p)]) ^ (seen >> last)) & 1U;
      parity[idx(p)] = static_cast<std::uint8_t>(seen ^ (information << last));
      decision.bits[idx(p)] = information;
    }
  }

  // Rate one: only the list - 1 least reliable bits can differ from their hard decision in a surviving path.
  // Single parity check: the same with the least reliable bit keeping the parity (Hashemi et al. 2017).
  void short_node(const Node& node, const std::int16_t* in, std::size_t stride, bool single_check,
                  Decision& decision) {
    const int size = 1 << node.log2_size;
    polar::sort_rows(in, stride, size, active, keys.data(), hard.data());
    const int before = active;
    std::array<std::uint8_t, kMaxList>& origin = decision.parent;
    identity(origin);
    for (int p = 0; p < before; ++p) {
      flips[idx(p)] = 0;
      // The sum of the code bits is the first bit of the subtree.
      if (single_check && ((std::popcount(hard[idx(p)]) ^ entered[idx(p)]) & 1) != 0) {
        flips[idx(p)] = 1;
        metric[idx(p)] += keys[idx(p)] / 64;
      }
    }
    const int first = single_check ? 1 : 0;
    const int last = std::min(list - 1 + first, size);
    for (int j = first; j < last; ++j) {
      const std::int32_t* key = keys.data() + idx(j) * kMaxList;
      for (int p = 0; p < active; ++p) {
        delta[idx(p)] = key[origin[idx(p)]] / 64;
        if (single_check) {
          const std::int32_t least = keys[origin[idx(p)]] / 64;
          delta[idx(p)] += (flips[idx(p)] & 1U) != 0 ? -least : least;
        }
      }
      // The next bits of a path cost no less: once no candidate displaces another, none will.
      const int changed = fork();
      if (changed == 0) break;
      const std::uint64_t toggled = (std::uint64_t{1} << j) | (single_check ? 1U : 0U);
      for (int i = 0; i < changed; ++i) {
        const std::uint8_t row = changed_row[idx(i)], from = changed_from[idx(i)];
        origin[row] = origin[from];
        flips[row] = flips[from] ^ toggled;
      }
    }
    for (int p = 0; p < active; ++p) {
      std::uint64_t bits = hard[origin[idx(p)]];
      for (std::uint64_t rest = flips[idx(p)]; rest != 0; rest &= rest - 1) {
        const auto j = static_cast<std::size_t>(std::countr_zero(rest));
        bits ^= std::uint64_t{1} << (keys[j * kMaxList + origin[idx(p)]] & 63);
      }
      decision.bits[idx(p)] = bits;
    }
    const std::uint64_t information = single_check ? ~std::uint64_t{1} : ~std::uint64_t{0};
    polar::parity_rows(decision.bits.data(), information, origin.data(), entered.data(), parity.data(),
                       active);
  }

  void write_bits(const Node& node, const Decision& decision, std::int8_t* out, std::size_t stride) const {
    const int size = 1 << node.log2_size;
    if (node.kind != Node::Kind::kRepetition) {
      polar::unpack_rows(decision.bits.data(), size, active, out, stride);
      return;
    }
    const polar::KnownBits known = known_bits(node.log2_size, entered.data());
    const int last = (size - 1) % kPeriod;
    for (int p = 0; p < active; ++p) {
      const std::int8_t* frozen = known.table + known.row[decision.parent[idx(p)]] * known.stride;
      const auto difference = static_cast<std::int8_t>(-((parity[idx(p)] >> last) & 1));
      std::int8_t* row = out + idx(p) * stride;
      for (int i = 0; i < size; ++i) row[i] = static_cast<std::int8_t>(frozen[i] ^ difference);
    }
  }

  // Decodes a subtree for all active paths. `parents` becomes the row each path had on entry. Code bits are
  // written to `out` unless it is null.
  void run(int index, const std::int16_t* in, std::size_t in_stride, std::int8_t* out, std::size_t out_stride,
           Parents& parents) {
    const Node& node = nodes[idx(index)];
    const int size = 1 << node.log2_size, half = size / 2;
    switch (node.kind) {
      case Node::Kind::kFrozen: {
        enter(node, entered.data());
        const polar::KnownBits known = known_bits(node.log2_size, entered.data());
        polar::frozen_rows(in, in_stride, known, size, active, metric.data());
        for (int p = 0; p < active && out != nullptr; ++p)
          std::copy_n(known.table + entered[idx(p)] * known.stride, size, out + idx(p) * out_stride);
        identity(parents);
        return;
      }
      case Node::Kind::kRepetition:
      case Node::Kind::kParity:
      case Node::Kind::kFree: {
        Decision& decision = decisions[decided];
        deciding_nodes[decided++] = &node;
        enter(node, entered.data());
        if (node.kind == Node::Kind::kRepetition) {
          repetition(node, in, in_stride, decision);
        } else {
          short_node(node, in, in_stride, node.kind == Node::Kind::kParity, decision);
        }
        std::copy_n(decision.parent.begin(), active, parents.begin());
        if (out != nullptr) write_bits(node, decision, out, out_stride);
        leave(node);
        return;
      }
      case Node::Kind::kFold: {
        const auto s = idx(node.log2_size - 1);
        const std::size_t stride = row_stride(idx(half));
        Parents on_entry, of_path;
        enter(node, on_entry.data());
        const polar::KnownBits known = known_bits(node.log2_size - 1, on_entry.data());
        polar::fold_rows(in, in_stride, known, llr[s].data(), stride, half, active, metric.data());
        run(node.right, llr[s].data(), stride, out != nullptr ? out + half : nullptr, out_stride, parents);
        if (out != nullptr) {
          for (int p = 0; p < active; ++p) of_path[idx(p)] = on_entry[parents[idx(p)]];
          polar::combine_rows(known.table, known.stride, of_path.data(), out, out_stride, half, active);
        }
        return;
      }
      case Node::Kind::kSplit: {
        const auto s = idx(node.log2_size - 1);
        const std::size_t stride = row_stride(idx(half));
        Parents of_left, of_right;
        polar::check_rows(in, in_stride, llr[s].data(), stride, half, active);
        run(node.left, llr[s].data(), stride, left_bits[s].data(), stride, of_left);
        polar::variable_rows(in, in_stride, of_left.data(), left_bits[s].data(), stride, llr[s].data(),
                             stride, half, active);
        run(node.right, llr[s].data(), stride, out != nullptr ? out + half : nullptr, out_stride, of_right);
        if (out != nullptr) {
          polar::combine_rows(left_bits[s].data(), stride, of_right.data(), out, out_stride, half, active);
        }
        for (int p = 0; p < active; ++p) parents[idx(p)] = of_left[of_right[idx(p)]];
        return;
      }
    }
  }

  bool sizes_fit(Span<const float> in, Span<std::uint8_t> payload) const {
    return info_bits % 8 == 0 && in.size() == idx(block_bits) && payload.size() + kCrcBits / 8 == word.size();
  }

  void load(Span<const float> in) {
    const auto size = idx(block_bits);
    double total = 0;
    std::int64_t nonzero = 0;
    float limit = 1e30F;
    double mean = 0;
    // A few huge values (impulses, a wrong noise estimate) must not push all others to zero: the mean is
    // taken of magnitudes limited to 8 times the mean of the pass before. Zeros are erasures and do not
    // count.
    for (int pass = 0; pass < 6; ++pass) {
      polar::limited_magnitudes(in.data(), size, limit, &total, &nonzero);
      const double next = nonzero > 0 ? total / static_cast<double>(nonzero) : 0;
      const bool settled = pass > 0 && next > 0.5 * mean;
      mean = next;
      if (settled || mean <= 0) break;
      limit = static_cast<float>(8 * mean);
    }
    // A power of two: the sum above depends on the order of additions, hence on the machine; the result must
    // not.
    const double exponent =
        mean > 0 ? std::clamp(std::round(std::log2(kMeanSteps / mean)), -100.0, 100.0) : 0;
    scale = std::ldexp(1.0F, static_cast<int>(exponent));
    polar::quantise(in.data(), scale, channel.data(), size);
  }

  // The largest list allowed that is not longer than this.
  int allowed_list(int wanted) const {
    return static_cast<int>(std::bit_floor(static_cast<unsigned>(std::clamp(wanted, 1, max_list))));
  }

  // Leaves `active` paths; the rows of `order` from the least penalty on.
  void search(int list_size, Parents& order) {
    list = list_size;
    active = 1;
    metric[0] = 0;
    parity[0] = 0;
    decided = 0;
    Parents parents;
    // The code word itself is not needed: the information is read back from the decisions.
    run(root, channel.data(), row_stride(idx(block_bits)), nullptr, 0, parents);

    for (int p = 0; p < active; ++p) order[idx(p)] = static_cast<std::uint8_t>(p);
    std::sort(order.begin(), order.begin() + active, [this](std::uint8_t a, std::uint8_t b) {
      return metric[a] != metric[b] ? metric[a] < metric[b] : a < b;
    });
  }

  PolarDecodeResult attempt(int list_size, Span<std::uint8_t> payload) {
    Parents order;
    search(list_size, order);
    PolarDecodeResult result;
    result.list_used = list_size;
    result.path_metric = static_cast<float>(metric[order[0]]) / scale;
    for (int i = 0; i < active; ++i) {
      read_back(order[idx(i)]);
      if (crc24(word) != 0) continue;
      result.crc_ok = true;
      result.path_metric = static_cast<float>(metric[order[idx(i)]]) / scale;
      std::copy_n(word.begin(), word.size() - kCrcBits / 8, payload.begin());
      break;
    }
    return result;
  }

  // Follows one path from its end to the root and packs its information bits, most significant bit first.
  void read_back(std::uint8_t path) {
    std::fill(word.begin(), word.end(), std::uint8_t{0});
    int position = info_bits;
    for (std::size_t d = decided; d-- > 0;) {
      const Decision& decision = decisions[d];
      const Node& node = *deciding_nodes[d];
      std::uint64_t bits = decision.bits[path];
      int count = 1;
      if (node.kind != Node::Kind::kRepetition) {
        bits = polar_transform_word(bits);
        count = 1 << node.log2_size;
        if (node.kind == Node::Kind::kParity) {
          bits >>= 1;
          --count;
        }
      }
      position -= count;
      for (int i = 0; i < count; ++i) {
        const int at = position + i;
        word[idx(at / 8)] =
            static_cast<std::uint8_t>(word[idx(at / 8)] | (((bits >> i) & 1U) << (7 - at % 8)));
      }
      path = decision.parent[path];
    }
  }
};

PolarDecoder::PolarDecoder(const PolarCode& code, int max_list)
    : impl_(std::make_unique<Impl>(code, max_list, kCrcBits)) {}
PolarDecoder::PolarDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PolarDecoder PolarDecoder::without_crc(const PolarCode& code, int max_list) {
  return PolarDecoder(std::make_unique<Impl>(code, max_list, 0));
}
PolarDecoder::~PolarDecoder() = default;
PolarDecoder::PolarDecoder(PolarDecoder&&) noexcept = default;
PolarDecoder& PolarDecoder::operator=(PolarDecoder&&) noexcept = default;

PolarDecodeResult PolarDecoder::decode(Span<const float> llr, Span<std::uint8_t> payload) {
  if (!impl_->sizes_fit(llr, payload)) return {};
  impl_->load(llr);
  for (int list = 1;; list = list == 1 ? 8 : 4 * list) {
    list = std::min(list, impl_->max_list);
    const PolarDecodeResult result = impl_->attempt(list, payload);
    if (result.crc_ok || list == impl_->max_list) return result;
  }
}

PolarDecodeResult PolarDecoder::decode_with_list(Span<const float> llr, int list,
                                                 Span<std::uint8_t> payload) {
  if (!impl_->sizes_fit(llr, payload)) return {};
  impl_->load(llr);
  return impl_->attempt(impl_->allowed_list(list), payload);
}

int PolarDecoder::decode_paths(Span<const float> llr, int list, Span<std::uint8_t> info,
                               Span<float> path_metric) {
  Impl& d = *impl_;
  if (llr.size() != Impl::idx(d.block_bits)) return 0;
  d.load(llr);
  Parents order;
  d.search(d.allowed_list(list), order);
  const std::size_t bytes = d.word.size();
  const auto count = std::min({Impl::idx(d.active), info.size() / bytes, path_metric.size()});
  for (std::size_t i = 0; i < count; ++i) {
    d.read_back(order[i]);
    std::copy_n(d.word.begin(), bytes, info.begin() + i * bytes);
    path_metric[i] = static_cast<float>(d.metric[Impl::idx(order[i])]) / d.scale;
  }
  return static_cast<int>(count);
}

}  // namespace ngdsp
