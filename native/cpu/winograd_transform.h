// The transforms of Winograd's method for 3x3 filters, on vectors of channels.
//
// The matrices are Cook and Toom's for a set of points. The filter gradient needs no others: it is
// the transpose of the forward pass in its filter.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "simd.h"

namespace rareface::cpu {

namespace winograd_matrices {

template <int Rows, int Cols>
using Matrix = std::array<std::array<float, Cols>, Rows>;

// The finite points, from kFirst on in pairs p, -p, which share half of their sums. Those of 3 and
// 4 were chosen for their error: a third of that of 0, +-1, +-2.
template <int M>
struct Points;
template <>
struct Points<2> {
  static constexpr int kFirst = 1, kPairs = 1;
  static constexpr double kValues[] = {0, 1, -1};
};
template <>
struct Points<3> {
  static constexpr int kFirst = 0, kPairs = 2;
  static constexpr double kValues[] = {0.45, -0.45, 1.25, -1.25};
};
template <>
struct Points<4> {
  static constexpr int kFirst = 1, kPairs = 2;
  static constexpr double kA = 0.70710678118654752, kB = 2 * kA;
  static constexpr double kValues[] = {0, kA, -kA, kB, -kB};
};

// y = output * ((filter * g) . (input * x)): the last point is infinity.
template <int M>
struct Matrices {
  static constexpr int kTile = M + 2;
  static constexpr int kFinite = kTile - 1;
  Matrix<M, kTile> output{};
  Matrix<kTile, 3> filter{};
  Matrix<kTile, kTile> input{};

  constexpr Matrices() {
    constexpr auto& p = Points<M>::kValues;
    for (int k = 0; k < kTile; ++k) {
      // The product of x - p over the other finite points, and its value at p[k].
      double polynomial[kTile] = {1};
      double norm = 1;
      int degree = 0;
      for (int l = 0; l < kFinite; ++l) {
        if (l == k) continue;
        ++degree;
        for (int i = degree; i >= 0; --i)
          polynomial[i] = (i > 0 ? polynomial[i - 1] : 0) - (i < degree ? p[l] * polynomial[i] : 0);
        if (k < kFinite) norm *= p[k] - p[l];
      }
      for (int i = 0; i < kTile; ++i) set(input, k, i, polynomial[i]);
      double power = 1;
      for (int i = 0; i < kTile; ++i) {
        if (k < kFinite) {
          if (i < M) set(output, i, k, power);
          if (i < 3) set(filter, k, i, power / norm);
          power *= p[k];
        } else {
          if (i == M - 1) set(output, i, k, 1);
          if (i == 2) set(filter, k, i, 1);
        }
      }
    }
  }

 private:
  template <class Any>
  static constexpr void set(Any& matrix, int row, int col, double value) {
    // What is 0 or 1 but for the rounding of irrational points, is.
    const double nearest = value < 0 ? static_cast<double>(static_cast<int>(value - 0.5))
                                     : static_cast<double>(static_cast<int>(value + 0.5));
    const double error = value - nearest;
    matrix[static_cast<std::size_t>(row)][static_cast<std::size_t>(col)] =
        static_cast<float>(error < 1e-12 && error > -1e-12 ? nearest : value);
  }
};

template <int M>
inline constexpr Matrices<M> kMatrices;

// body(integral_constant<int, 0>) .. body(integral_constant<int, N - 1>)
template <int N, class F>
[[gnu::always_inline]] inline void unrolled(F&& body) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, I>{}), ...);
  }(std::make_integer_sequence<int, N>{});
}

// sum += factor * x. Inlined, the factor and `any` are constants.
[[gnu::always_inline]] inline void add_product(Vec& sum, bool& any, float factor, Vec x) {
  if (factor == 0.0f) return;
  if (factor == 1.0f)
    sum = any ? sum + x : x;
  else if (factor == -1.0f)
    sum = any ? sum - x : -x;
  else
    sum = any ? sum + x * factor : x * factor;
  any = true;
}

// out[r] = sum over c of get(r, c) * in[c]. Rows are points: those of a pair differ in the signs of
// the odd columns.
template <class Points, int Rows, int Cols, class Get>
[[gnu::always_inline]] inline void by_points(const Vec* in, Vec* out, Get get) {
  unrolled<Rows>([&](auto row) __attribute__((always_inline)) {
    constexpr int kRow = decltype(row)::value;
    constexpr int kInPairs = kRow - Points::kFirst;
    constexpr bool kPaired = kInPairs >= 0 && kInPairs < 2 * Points::kPairs;
    if constexpr (kPaired && kInPairs % 2 == 1) return;
    Vec even{}, odd{};
    bool any_even = false, any_odd = false;
    unrolled<Cols>([&](auto col) __attribute__((always_inline)) {
      constexpr int kCol = decltype(col)::value;
      if constexpr (kPaired && kCol % 2 == 1)
        add_product(odd, any_odd, get(kRow, kCol), in[kCol]);
      else
        add_product(even, any_even, get(kRow, kCol), in[kCol]);
    });
    if constexpr (kPaired) {
      out[kRow] = even + odd;
      out[kRow + 1] = even - odd;
    } else {
      out[kRow] = even;
    }
  });
}

