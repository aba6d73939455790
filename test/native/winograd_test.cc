// Convolutions by Winograd's method with each tile, whichever conv.h would choose, against plain
// loops in double precision: the functions are compiled into this program.
#include "cpu/conv_winograd.h"
#include "kernels.h"

namespace rareface {
namespace {

using testing::Tensor;

struct Size {
  std::int64_t batch, height, width, in, out, pad;

  ConvShape shape() const {
    return {.batch = batch,
            .in_height = height,
            .in_width = width,
            .in_channels = in,
            .out_height = height + 2 * pad - 2,
            .out_width = width + 2 * pad - 2,
            .out_channels = out,
            .filter_height = 3,
            .filter_width = 3,
            .pad_top = pad,
            .pad_left = pad};
  }
};

// Channels first..first+count of the pixels of a wider buffer, with guard zones around it.
struct Pixels {
  std::int64_t count, channels;
  std::int64_t first = 3, stride = channels + 8;
  std::unique_ptr<Tensor> tensor;
  std::vector<float> before;

  Pixels(std::int64_t pixels, std::int64_t width, unsigned seed)
      : count(pixels),
        channels(width),
        tensor(Tensor::random({pixels, stride}, seed)),
        before(tensor->values()) {}
  float* data() const { return tensor->view().f32_out() + first; }
  const float* row(std::int64_t pixel) const { return before.data() + pixel * stride + first; }
  // Values of the slice, pixel by pixel; fails the test where anything else has changed.
  std::vector<float> slice() const {
    std::vector<float> values;
    for (std::int64_t i = 0; i < tensor->size(); ++i)
      if (i % stride >= first && i % stride < first + channels)
        values.push_back((*tensor)[i]);
      else
        EXPECT_EQ((*tensor)[i], before[static_cast<std::size_t>(i)]) << "outside the slice";
    tensor->check_guards("winograd");
    return values;
  }
};

struct Problem {
  ConvShape shape;
  Pixels x, y;
  std::unique_ptr<Tensor> filter;

  explicit Problem(const Size& size)
      : shape(size.shape()),
        x(shape.batch * shape.in_height * shape.in_width, shape.in_channels, 1),
        y(shape.batch * shape.out_height * shape.out_width, shape.out_channels, 2),
        filter(Tensor::random({3, 3, shape.in_channels, shape.out_channels}, 3)) {}

  // body(input pixel, output pixel, filter position) for every pair that meets.
  template <class F>
  void for_taps(F&& body) const {
    for (std::int64_t o = 0; o < y.count; ++o)
      for (std::int64_t t = 0; t < 9; ++t) {
        const std::int64_t row = o / shape.out_width;
        const std::int64_t iy = row % shape.out_height + t / 3 - shape.pad_top;
        const std::int64_t ix = o % shape.out_width + t % 3 - shape.pad_left;
        if (iy < 0 || ix < 0 || iy >= shape.in_height || ix >= shape.in_width) continue;
        body((row / shape.out_height * shape.in_height + iy) * shape.in_width + ix, o, t);
      }
  }

  // The gradient by the filter, of x and dy = y.
  std::vector<double> filter_grad() const {
    std::vector<double> sums(static_cast<std::size_t>(filter->size()));
    for_taps([&](std::int64_t i, std::int64_t o, std::int64_t t) {
      for (std::int64_t c = 0; c < shape.in_channels; ++c) {
        const double v = x.row(i)[c];
        double* to = sums.data() + (t * shape.in_channels + c) * shape.out_channels;
        for (std::int64_t j = 0; j < shape.out_channels; ++j) to[j] += v * y.row(o)[j];
      }
    });
    return sums;
  }
  std::vector<double> forward() const {
    std::vector<double> sums(static_cast<std::size_t>(y.count * shape.out_channels));
    for_taps([&](std::int64_t i, std::int64_t o, std::int64_t t) {
      for (std::int64_t c = 0; c < shape.in_channels; ++c) {
        const double v = x.row(i)[c];
        const float* w = filter->view().f32() + (t * shape.in_channels + c) * shape.out_channels;
        double* to = sums.data() + o * shape.out_channels;
        for (std::int64_t j = 0; j < shape.out_channels; ++j) to[j] += v * w[j];
      }
    });
    return sums;
  }
  std::vector<double> input_grad() const {
    std::vector<double> sums(static_cast<std::size_t>(x.count * shape.in_channels));
    for_taps([&](std::int64_t i, std::int64_t o, std::int64_t t) {
      for (std::int64_t c = 0; c < shape.in_channels; ++c) {
        const float* w = filter->view().f32() + (t * shape.in_channels + c) * shape.out_channels;
        double sum = 0;
        for (std::int64_t j = 0; j < shape.out_channels; ++j)
          sum += static_cast<double>(y.row(o)[j]) * w[j];
        sums[static_cast<std::size_t>(i * shape.in_channels + c)] += sum;
      }
    });
    return sums;
  }
};

// The errors are those of sums of `terms` normal products, whose size is sqrt(terms).
void expect_near(const std::vector<float>& actual, const std::vector<double>& expected,
                 double terms, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * std::sqrt(std::max(1.0, terms)))
        << what << " at " << i;
}

struct Way {
  std::int64_t tile;
  Precision precision = Precision::float32;

