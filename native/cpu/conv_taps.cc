#include "conv_taps.h"

#include <vector>

#include "gemm.h"

namespace rareface::cpu {
namespace {

constexpr std::int64_t kMinDepth = 64;
// What a tile costs beyond its products, in elements of K. Filters lie the right way for a forward
// convolution, and are transposed for an input gradient.
constexpr std::int64_t kStart = 8;
constexpr std::int64_t kTransposedStart = 28;
constexpr std::int64_t kTasks = 8;           // wanted, for balance
constexpr std::int64_t kMaxRows = 512;       // of a task: sums of 64 KB in AVX-512
constexpr std::int64_t kDirectDepth = 256;   // of B where it lies, in one pass
constexpr std::int64_t kPackedDepth = 1024;  // of B packed, in one pass

// Output positions o with o * stride + k * dilation - pad inside 0..in, for each k in turn.
std::vector<Part> meetings(std::int64_t in, std::int64_t out, std::int64_t filter,
                           std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
  std::vector<Part> parts;
  for (std::int64_t k = 0; k < filter; ++k) {
    const std::int64_t offset = k * dilation - pad;
    const std::int64_t begin = offset >= 0 ? 0 : ceil_div(-offset, stride);
    const std::int64_t end = offset >= in ? 0 : std::min(out, ceil_div(in - offset, stride));
    parts.push_back({begin, std::max(begin, end)});
  }
  return parts;
}
std::vector<Part> meetings_h(const ConvShape& s) {
  return meetings(s.in_height, s.out_height, s.filter_height, s.stride_h, s.dilation_h, s.pad_top);
}
std::vector<Part> meetings_w(const ConvShape& s) {
  return meetings(s.in_width, s.out_width, s.filter_width, s.stride_w, s.dilation_w, s.pad_left);
}

// The pixels of source and result that meet, tap after tap, by ascending pixel of the result.
struct Pairs {
  std::vector<Column> all;           // {source, result}
  std::vector<std::int64_t> starts;  // of each tap, and the end

  Pairs(const ConvShape& s, bool input_grad, const Image& source) {
    const std::vector<Part> rows = meetings_h(s), cols = meetings_w(s);
    for (std::int64_t ky = 0; ky < s.filter_height; ++ky)
      for (std::int64_t kx = 0; kx < s.filter_width; ++kx) {
        starts.push_back(static_cast<std::int64_t>(all.size()));
        const Part across = cols[static_cast<std::size_t>(kx)];
        for (std::int64_t n = 0; n < s.batch; ++n)
          for (std::int64_t oy = rows[static_cast<std::size_t>(ky)].begin;
               oy < rows[static_cast<std::size_t>(ky)].end; ++oy) {
            const std::int64_t iy = oy * s.stride_h + ky * s.dilation_h - s.pad_top;
            std::int64_t in = (n * s.in_height + iy) * s.in_width + across.begin * s.stride_w +
                              kx * s.dilation_w - s.pad_left;
            std::int64_t out = (n * s.out_height + oy) * s.out_width + across.begin;
            for (std::int64_t ox = across.begin; ox < across.end; ++ox, in += s.stride_w, ++out)
              all.push_back(
                  {source.data + (input_grad ? out : in) * source.stride, input_grad ? in : out});
          }
      }
    starts.push_back(static_cast<std::int64_t>(all.size()));
  }

