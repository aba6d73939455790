// The project's own ops: forward against plain loops, gradients against differences of them; on
// every variant, on one and three threads to the bit, with nothing read or written outside a
// tensor.
#include "reference.h"

namespace rareface {
namespace {

using testing::doubles;
using testing::Doubles;
using testing::expect_close;
using testing::expect_gradient;
using testing::floats;
using testing::Image;
using testing::Shape;
using testing::Tensor;
using Tensors = std::vector<std::unique_ptr<Tensor>>;

using OpsTest = testing::KernelTest;

std::vector<const Tensor*> pointers(const Tensors& tensors) {
  std::vector<const Tensor*> result;
  for (const auto& tensor : tensors) result.push_back(tensor.get());
  return result;
}

std::vector<Doubles> values_of(const Tensors& tensors) {
  std::vector<Doubles> result;
  for (const auto& tensor : tensors) result.push_back(doubles(tensor->values()));
  return result;
}

// --- instance norm

struct Slope {
  double activation;  // its number
  double below_0;
};

TEST_P(OpsTest, InstanceNormAndItsGradientAreTheirDefinition) {
  constexpr double kEpsilon = 1e-3;
  const Shape shapes[] = {{1, 1, 2, 1},   {2, 3, 3, 5},    {1, 6, 6, 64}, {3, 5, 7, 37},
                          {1, 40, 30, 9}, {2, 12, 12, 16}, {1, 3, 2, 31}, {1, 2, 2, 600}};
  for (const Shape& shape : shapes)
    for (const auto& [activation, below_0] : {Slope{0, 1}, Slope{1, 0}, Slope{4, 0.2}}) {
      const auto x = Tensor::random(shape, 1), dy = Tensor::random(shape, 2);
      const std::vector<double> attrs{activation, below_0, kEpsilon};
      const auto forward = [&, s = below_0](const Doubles& values) {
        Image y =
            testing::instance_norm({shape[0], shape[1], shape[2], shape[3], values}, kEpsilon);
        for (double& v : y.values) v = v < 0 ? v * s : v;
        return y.values;
      };
      const Doubles weights = doubles(dy->values());
      expect_close(run("InstanceNorm", {x.get()}, shape, attrs),
                   floats(forward(doubles(x->values()))), 2e-5f, "InstanceNorm");
      expect_gradient(
          [&](const std::vector<Doubles>& xs) { return testing::dot(forward(xs[0]), weights); },
          {doubles(x->values())}, 0, run("InstanceNormGrad", {x.get(), dy.get()}, shape, attrs),
          1e-4, "InstanceNormGrad");
    }
}

TEST_P(OpsTest, InstanceNormTakesNoPixels) {
  const Tensor x({2, 0, 3, 4});
  EXPECT_TRUE(run("InstanceNorm", {&x}, {2, 0, 3, 4}, {0, 0, 1e-5}).empty());
}

TEST_P(OpsTest, InstanceNormRefusesWhatItDoesNotKnow) {
  const auto x = Tensor::random({1, 2, 2, 3}, 1);
  const Tensor y({1, 2, 2, 3});
  EXPECT_THROW(one.run("InstanceNorm", {x.get()}, {&y}, {6, 0, 1e-5}), std::runtime_error);
  EXPECT_THROW(one.run("InstanceNormGrad", {x.get()}, {&y}, {0, 0, 1e-5}), std::runtime_error);
}

// --- reflection padding

TEST_P(OpsTest, ReflectPadReflectsAndItsGradientIsItsTranspose) {
  const Shape shapes[] = {{1, 2, 2, 1}, {2, 3, 4, 5}, {1, 9, 8, 16}, {1, 50, 47, 17}};
  for (const Shape& s : shapes)
    for (const std::int64_t pad : {0, 1, 3}) {
      if (pad >= std::min(s[1], s[2])) continue;
      const auto x = Tensor::random(s, 1);
      const std::int64_t h = s[1] + 2 * pad, w = s[2] + 2 * pad;
      const auto reflected = [&](std::int64_t i, std::int64_t size) {
        i = std::abs(i - pad);
        return i < size ? i : 2 * (size - 1) - i;
      };
      const auto dy = Tensor::random({s[0], h, w, s[3]}, 2);
      std::vector<float> expected;
      Doubles gradient(static_cast<std::size_t>(x->size()));
      for (std::int64_t i = 0; i < dy->size(); ++i) {
        const std::int64_t c = i % s[3], px = i / s[3] % w, py = i / s[3] / w % h;
        const std::int64_t n = i / s[3] / w / h;
        const std::int64_t from =
            ((n * s[1] + reflected(py, s[1])) * s[2] + reflected(px, s[2])) * s[3] + c;
        expected.push_back((*x)[from]);
        gradient[static_cast<std::size_t>(from)] += static_cast<double>((*dy)[i]);
      }
      const std::vector<double> attrs{static_cast<double>(pad)};
      EXPECT_EQ(run("ReflectPad", {x.get()}, {s[0], h, w, s[3]}, attrs), expected);
      expect_close(run("ReflectPadGrad", {dy.get()}, s, attrs), floats(gradient), 1e-6f,
                   "ReflectPadGrad");
    }
}

TEST_P(OpsTest, ReflectPadRefusesAPadThatDoesNotFit) {
  const auto x = Tensor::random({1, 3, 3, 1}, 1);
  const Tensor y({1, 9, 9, 1}), z({1, 6, 6, 1});
  EXPECT_THROW(one.run("ReflectPad", {x.get()}, {&y}, {3}), std::runtime_error);
  EXPECT_THROW(one.run("ReflectPad", {x.get()}, {&z}, {1}), std::runtime_error);
}

// --- Adam

// Tensors of these sizes: params, gradients, first and second moments.
struct AdamLists {
  std::vector<std::int64_t> sizes;
  double rate = 0.02, beta1 = 0.5, beta2 = 0.999, correction = 1.7, epsilon = 1e-8;
  Tensor scalars{{7}, floats({rate, beta1, 1 - beta1, beta2, 1 - beta2, correction, epsilon})};
  Tensors lists[4];

