// What the fused kernels use of conv.h and no kernel of tfjs's can reach: slices of the channels of
// wider buffers, and the whole epilogue. The functions are compiled into this program.
#include "cpu/conv.h"
#include "kernels.h"

#if defined(RAREFACE_EMULATOR)
#include "cuda/conv.h"
#include "emulated_host.h"
#endif

namespace rareface {
namespace {

using testing::Tensor;

struct OnCpu {
  CpuHost host{2};
  template <class... A>
  void conv_forward(const A&... a) {
    cpu::conv_forward(a..., host);
  }
  template <class... A>
  void conv_input_grad(const A&... a) {
    cpu::conv_input_grad(a..., host);
  }
  template <class... A>
  void conv_filter_grad(const A&... a) {
    cpu::conv_filter_grad(a..., host);
  }
};

#if defined(RAREFACE_EMULATOR)
struct OnEmulatedGpu {
  testing::EmulatedHost host;
  template <class... A>
  void conv_forward(const A&... a) {
    cuda::conv_forward(a..., host);
  }
  template <class... A>
  void conv_input_grad(const A&... a) {
    cuda::conv_input_grad(a..., host);
  }
  template <class... A>
  void conv_filter_grad(const A&... a) {
    cuda::conv_filter_grad(a..., host);
  }
};
using Engines = ::testing::Types<OnCpu, OnEmulatedGpu>;
#else
using Engines = ::testing::Types<OnCpu>;
#endif

template <class Engine>
class ConvSlices : public ::testing::Test {};
TYPED_TEST_SUITE(ConvSlices, Engines);

// Channels first..first+count of buffers of `stride` channels.
struct Slice {
  std::int64_t first, count, stride;

  bool holds(std::int64_t i) const { return i % stride >= first && i % stride < first + count; }
  std::size_t index(std::int64_t pixel, std::int64_t channel) const {
    return static_cast<std::size_t>(pixel * stride + first + channel);
  }
};

struct Fixture {
  ConvShape shape;
  Slice in, out;
  std::int64_t in_pixels = shape.batch * shape.in_height * shape.in_width;
  std::int64_t out_pixels = shape.batch * shape.out_height * shape.out_width;
  std::unique_ptr<Tensor> x = Tensor::random({in_pixels, in.stride}, 1);
  std::unique_ptr<Tensor> y = Tensor::random({out_pixels, out.stride}, 2);
  std::unique_ptr<Tensor> w = Tensor::random(
      {shape.filter_height, shape.filter_width, shape.in_channels, shape.out_channels}, 3);
  std::vector<float> x_before = x->values(), y_before = y->values();

  float* x_data() const { return x->view().f32_out() + in.first; }
  float* y_data() const { return y->view().f32_out() + out.first; }