  // Those of a tap in these pixels of the result.
  Part within(std::int64_t tap, Part pixels) const {
    const auto first = all.begin() + starts[static_cast<std::size_t>(tap)];
    const auto last = all.begin() + starts[static_cast<std::size_t>(tap) + 1];
    const auto before = [](const Column& pair, std::int64_t pixel) { return pair.b < pixel; };
    return {std::lower_bound(first, last, pixels.begin, before) - all.begin(),
            std::lower_bound(first, last, pixels.end, before) - all.begin()};
  }
};

std::int64_t total(const std::vector<Part>& parts) {
  std::int64_t sum = 0;
  for (const Part& part : parts) sum += part.size();
  return sum;
}

}  // namespace

double tap_pairs(const ConvShape& s, bool input_grad) {
  const std::int64_t depth = input_grad ? s.out_channels : s.in_channels;
  const std::int64_t pairs = s.batch * total(meetings_h(s)) * total(meetings_w(s));
  const std::int64_t start = input_grad ? kTransposedStart : kStart;
  return static_cast<double>(pairs * (depth + start)) / static_cast<double>(depth);
}

bool taps_pay(const ConvShape& s, bool input_grad) {
  const std::int64_t depth = input_grad ? s.out_channels : s.in_channels;
  const std::int64_t cols = input_grad ? s.in_channels : s.out_channels;
  if (depth < kMinDepth || cols < kTileCols) return false;
  const std::int64_t taps = s.filter_height * s.filter_width;
  const std::int64_t all = input_grad ? s.in_height * s.in_width * taps / (s.stride_h * s.stride_w)
                                      : s.out_height * s.out_width * taps;
  return tap_pairs(s, input_grad) <= static_cast<double>(s.batch * all);
}

template <class Operand>
void convolve_by_taps(const ConvShape& s, bool input_grad, const Image& source, const float* filter,
                      const Output& output, const Epilogue& epilogue, Host& host) {
  const std::int64_t cols = input_grad ? s.in_channels : s.out_channels;
  const std::int64_t pixels =
      s.batch * (input_grad ? s.in_height * s.in_width : s.out_height * s.out_width);
  if (pixels == 0) return;
  const Pairs pairs(s, input_grad, source);
  const std::int64_t taps = s.filter_height * s.filter_width;
  const std::int64_t depth = source.channels, position = s.in_channels * s.out_channels;
  std::vector<std::int64_t> offsets;
  for (std::int64_t t = 0; t < taps; ++t) offsets.push_back(t * position);
  const RightFactor b{.base = filter,
                      .offsets = offsets.data(),
                      .taps = taps,
                      .depth = input_grad ? s.out_channels : s.in_channels,
                      .k_stride = input_grad ? 1 : s.out_channels,
                      .col_stride = input_grad ? s.out_channels : 1};

  const std::int64_t panels = ceil_div(cols, kTileCols);
  const std::int64_t chunks = std::max(
      ceil_div(pixels, kMaxRows),
      std::min(ceil_div(kTasks, panels), std::max<std::int64_t>(1, pixels / (4 * kTileRows))));
  const bool direct =
      std::is_same_v<Operand, Float32> && b.col_stride == 1 && cols % kTileCols == 0;
  const std::int64_t pieces = ceil_div(depth, direct ? kDirectDepth : kPackedDepth);
  const std::int64_t most_depth = ceil_div(depth, pieces), most_rows = ceil_div(pixels, chunks);
  const float* packed = direct || chunks == 1 ? nullptr : pack_panels<Operand>(b, cols, host);
  Workers workers(host, (most_rows + (direct || packed ? 0 : most_depth)) * kTileCols);

  auto task = [&](std::int64_t index, float* sums) {
    const std::int64_t p = index / chunks, col0 = p * kTileCols;
    const std::int64_t width = std::min<std::int64_t>(kTileCols, cols - col0);
    const Part rows = part_of(pixels, chunks, index % chunks);
    float* own = sums + most_rows * kTileCols;
    std::fill(sums, sums + rows.size() * kTileCols, 0.0f);
    for (std::int64_t t = 0; t < taps; ++t) {
      const Part live = pairs.within(t, rows);
      if (live.size() == 0) continue;
      const std::int64_t tiles = ceil_div(live.size(), kTileRows);
      for (std::int64_t i = 0; i < pieces; ++i) {
        const Part k = part_of(depth, pieces, i);
        const float* lies = filter + t * position + k.begin * b.k_stride + col0 * b.col_stride;
        Panel panel{own, kTileCols};
        if (direct) {
          panel = {lies, b.k_stride};
        } else if (packed) {
          panel.data = packed + ((p * taps + t) * depth + k.begin) * kTileCols;
        } else {
          pack_panel<Operand>(b, col0, width, {t * depth + k.begin, t * depth + k.end}, own);
        }
        // What comes next.
        Panel ahead{lies, 0};
        if (direct && i + 1 < pieces)
          ahead = {lies + k.size() * b.k_stride, b.k_stride};
        else if (direct && t + 1 < taps)
          ahead = {filter + (t + 1) * position + col0, b.k_stride};
        else if (!direct && !packed && t + 1 < taps && pieces == 1)
          ahead = {lies + position, b.col_stride == 1 ? b.k_stride : kTileCols};
        for (std::int64_t tile = 0; tile < tiles; ++tile) {
          const Part part = part_of(live.size(), tiles, tile);
          tile_by_taps<Operand>(part.size(), width)(pairs.all.data() + live.begin + part.begin,
                                                    k.begin, k.size(), panel, rows.begin, sums,
                                                    ahead);
          ahead.stride = 0;
        }
      }
    }
    for (std::int64_t i = 0; i < rows.size(); ++i)
      for (std::int64_t j = 0; j < width; j += kLanes)
        finish(epilogue, load(sums + i * kTileCols + j), col0 + j,
               std::min<std::int64_t>(kLanes, width - j), rows.begin + i, output);
  };
  workers.run(panels * chunks, task);
}

template void convolve_by_taps<Float32>(const ConvShape&, bool, const Image&, const float*,
                                        const Output&, const Epilogue&, Host&);
template void convolve_by_taps<Bfloat16>(const ConvShape&, bool, const Image&, const float*,
                                         const Output&, const Epilogue&, Host&);

}  // namespace rareface::cpu