  explicit AdamLists(std::vector<std::int64_t> of) : sizes(std::move(of)) {
    for (unsigned list = 0; list < 4; ++list)
      for (const std::int64_t size : sizes) {
        auto& tensor = lists[list].emplace_back(Tensor::random({size}, list));
        if (list == 3)
          for (std::int64_t i = 0; i < size; ++i)
            tensor->view().f32_out()[i] = std::abs((*tensor)[i]);
      }
  }
  std::vector<const Tensor*> of(std::initializer_list<int> which) const {
    std::vector<const Tensor*> result;
    for (const int list : which)
      for (const Tensor* tensor : pointers(lists[list])) result.push_back(tensor);
    return result;
  }
  std::vector<const Tensor*> inputs() const {
    auto result = of({0, 1, 2, 3});
    result.insert(result.begin(), &scalars);
    return result;
  }
  std::vector<Shape> output_shapes() const {
    std::vector<Shape> shapes;
    for (int list = 0; list < 3; ++list)
      for (const std::int64_t size : sizes) shapes.push_back({size});
    return shapes;
  }
};

const std::vector<std::int64_t> kAdamSizes[] = {{1, 40000, 0, 17, 70001, 3},
                                                {5, 1000003, 0, 70001}};  // past the caches

TEST_P(OpsTest, AdamUpdatesEveryTensor) {
  for (const auto& sizes : kAdamSizes) {
    const AdamLists adam(sizes);
    const auto out = run_all("AdamUpdate", adam.inputs(), adam.output_shapes(), {});
    for (std::size_t t = 0; t < sizes.size(); ++t) {
      std::vector<float> p, m, v;
      for (std::int64_t i = 0; i < sizes[t]; ++i) {
        const auto value = [&](int list) { return static_cast<double>((*adam.lists[list][t])[i]); };
        const double first = adam.beta1 * value(2) + (1 - adam.beta1) * value(1);
        const double second = adam.beta2 * value(3) + (1 - adam.beta2) * value(1) * value(1);
        const double deviation = std::sqrt(second * adam.correction) + adam.epsilon;
        p.push_back(static_cast<float>(value(0) - adam.rate * first / deviation));
        m.push_back(static_cast<float>(first));
        v.push_back(static_cast<float>(second));
      }
      expect_close(out[t], p, 2e-6f, "params");
      expect_close(out[sizes.size() + t], m, 1e-6f, "first moments");
      expect_close(out[2 * sizes.size() + t], v, 1e-6f, "second moments");
    }
  }
}

TEST_P(OpsTest, AdamUpdatesInPlaceToTheSameBits) {
  for (const auto& sizes : kAdamSizes) {
    const AdamLists adam(sizes);
    const auto expected = run_all("AdamUpdate", adam.inputs(), adam.output_shapes(), {});
    const auto updated = adam.of({0, 2, 3});
    three.run("AdamUpdate", adam.inputs(), updated);
    for (std::size_t i = 0; i < updated.size(); ++i) EXPECT_EQ(updated[i]->values(), expected[i]);
  }
}

// --- residual dense block

struct Block {
  std::int64_t n, h, w, c, growth;
  int convs;
  bool biased, normed;
  double alpha = 0.5, slope = 0.2, epsilon = 1e-3;