  bool rounds() const { return precision == Precision::bfloat16; }
  std::string name() const { return "M" + std::to_string(tile) + (rounds() ? "Bfloat16" : ""); }
  // Transforms of tiles of 2 rounded to 8 bits: an error of 2^-8 of the norm (rms), and hardly ever
  // eight times that.
  double tolerance(double of_float32) const { return rounds() ? 8.0 / 256 : of_float32; }
};

class WinogradTest : public ::testing::TestWithParam<Way> {
 protected:
  using Float32 = cpu::Float32;
  using Bfloat16 = cpu::Bfloat16;
  // The same function for both kinds of factors.
  template <class F>
  static F* choose(F* in_float32, F* in_bfloat16) {
    return GetParam().rounds() ? in_bfloat16 : in_float32;
  }

  CpuHost one{1}, three{3};

  // What `call` leaves in `pixels`, the same bits on one thread and on three; then they are as
  // before.
  template <class F>
  std::vector<float> run(const Pixels& pixels, F&& call) {
    std::vector<float> results[2];
    for (Host* host : {&one, &three}) {
      call(*host);
      results[host == &three] = pixels.slice();
      std::copy(pixels.before.begin(), pixels.before.end(), pixels.tensor->view().f32_out());
    }
    EXPECT_EQ(results[0], results[1]) << "depends on the number of threads";
    return results[0];
  }

  std::vector<float> forward(const Problem& p, const Epilogue& epilogue) {
    const ConvShape& s = p.shape;
    return run(p.y, [&](Host& host) {
      choose(cpu::winograd<Float32>, cpu::winograd<Bfloat16>)(
          GetParam().tile,
          {.source = {p.x.data(), s.batch, s.in_height, s.in_width, s.in_channels, p.x.stride},
           .pad_top = s.pad_top,
           .pad_left = s.pad_left,
           .filter = p.filter->view().f32(),
           .k_stride = s.out_channels,
           .col_stride = 1,
           .out_height = s.out_height,
           .out_width = s.out_width,
           .out_channels = s.out_channels},
          {p.y.data(), p.y.stride}, epilogue, host);
    });
  }
  std::vector<float> input_grad(const Problem& p) {
    const ConvShape& s = p.shape;
    return run(p.x, [&](Host& host) {
      choose(cpu::winograd<Float32>, cpu::winograd<Bfloat16>)(
          GetParam().tile,
          {.source = {p.y.data(), s.batch, s.out_height, s.out_width, s.out_channels, p.y.stride},
           .pad_top = 2 - s.pad_top,
           .pad_left = 2 - s.pad_left,
           .filter = p.filter->view().f32(),
           .k_stride = 1,
           .col_stride = s.out_channels,
           .flipped = true,
           .out_height = s.in_height,
           .out_width = s.in_width,
           .out_channels = s.in_channels},
          {p.x.data(), p.x.stride}, {}, host);
    });
  }
  std::vector<float> filter_grad(const Problem& p, bool accumulate) {
    const std::vector<float> before = p.filter->values();
    float* to = p.filter->view().f32_out();
    std::vector<float> results[2];
    for (Host* host : {&one, &three}) {
      std::copy(before.begin(), before.end(), to);
      choose(cpu::winograd_filter_grad<Float32>, cpu::winograd_filter_grad<Bfloat16>)(
          GetParam().tile, p.shape, p.x.data(), p.x.stride, p.y.data(), p.y.stride, to, accumulate,
          *host);
      p.filter->check_guards("winograd_filter_grad");
      results[host == &three] = p.filter->values();
    }
    std::copy(before.begin(), before.end(), to);
    EXPECT_EQ(results[0], results[1]) << "depends on the number of threads";
    return results[0];
  }