// out[r] = sum over c of get(r, c) * in[c]. Columns are points: those of a pair differ in the signs
// of the odd rows.
template <class Points, int Rows, int Cols, class Get>
[[gnu::always_inline]] inline void from_points(const Vec* in, Vec* out, Get get) {
  Vec sum[Points::kPairs], difference[Points::kPairs];
  unrolled<Points::kPairs>([&](auto pair) __attribute__((always_inline)) {
    constexpr int kPair = decltype(pair)::value;
    constexpr int kCol = Points::kFirst + 2 * kPair;
    sum[kPair] = in[kCol] + in[kCol + 1];
    difference[kPair] = in[kCol] - in[kCol + 1];
  });
  unrolled<Rows>([&](auto row) __attribute__((always_inline)) {
    constexpr int kRow = decltype(row)::value;
    Vec total{};
    bool any = false;
    unrolled<Cols>([&](auto col) __attribute__((always_inline)) {
      constexpr int kCol = decltype(col)::value;
      constexpr int kInPairs = kCol - Points::kFirst;
      if constexpr (kInPairs < 0 || kInPairs >= 2 * Points::kPairs)
        add_product(total, any, get(kRow, kCol), in[kCol]);
      else if constexpr (kInPairs % 2 == 0)
        add_product(total, any, get(kRow, kCol), (kRow % 2 == 0 ? sum : difference)[kInPairs / 2]);
    });
    out[kRow] = total;
  });
}

}  // namespace winograd_matrices

// The transforms, each from kIn x kIn to kOut x kOut: of an input tile, a filter, a tile of
// products, a tile of the output's gradient, and of products into a filter's gradient.
template <int M>
struct Winograd {
  static constexpr int kOutputs = M, kTile = M + 2, kPoints = kTile * kTile;
  using Points = winograd_matrices::Points<M>;

  struct Input {
    static constexpr int kIn = kTile, kOut = kTile;
    [[gnu::always_inline]] static void apply(const Vec* in, Vec* out) {
      winograd_matrices::by_points<Points, kOut, kIn>(
          in, out, [](int r, int c) __attribute__((always_inline)) {
            return winograd_matrices::kMatrices<M>.input[static_cast<std::size_t>(r)]
                                                        [static_cast<std::size_t>(c)];
          });
    }
  };
  struct Filter {
    static constexpr int kIn = 3, kOut = kTile;
    [[gnu::always_inline]] static void apply(const Vec* in, Vec* out) {
      winograd_matrices::by_points<Points, kOut, kIn>(
          in, out, [](int r, int c) __attribute__((always_inline)) {
            return winograd_matrices::kMatrices<M>.filter[static_cast<std::size_t>(r)]
                                                         [static_cast<std::size_t>(c)];
          });
    }
  };
  struct Output {
    static constexpr int kIn = kTile, kOut = M;
    [[gnu::always_inline]] static void apply(const Vec* in, Vec* out) {
      winograd_matrices::from_points<Points, kOut, kIn>(
          in, out, [](int r, int c) __attribute__((always_inline)) {
            return winograd_matrices::kMatrices<M>.output[static_cast<std::size_t>(r)]
                                                         [static_cast<std::size_t>(c)];
          });
    }
  };
  struct OutputGrad {
    static constexpr int kIn = M, kOut = kTile;
    [[gnu::always_inline]] static void apply(const Vec* in, Vec* out) {
      winograd_matrices::by_points<Points, kOut, kIn>(
          in, out, [](int r, int c) __attribute__((always_inline)) {
            return winograd_matrices::kMatrices<M>.output[static_cast<std::size_t>(c)]
                                                         [static_cast<std::size_t>(r)];
          });
    }
  };
  struct FilterGrad {
    static constexpr int kIn = kTile, kOut = 3;
    [[gnu::always_inline]] static void apply(const Vec* in, Vec* out) {
      winograd_matrices::from_points<Points, kOut, kIn>(
          in, out, [](int r, int c) __attribute__((always_inline)) {
            return winograd_matrices::kMatrices<M>.filter[static_cast<std::size_t>(c)]
                                                         [static_cast<std::size_t>(r)];
          });
    }
  };
};

// put(y, x, ...) of the transform, in rows and columns, of get(y, x).
template <class Transform, class Get, class Put>
[[gnu::always_inline]] inline void transform_square(Get&& get, Put&& put) {
  constexpr int kIn = Transform::kIn, kOut = Transform::kOut;
  Vec half[kOut][kIn];
  // Unrolled, so that what fits the registers stays there.
  winograd_matrices::unrolled<kIn>([&](auto column) __attribute__((always_inline)) {
    constexpr int x = decltype(column)::value;
    Vec in[kIn], out[kOut];
#pragma GCC unroll 8
    for (int y = 0; y < kIn; ++y) in[y] = get(y, x);
    Transform::apply(in, out);
#pragma GCC unroll 8
    for (int y = 0; y < kOut; ++y) half[y][x] = out[y];
  });
  winograd_matrices::unrolled<kOut>([&](auto row) __attribute__((always_inline)) {
    constexpr int y = decltype(row)::value;
    Vec in[kIn], out[kOut];
#pragma GCC unroll 8
    for (int x = 0; x < kIn; ++x) in[x] = half[y][x];
    Transform::apply(in, out);
#pragma GCC unroll 8
    for (int x = 0; x < kOut; ++x) put(y, x, out[x]);
  });
}

}  // namespace rareface::cpu