  // body(input pixel, output pixel, filter position) for every pair that meets.
  template <class F>
  void for_taps(F&& body) const {
    for (std::int64_t o = 0; o < out_pixels; ++o)
      for (std::int64_t ky = 0; ky < shape.filter_height; ++ky)
        for (std::int64_t kx = 0; kx < shape.filter_width; ++kx) {
          const std::int64_t ox = o % shape.out_width, oy = o / shape.out_width % shape.out_height;
          const std::int64_t iy = oy * shape.stride_h + ky - shape.pad_top;
          const std::int64_t ix = ox * shape.stride_w + kx - shape.pad_left;
          if (iy < 0 || ix < 0 || iy >= shape.in_height || ix >= shape.in_width) continue;
          const std::int64_t n = o / shape.out_width / shape.out_height;
          body((n * shape.in_height + iy) * shape.in_width + ix, o, ky * shape.filter_width + kx);
        }
  }
};

ConvShape shape_of(std::int64_t in, std::int64_t out, std::int64_t stride) {
  return {.batch = 2,
          .in_height = 7,
          .in_width = 6,
          .in_channels = in,
          .out_height = (7 - 1) / stride + 1,
          .out_width = (6 - 1) / stride + 1,
          .out_channels = out,
          .filter_height = 3,
          .filter_width = 3,
          .stride_h = stride,
          .stride_w = stride,
          .pad_top = 1,
          .pad_left = 1};
}

// A dense block's growth and its last convolution; a long K (two passes); few channels in and out;
// whole vectors out.
std::vector<ConvShape> shapes() {
  return {shape_of(40, 32, 1), shape_of(33, 70, 2), shape_of(300, 35, 1),
          shape_of(2, 9, 1),   shape_of(20, 3, 1),  shape_of(40, 64, 2)};
}

Fixture fixture(const ConvShape& s) {
  return {.shape = s,
          .in = {3, s.in_channels, s.in_channels + 5},
          .out = {7, s.out_channels, s.out_channels + 9}};
}

// residual + scale * leaky_relu(product + bias) + before, in the slice; nothing changed outside it.
void expect_epilogue(const std::vector<double>& products, const Tensor& bias, const Tensor& result,
                     const std::vector<float>& before, const Slice& slice, bool accumulate) {
  const std::vector<float> values = result.values();
  std::vector<float> expected = before;
  for (std::size_t i = 0; i < products.size(); ++i) {
    const auto pixel = static_cast<std::int64_t>(i) / slice.count;
    const auto channel = static_cast<std::int64_t>(i) % slice.count;
    const std::size_t at = slice.index(pixel, channel);
    double v = products[i] + bias[channel];
    v = 0.5 * (v < 0 ? 0.25 * v : v) + before[at];  // the residual is what was there
    expected[at] = static_cast<float>(accumulate ? v + before[at] : v);
  }
  for (std::size_t i = 0; i < values.size(); ++i)
    if (slice.holds(static_cast<std::int64_t>(i)))
      ASSERT_NEAR(values[i], expected[i], 1e-4f * std::max(1.0f, std::abs(expected[i]))) << i;
    else
      ASSERT_EQ(values[i], expected[i]) << "outside the slice at " << i;
}

Epilogue epilogue_of(const Tensor& bias, const float* residual, const Slice& slice,
                     bool accumulate) {
  return {.bias = bias.view().f32(),
          .activation = Activation::leaky_relu,
          .slope = 0.25f,
          .scale = 0.5f,
          .residual = residual,
          .residual_stride = slice.stride,
          .accumulate = accumulate};
}

TYPED_TEST(ConvSlices, ForwardReadsAndWritesSlices) {
  for (const ConvShape& s : shapes())
    for (const bool accumulate : {false, true}) {
      const Fixture f = fixture(s);
      const auto bias = Tensor::random({s.out_channels}, 4);
      std::vector<double> products(static_cast<std::size_t>(f.out_pixels * s.out_channels));
      f.for_taps([&](std::int64_t i, std::int64_t o, std::int64_t k) {
        for (std::int64_t c = 0; c < s.in_channels; ++c)
          for (std::int64_t j = 0; j < s.out_channels; ++j)
            products[static_cast<std::size_t>(o * s.out_channels + j)] +=
                static_cast<double>(f.x_before[f.in.index(i, c)]) *
                (*f.w)[(k * s.in_channels + c) * s.out_channels + j];
      });
      TypeParam engine;
      engine.conv_forward(s, f.x_data(), f.in.stride, f.w->view().f32(), f.y_data(), f.out.stride,
                          epilogue_of(*bias, f.y_data(), f.out, accumulate));
      expect_epilogue(products, *bias, *f.y, f.y_before, f.out, accumulate);
    }
}

TYPED_TEST(ConvSlices, InputGradientReadsAndWritesSlices) {
  for (const ConvShape& s : shapes())
    for (const bool accumulate : {false, true}) {
      const Fixture f = fixture(s);
      const auto bias = Tensor::random({s.in_channels}, 4);
      std::vector<double> products(static_cast<std::size_t>(f.in_pixels * s.in_channels));
      f.for_taps([&](std::int64_t i, std::int64_t o, std::int64_t k) {
        for (std::int64_t c = 0; c < s.in_channels; ++c)
          for (std::int64_t j = 0; j < s.out_channels; ++j)
            products[static_cast<std::size_t>(i * s.in_channels + c)] +=
                static_cast<double>(f.y_before[f.out.index(o, j)]) *
                (*f.w)[(k * s.in_channels + c) * s.out_channels + j];
      });
      TypeParam engine;
      engine.conv_input_grad(s, f.y_data(), f.out.stride, f.w->view().f32(), f.x_data(),
                             f.in.stride, epilogue_of(*bias, f.x_data(), f.in, accumulate));
      expect_epilogue(products, *bias, *f.x, f.x_before, f.in, accumulate);
    }
}

TYPED_TEST(ConvSlices, FilterGradientReadsSlices) {
  for (const ConvShape& s : shapes())
    for (const bool accumulate : {false, true}) {
      const Fixture f = fixture(s);
      const std::vector<float> before = f.w->values();
      std::vector<double> sums(before.size());
      if (accumulate) sums.assign(before.begin(), before.end());
      f.for_taps([&](std::int64_t i, std::int64_t o, std::int64_t k) {
        for (std::int64_t c = 0; c < s.in_channels; ++c)
          for (std::int64_t j = 0; j < s.out_channels; ++j)
            sums[static_cast<std::size_t>((k * s.in_channels + c) * s.out_channels + j)] +=
                static_cast<double>(f.x_before[f.in.index(i, c)]) * f.y_before[f.out.index(o, j)];
      });
      TypeParam engine;
      engine.conv_filter_grad(s, f.x_data(), f.in.stride, f.y_data(), f.out.stride,
                              f.w->view().f32_out(), accumulate);
      testing::expect_close(f.w->values(), {sums.begin(), sums.end()}, 1e-4f, "dfilter");
      if (accumulate) {  // to the same bits as adding afterwards
        Tensor fresh({static_cast<std::int64_t>(before.size())});
        engine.conv_filter_grad(s, f.x_data(), f.in.stride, f.y_data(), f.out.stride,
                                fresh.view().f32_out(), false);
        for (std::size_t i = 0; i < before.size(); ++i)
          ASSERT_EQ((*f.w)[static_cast<std::int64_t>(i)],
                    before[i] + fresh[static_cast<std::int64_t>(i)])
              << i;
      }
      f.w->check_guards("conv_filter_grad");
    }
}

}  // namespace
}  // namespace rareface