  std::int64_t in(int i) const { return c + i * growth; }
  std::int64_t out(int i) const { return i == convs - 1 ? c : growth; }
  Shape x() const { return {n, h, w, c}; }
  std::vector<double> attrs() const {
    return {
        static_cast<double>(convs), biased ? 1.0 : 0.0, normed ? 1.0 : 0.0, alpha, slope, epsilon};
  }
  // x, filters, biases if there are.
  Tensors inputs() const {
    Tensors result;
    result.push_back(Tensor::random(x(), 1));
    for (int i = 0; i < convs; ++i) {
      auto& filter = result.emplace_back(Tensor::random({3, 3, in(i), out(i)}, 10u + i));
      const float scale = 1.0f / std::sqrt(9.0f * static_cast<float>(in(i)));
      for (std::int64_t k = 0; k < filter->size(); ++k) filter->view().f32_out()[k] *= scale;
    }
    for (int i = 0; biased && i < convs; ++i) result.push_back(Tensor::random({out(i)}, 30u + i));
    return result;
  }
  std::vector<Shape> outputs() const {
    const std::int64_t read = in(convs - 1);
    std::vector<Shape> result{x(), {n, h, w, normed ? read + c : read}};
    if (normed) result.push_back({n, read});
    return result;
  }
  Doubles forward(const std::vector<Doubles>& inputs) const {
    Image all{n, h, w, c, inputs[0]}, y;
    for (int i = 0; i < convs; ++i) {
      const auto at = static_cast<std::size_t>(i);
      y = testing::conv3x3(all, inputs[1 + at],
                           biased ? &inputs[1 + at + static_cast<std::size_t>(convs)] : nullptr,
                           out(i));
      if (normed) y = testing::instance_norm(y, epsilon);
      if (i == convs - 1) break;
      Image wider = testing::blank(all, all.c + growth);
      for (std::int64_t p = 0; p < all.pixels(); ++p) {
        for (std::int64_t k = 0; k < all.c; ++k) wider.at(p, k) = all.at(p, k);
        for (std::int64_t k = 0; k < growth; ++k) {
          const double v = y.at(p, k);
          wider.at(p, all.c + k) = v < 0 ? slope * v : v;
        }
      }
      all = wider;
    }
    for (std::size_t i = 0; i < y.values.size(); ++i)
      y.values[i] = inputs[0][i] + alpha * y.values[i];
    return y.values;
  }
};

TEST_P(OpsTest, ResidualDenseBlockAndItsGradientAreTheirDefinition) {
  const Block blocks[] = {
      {1, 1, 1, 1, 1, 1, true, false},    {1, 3, 2, 2, 3, 1, false, true},
      {2, 4, 3, 3, 2, 2, true, false},    {2, 4, 5, 17, 5, 3, false, true},
      {1, 6, 6, 16, 8, 5, true, false},   {1, 6, 5, 16, 8, 5, false, true},
      {3, 3, 3, 33, 16, 3, false, false}, {1, 12, 12, 32, 32, 3, false, true},
      {1, 1, 1, 16, 16, 2, true, false},  {1, 3, 2, 4, 0, 2, true, false},
      {1, 3, 2, 0, 3, 2, true, false},    {0, 3, 2, 4, 3, 2, true, false},
  };
  for (const Block& block : blocks) {
    SCOPED_TRACE(::testing::Message() << block.h << "x" << block.w << "x" << block.c << ", "
                                      << block.convs << " convolutions, norm " << block.normed);
    const Tensors inputs = block.inputs();
    const auto out =
        run_all("ResidualDenseBlock", pointers(inputs), block.outputs(), block.attrs());
    const auto values = values_of(inputs);
    expect_close(out[0], floats(block.forward(values)), 1e-4f, "y");

    const auto dy = Tensor::random(block.x(), 3);
    const Tensor buffer(block.outputs()[1], out[1]);
    std::vector<const Tensor*> in{dy.get(), &buffer};
    std::unique_ptr<Tensor> inverse;
    if (block.normed) {
      inverse = std::make_unique<Tensor>(block.outputs()[2], out[2]);
      in.push_back(inverse.get());
    }
    std::vector<Shape> shapes{block.x()};
    for (int i = 0; i < block.convs; ++i) {
      in.push_back(inputs[1 + static_cast<std::size_t>(i)].get());
      shapes.push_back({3, 3, block.in(i), block.out(i)});
    }
    for (int i = 0; block.biased && i < block.convs; ++i) shapes.push_back({block.out(i)});
    const auto grads = run_all("ResidualDenseBlockGrad", in, shapes, block.attrs());
    const Doubles weights = doubles(dy->values());
    for (std::size_t i = 0; i < grads.size(); ++i)
      expect_gradient(
          [&](const std::vector<Doubles>& xs) { return testing::dot(block.forward(xs), weights); },
          values, i, grads[i], 1e-3, "gradient " + std::to_string(i));
  }
}

TEST_P(OpsTest, ResidualDenseBlockRefusesWhatDoesNotFit) {
  Block block{1, 3, 3, 2, 2, 2, false, false};
  const Tensors inputs = block.inputs();
  const Tensor y(block.x()), buffer(block.outputs()[1]), small({1, 3, 3, 3});
  EXPECT_THROW(one.run("ResidualDenseBlock", pointers(inputs), {&y, &small}, block.attrs()),
               std::runtime_error);
  block.slope = 0;
  EXPECT_THROW(one.run("ResidualDenseBlock", pointers(inputs), {&y, &buffer}, block.attrs()),
               std::runtime_error);
}

// --- perceptual loss

struct Tap {
  int conv;
  bool activated;
};

struct Stack {
  std::int64_t n, h, w, c;
  std::vector<std::int64_t> widths;
  std::vector<bool> pooled;
  std::vector<Tap> taps;