  void check(const Size& size) {
    const Problem p(size);
    const std::string what = GetParam().name() + ", " + std::to_string(size.batch) + " x " +
                             std::to_string(size.height) + " x " + std::to_string(size.width) +
                             " x " + std::to_string(size.in) + " -> " + std::to_string(size.out) +
                             ", ";
    const auto in = static_cast<double>(size.in), out = static_cast<double>(size.out);
    expect_near(forward(p, {}), p.forward(), 9 * in, GetParam().tolerance(2e-5), what + "y");
    expect_near(input_grad(p), p.input_grad(), 9 * out, GetParam().tolerance(2e-5), what + "dx");
    expect_near(filter_grad(p, false), p.filter_grad(), static_cast<double>(p.y.count),
                GetParam().tolerance(5e-5), what + "dfilter");
  }
};

TEST_P(WinogradTest, PartsOfTilesAndVectorsMatchPlainLoops) {
  // Around each tile's size, around the lanes, with every pad and more pad than image.
  for (const std::int64_t height : {1, 2, 3, 4, 5, 7})
    for (const std::int64_t pad : {0, 1, 2})
      if (height + 2 * pad > 2)
        check({height % 3 + 1, height, 13 - height, 8 + height, 17 - height, pad});
}

TEST_P(WinogradTest, TakesNothing) {
  check({0, 5, 4, 9, 10, 1});
  check({2, 2, 2, 9, 10, 0});
}

TEST_P(WinogradTest, EveryWayToShareTheWorkMatchesPlainLoops) {
  check({1, 12, 12, 300, 7, 1});   // one panel: the channels are split
  check({2, 12, 12, 130, 40, 1});  // panels share the tiles
  check({1, 14, 14, 70, 33, 0});   // valid, as in the residual blocks
  check({2, 25, 23, 20, 12, 1});   // blocks of tiles share the filters
  check({2, 25, 23, 20, 70, 1});   // of several panels
  check({3, 26, 24, 160, 9, 1});   // too many tiles of too many channels for one task
}

TEST_P(WinogradTest, FilterGradientOfManyTilesMatchesPlainLoops) {
  const Problem p({7, 50, 48, 21, 26, 1});
  expect_near(filter_grad(p, false), p.filter_grad(), static_cast<double>(p.y.count),
              GetParam().tolerance(5e-5), "dfilter");
}

TEST_P(WinogradTest, FilterGradientAddsToWhatIsThere) {
  for (const Size& size : {Size{1, 6, 7, 10, 9, 1}, Size{2, 30, 31, 9, 10, 1}}) {
    const Problem p(size);
    std::vector<double> expected = p.filter_grad();
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] += (*p.filter)[static_cast<std::int64_t>(i)];
    expect_near(filter_grad(p, true), expected, static_cast<double>(p.y.count),
                GetParam().tolerance(5e-5), "dfilter");
  }
}

TEST_P(WinogradTest, TheEpilogueIsAppliedOnce) {
  // One split and several.
  for (const Size& size : {Size{2, 7, 6, 20, 18, 1}, Size{1, 9, 10, 150, 6, 1}}) {
    const Problem p(size);
    const auto bias = Tensor::random({size.out}, 4);
    const Pixels residual(p.y.count, size.out, 5);
    const Epilogue epilogue{.bias = bias->view().f32(),
                            .activation = Activation::leaky_relu,
                            .slope = 0.25f,
                            .scale = 0.5f,
                            .residual = residual.data(),
                            .residual_stride = residual.stride,
                            .accumulate = true};
    std::vector<double> expected = p.forward();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto pixel = static_cast<std::int64_t>(i) / size.out;
      const auto channel = static_cast<std::int64_t>(i) % size.out;
      const double v = expected[i] + (*bias)[channel];
      expected[i] =
          0.5 * (v < 0 ? 0.25 * v : v) + residual.row(pixel)[channel] + p.y.row(pixel)[channel];
    }
    expect_near(forward(p, epilogue), expected, 9.0 * static_cast<double>(size.in),
                GetParam().tolerance(2e-5), "y");
  }
}

INSTANTIATE_TEST_SUITE_P(Tiles, WinogradTest,
                         ::testing::Values(Way{2}, Way{3}, Way{4}, Way{2, Precision::bfloat16}),
                         [](const auto& info) { return info.param.name(); });

TEST(WinogradTile, IsChosenWhereTheShapeIsFit) {
  const auto tile = [](const Size& size, Precision precision = Precision::float32) {
    return cpu::winograd_tile(size.shape(), false, precision);
  };
  EXPECT_EQ(tile({8, 12, 12, 256, 256, 1}), 4);
  EXPECT_EQ(tile({8, 6, 6, 256, 256, 1}), 3);
  EXPECT_EQ(tile({1, 6, 6, 256, 256, 1}), 2);
  // Transforming so large a filter costs more than it saves.
  EXPECT_EQ(tile({1, 6, 6, 512, 512, 1}), 0);
  // Most products of a small image are with zeros outside it, which going tap by tap leaves out.
  EXPECT_EQ(tile({4, 2, 2, 256, 256, 1}), 0);
  EXPECT_EQ(tile({8, 48, 48, 3, 64, 1}), 0);
  EXPECT_EQ(tile({1, 2, 2, 256, 256, 1}), 0);
  EXPECT_EQ(tile({8, 12, 12, 256, 256, 1}, Precision::bfloat16), 2);
  EXPECT_EQ(tile({8, 48, 48, 8, 8, 1}, Precision::bfloat16), 0);
  ConvShape strided = Size{8, 12, 12, 256, 256, 1}.shape();
  strided.stride_h = strided.stride_w = 2;
  EXPECT_EQ(cpu::winograd_tile(strided, false, Precision::float32), 0);
  EXPECT_EQ(cpu::winograd_tile(strided, true, Precision::float32), 0);
  EXPECT_EQ(cpu::winograd_tile_of_filter_grad(strided, Precision::float32), 0);
}

}  // namespace
}  // namespace rareface
