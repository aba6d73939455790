// What kernels are compared with: plain loops in double precision, and slopes by differences of
// them.
#pragma once

#include <cmath>
#include <functional>

#include "kernels.h"

namespace rareface::testing {

using Doubles = std::vector<double>;

inline Doubles doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }
inline std::vector<float> floats(const Doubles& values) { return {values.begin(), values.end()}; }

// An NHWC image.
struct Image {
  std::int64_t n, h, w, c;
  Doubles values;

  std::int64_t pixels() const { return n * h * w; }
  double& at(std::int64_t pixel, std::int64_t channel) {
    return values[static_cast<std::size_t>(pixel * c + channel)];
  }
  double at(std::int64_t pixel, std::int64_t channel) const {
    return values[static_cast<std::size_t>(pixel * c + channel)];
  }
};

inline Image blank(const Image& like, std::int64_t channels) {
  return {like.n, like.h, like.w, channels,
          Doubles(static_cast<std::size_t>(like.pixels() * channels))};
}

// 3x3, pad 1.
inline Image conv3x3(const Image& x, const Doubles& filter, const Doubles* bias, std::int64_t out) {
  Image y = blank(x, out);
  for (std::int64_t p = 0; p < x.pixels(); ++p) {
    const std::int64_t px = p % x.w, py = p / x.w % x.h;
    for (std::int64_t o = 0; o < out; ++o)
      if (bias) y.at(p, o) = (*bias)[static_cast<std::size_t>(o)];
    for (std::int64_t k = 0; k < 9; ++k) {
      const std::int64_t dy = k / 3 - 1, dx = k % 3 - 1;
      if (py + dy < 0 || py + dy >= x.h || px + dx < 0 || px + dx >= x.w) continue;
      for (std::int64_t i = 0; i < x.c; ++i)
        for (std::int64_t o = 0; o < out; ++o)
          y.at(p, o) += x.at(p + dy * x.w + dx, i) *
                        filter[static_cast<std::size_t>((k * x.c + i) * out + o)];
    }
  }
  return y;
}

inline Image instance_norm(Image x, double epsilon) {
  const std::int64_t pixels = x.h * x.w;
  for (std::int64_t n = 0; n < x.n; ++n)
    for (std::int64_t c = 0; c < x.c; ++c) {
      double mean = 0, variance = 0;
      for (std::int64_t p = 0; p < pixels; ++p) mean += x.at(n * pixels + p, c);
      mean /= static_cast<double>(pixels);
      for (std::int64_t p = 0; p < pixels; ++p) {
        const double d = x.at(n * pixels + p, c) - mean;
        variance += d * d;
      }
      variance /= static_cast<double>(pixels);
      for (std::int64_t p = 0; p < pixels; ++p) {
        double& v = x.at(n * pixels + p, c);
        v = (v - mean) / std::sqrt(variance + epsilon);
      }
    }
  return x;
}

inline double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Expects that `gradient` is the loss's by xs[i]: along a random direction, by central differences.
inline void expect_gradient(const std::function<double(const std::vector<Doubles>&)>& loss,
                            const std::vector<Doubles>& xs, std::size_t i,
                            const std::vector<float>& gradient, double tolerance,
                            const std::string& what) {
  ASSERT_EQ(gradient.size(), xs[i].size()) << what;
  constexpr double kStep = 1e-9;  // small, so that it crosses no kink
  std::mt19937 engine(static_cast<unsigned>(7 + i));
  std::normal_distribution<double> normal;
  Doubles direction(xs[i].size());
  for (double& d : direction) d = normal(engine);
  const auto moved = [&](double step) {
    auto at = xs;
    for (std::size_t k = 0; k < direction.size(); ++k) at[i][k] += step * direction[k];
    return loss(at);
  };
  const double slope = (moved(kStep) - moved(-kStep)) / (2 * kStep);
  const Doubles g = doubles(gradient);
  EXPECT_NEAR(dot(g, direction), slope, tolerance * std::sqrt(dot(g, g))) << what;
}

}  // namespace rareface::testing