  bool keeps_last() const {
    for (const Tap& tap : taps)
      if (tap.activated && tap.conv + 1 == static_cast<int>(widths.size())) return true;
    return false;
  }
  std::vector<double> attrs(bool cached) const {
    std::vector<double> result{static_cast<double>(widths.size()), static_cast<double>(taps.size()),
                               cached ? 1.0 : 0.0};
    for (const bool p : pooled) result.push_back(p ? 1 : 0);
    for (const Tap& tap : taps) {
      result.push_back(tap.conv);
      result.push_back(tap.activated ? 1 : 0);
    }
    return result;
  }
  std::vector<Image> features(const Doubles& x, const Tensors& weights) const {
    std::vector<Image> result(taps.size());
    Image y{n, h, w, c, x};
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (pooled[i]) {
        Image half{y.n, y.h / 2, y.w / 2, y.c, {}};
        half.values.resize(static_cast<std::size_t>(half.pixels() * y.c));
        for (std::int64_t p = 0; p < half.pixels(); ++p) {
          const std::int64_t row = p / half.w / half.h * y.h + p / half.w % half.h * 2;
          const std::int64_t at = row * y.w + p % half.w * 2;
          for (std::int64_t k = 0; k < y.c; ++k)
            half.at(p, k) =
                std::max({y.at(at, k), y.at(at + 1, k), y.at(at + y.w, k), y.at(at + y.w + 1, k)});
        }
        y = half;
      }
      const Doubles bias = doubles(weights[2 * i + 1]->values());
      y = testing::conv3x3(y, doubles(weights[2 * i]->values()), &bias, widths[i]);
      for (std::size_t t = 0; t < taps.size(); ++t)
        if (taps[t].conv == static_cast<int>(i) && !taps[t].activated) result[t] = y;
      for (double& v : y.values) v = std::max(v, 0.0);
      for (std::size_t t = 0; t < taps.size(); ++t)
        if (taps[t].conv == static_cast<int>(i) && taps[t].activated) result[t] = y;
    }
    return result;
  }
};

TEST_P(OpsTest, PerceptualLossAndItsGradientAreTheirDefinition) {
  const Stack stacks[] = {
      {1, 3, 4, 1, {2}, {false}, {{0, true}}},
      {2, 3, 3, 3, {5}, {false}, {{0, false}}},
      {2, 7, 11, 3, {4, 6, 6, 18}, {false, true, false, true}, {{3, true}}},
      {1,
       9,
       6,
       3,
       {17, 16, 8},
       {false, true, false},
       {{0, true}, {1, false}, {1, true}, {2, false}}},
  };
  for (const Stack& s : stacks)
    for (const bool cached : {false, true}) {
      SCOPED_TRACE(::testing::Message() << s.h << "x" << s.w << ", " << s.widths.size()
                                        << " convolutions, cached " << cached);
      Tensors weights;
      std::int64_t inputs = s.c;
      for (std::size_t i = 0; i < s.widths.size(); ++i) {
        auto filter = Tensor::random({3, 3, inputs, s.widths[i]}, static_cast<unsigned>(10 + i));
        const float scale = std::sqrt(2.0f / (9.0f * static_cast<float>(inputs)));
        for (std::int64_t k = 0; k < filter->size(); ++k) filter->view().f32_out()[k] *= scale;
        weights.push_back(std::move(filter));
        weights.push_back(Tensor::random({s.widths[i]}, static_cast<unsigned>(40 + i)));
        inputs = s.widths[i];
      }
      const auto x = Tensor::random({s.n, s.h, s.w, s.c}, 1);
      const auto target = Tensor::random({s.n, s.h, s.w, s.c}, 2);
      const auto wanted = s.features(doubles(target->values()), weights);
      const auto loss = [&](const std::vector<Doubles>& xs) {
        const auto found = s.features(xs[0], weights);
        double total = 0;
        for (std::size_t t = 0; t < found.size(); ++t) {
          double sum = 0;
          for (std::size_t k = 0; k < found[t].values.size(); ++k)
            sum += std::abs(found[t].values[k] - wanted[t].values[k]);
          total += sum / static_cast<double>(found[t].values.size());
        }
        return total / static_cast<double>(found.size());
      };

      std::vector<const Tensor*> in{x.get()};
      Tensors features;
      if (cached)
        for (const Image& image : wanted)
          in.push_back(features
                           .emplace_back(std::make_unique<Tensor>(
                               Shape{image.n, image.h, image.w, image.c}, floats(image.values)))
                           .get());
      else
        in.push_back(target.get());
      for (const auto& weight : weights) in.push_back(weight.get());
      std::vector<Shape> shapes{{}};
      for (const Image& image : wanted) shapes.push_back({image.n, image.h, image.w, image.c});
      std::int64_t h = s.h, w = s.w;
      for (std::size_t i = 0; i < s.widths.size(); ++i) {
        if (s.pooled[i]) h /= 2, w /= 2;
        if (i + 1 < s.widths.size() || s.keeps_last())
          shapes.push_back({cached ? s.n : 2 * s.n, h, w, s.widths[i]});
      }
      const auto out = run_all("PerceptualLoss", in, shapes, s.attrs(cached));
      EXPECT_NEAR(out[0][0], loss({doubles(x->values())}), 1e-5);

      const float factor = -1.5f;
      const Tensor dy({}, {factor});
      std::vector<const Tensor*> to_grad{&dy};
      for (std::size_t i = 0; i < s.widths.size(); ++i) to_grad.push_back(weights[2 * i].get());
      std::list<Tensor> kept;
      for (std::size_t i = 1; i < out.size(); ++i)
        to_grad.push_back(&kept.emplace_back(shapes[i], out[i]));
      const auto dx = run("PerceptualLossGrad", to_grad, {s.n, s.h, s.w, s.c}, s.attrs(cached));
      expect_gradient([&](const std::vector<Doubles>& xs) { return factor * loss(xs); },
                      {doubles(x->values())}, 0, dx, 1e-3, "dx");
    }
}

INSTANTIATE_KERNEL_TESTS(OpsTest);

}  // namespace
}  // namespace rareface
