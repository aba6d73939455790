// Which convolutions go by Winograd's method, and with which tile: the cheapest by a count of
// vector operations. The constants were fitted to measured times (Zen 4, AVX-512); a multiply-add
// of a matrix product counts 1.
#include <cmath>

#include "conv_taps.h"
#include "conv_winograd.h"

namespace rareface::cpu {
namespace {

// What the transforms of one tile or one filter cost, for a vector of channels.
struct Costs {
  std::int64_t tile;  // M
  double input, output, output_grad;
  double filter, transposed_filter, filter_grad;

  std::int64_t points() const { return (tile + 2) * (tile + 2); }
};
constexpr Costs kCosts[] = {{.tile = 2,
                             .input = 90,
                             .output = 80,
                             .output_grad = 80,
                             .filter = 90,
                             .transposed_filter = 130,
                             .filter_grad = 140},
                            {.tile = 3,
                             .input = 150,
                             .output = 120,
                             .output_grad = 120,
                             .filter = 150,
                             .transposed_filter = 195,
                             .filter_grad = 170},
                            {.tile = 4,
                             .input = 220,
                             .output = 180,
                             .output_grad = 180,
                             .filter = 200,
                             .transposed_filter = 220,
                             .filter_grad = 200}};
constexpr double kBfloat16 = 0.5;  // a multiply-add in bfloat16
constexpr double kPack = 6;        // one vector of the direct way's filter
constexpr double kFinish = 14;     // one vector of the direct way's filter gradient
constexpr double kFetch = 200;  // one vector of a large filter, transformed as it comes from memory
constexpr double kLarge = 1 << 20;  // elements of such a filter, which no cache of a core holds
constexpr double kStart = 40;       // one call of a tile of the matrix product
constexpr double kGain = 0.93;      // of the direct way's cost, below which it is worth it
constexpr std::int64_t kMinChannels = 8;

bool fits(const ConvShape& s) {
  return s.filter_height == 3 && s.filter_width == 3 && s.stride_h == 1 && s.stride_w == 1 &&
         s.dilation_h == 1 && s.dilation_w == 1 && s.in_channels >= kMinChannels &&
         s.out_channels >= kMinChannels;
}

double vectors(std::int64_t channels) { return static_cast<double>(ceil_div(channels, kLanes)); }

// cost(costs, tiles) of the cheapest tile that beats `direct`, or 0.
template <class Cost>
std::int64_t cheapest(std::int64_t batch, std::int64_t height, std::int64_t width,
                      Precision precision, double direct, Cost&& cost) {
  std::int64_t best = 0;
  double least = direct * kGain;
  for (const Costs& c : kCosts) {
    if (precision == Precision::bfloat16 && c.tile > 2) break;  // too far off
    const double tiles =
        static_cast<double>(batch * ceil_div(height, c.tile) * ceil_div(width, c.tile));
    const double total = cost(c, tiles);
    if (total >= least) continue;
    least = total;
    best = c.tile;
  }
  return best;
}

}  // namespace

std::int64_t winograd_tile(const ConvShape& s, bool input_grad, Precision precision) {
  if (!fits(s)) return 0;
  const std::int64_t height = input_grad ? s.in_height : s.out_height;
  const std::int64_t width = input_grad ? s.in_width : s.out_width;
  const std::int64_t depth = input_grad ? s.out_channels : s.in_channels;
  const std::int64_t cols = input_grad ? s.in_channels : s.out_channels;
  const double filters = static_cast<double>(depth) * vectors(cols);
  const double pixels = static_cast<double>(s.batch * height * width);
  const double product = precision == Precision::bfloat16 ? kBfloat16 : 1;
  const double pairs = taps_pay(s, input_grad) ? tap_pairs(s, input_grad) : 9 * pixels;
  const bool large = static_cast<double>(9 * s.in_channels * s.out_channels) >= kLarge;
  return cheapest(
      s.batch, height, width, precision, filters * (product * pairs + 9 * kPack),
      [&](const Costs& c, double tiles) {
        const double points = static_cast<double>(c.points());
        const double calls =
            points * std::ceil(tiles / kTileRows) * std::ceil(vectors(cols) / kTileVectors);
        return filters * (product * points * tiles + (input_grad ? c.transposed_filter : c.filter) +
                          (large ? kFetch : 0)) +
               tiles * (vectors(depth) * c.input + vectors(cols) * c.output) + calls * kStart;
      });
}

std::int64_t winograd_tile_of_filter_grad(const ConvShape& s, Precision precision) {
  if (!fits(s)) return 0;
  const double filters = static_cast<double>(s.in_channels) * vectors(s.out_channels);
  const double pixels = static_cast<double>(s.batch * s.out_height * s.out_width);
  const double product = precision == Precision::bfloat16 ? kBfloat16 : 1;
  return cheapest(s.batch, s.out_height, s.out_width, precision,
                  9 * filters * (product * pixels + kFinish), [&](const Costs& c, double tiles) {
                    const double points = static_cast<double>(c.points());
                    const double calls = points *
                                         std::ceil(static_cast<double>(s.in_channels) / kTileRows) *
                                         std::ceil(vectors(s.out_channels) / kTileVectors);
                    return filters * (product * points * tiles + c.filter_grad) +
                           tiles * (vectors(s.in_channels) * c.input +
                                    vectors(s.out_channels) * c.output_grad) +
                           calls * kStart;
                  });
}

}  // namespace rareface::cpu
